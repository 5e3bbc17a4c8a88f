package dosim

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

// message is a status message of a cluster. It is shown from its time on.
type message struct {
	Text string    `json:"text"`
	At   time.Time `json:"at"`
}

// say emits a status message at a time, which may be in the future.
func (c *cluster) say(at time.Time, format string, args ...any) {
	c.Messages = append(c.Messages, message{Text: fmt.Sprintf(format, args...), At: at})
	slices.SortStableFunc(c.Messages, func(a, b message) int { return a.At.Compare(b.At) })
}

func (w *world) listMessages(r *http.Request) (any, error) {
	c, err := w.cluster(r)
	if err != nil {
		return nil, err
	}
	var since time.Time
	if raw := r.URL.Query().Get("since"); raw != "" {
		if since, err = time.Parse(time.RFC3339, raw); err != nil {
			return nil, invalid("invalid since")
		}
	}
	messages := []object{}
	for _, m := range c.Messages {
		if reached(w.now(), m.At) && !m.At.Before(since) {
			messages = append(messages, object{"message": m.Text, "timestamp": timestamp(m.At)})
		}
	}
	return object{"messages": messages}, nil
}
