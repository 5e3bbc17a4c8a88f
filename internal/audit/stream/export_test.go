package stream

import "time"

// Within bounds how long the receiver may take.
func (s *Stream) Within(d time.Duration) { s.within = d }
