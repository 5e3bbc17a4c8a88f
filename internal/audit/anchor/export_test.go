package anchor

import "time"

// Within bounds how long publishing may take.
func (o Options) Within(d time.Duration) Options {
	o.within = d
	return o
}

// Record is how a file has a checkpoint.
func Record(c Checkpoint) string { return record(c) }

// MaxNote is how long a note may be, in bytes.
const MaxNote = maxNote
