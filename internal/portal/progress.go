package portal

import (
	"fmt"
	"time"
)

// Progress is how far DigitalOcean is with what a request asked for, as it was seen last.
// Its zero value says that nothing is known.
type Progress struct {
	Phase string `json:"phase,omitempty"` // what is being done, in plain words
	Done  int    `json:"done,omitempty"`
	Of    int    `json:"of,omitempty"`   // 0: there is nothing to count
	What  string `json:"what,omitempty"` // that is counted, like "nodes ready"
}

// Known reports whether there is anything to show.
func (p Progress) Known() bool { return p.Phase != "" }

// Count says how much is done of how much, empty when there is nothing to count.
func (p Progress) Count() string {
	if p.Of == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d %s", p.Done, p.Of, p.What)
}

// Short is the progress in a few words.
func (p Progress) Short() string {
	if p.Of == 0 {
		return p.Phase
	}
	return p.Phase + ", " + p.Count()
}

// NextStep is when the portal next does something for a request.
type NextStep struct {
	At  time.Time
	Now bool // it is being taken
}
