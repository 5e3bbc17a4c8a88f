package web

import (
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"doksportal/internal/events"
	"doksportal/internal/portal"
)

// Stream times. A session that ends takes its streams with it within recheck.
const (
	recheck  = 15 * time.Second
	maxLate  = time.Second // by which changes of the inbox are told later
	writeFor = 10 * time.Second
)

// What a stream says: that what the page shows may have changed, and that what
// waits for the reader may have.
const (
	changed      = "event: changed\n\n"
	inboxChanged = "event: inbox\n\n"
	ended        = "event: ended\n\n" // the session was, so the page has no business to stay
	stillHere    = ": still here\n\n"
)

// ownInbox is the feed of what waits for the reader.
const ownInbox events.Feed = "inbox"

// maxStreams is how many pages of one person a replica keeps up to date at once.
const maxStreams = 50

// events tells an open page that what it shows may have changed. It sends no
// data: the page fetches itself again, with all checks.
func (s *Server) events(c *gin.Context, v viewer) error {
	feeds, err := s.feeds(c, v)
	if err != nil {
		return err
	}
	leave, ok := s.streams.Enter(v.actor.Identity)
	if !ok {
		return portal.E(portal.KindLimited, "you have more pages open than the portal keeps up to date at once; close some of them")
	}
	defer leave()
	wake, unsubscribe := s.Hub.Subscribe(feeds...)
	defer unsubscribe()
	over, unsubscribeOver := s.Hub.Subscribe(events.Sessions(v.actor.Identity))
	defer unsubscribeOver()
	// What changed between the page's rendering and the subscription would be
	// missed without a first word.
	message := changed
	var inbox <-chan struct{} // nobody hears of it unless it is asked for
	if slices.Contains(feeds, ownInbox) {
		inboxWake, unsubscribeInbox := s.Hub.Subscribe(events.Requests)
		defer unsubscribeInbox()
		inbox, message = inboxWake, changed+inboxChanged
	}
	lasting(c)
	h := c.Writer.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // proxies must not hold back what is live
	var late <-chan time.Time
	tick := time.NewTicker(recheck)
	defer tick.Stop()
	for {
		if message != "" && !s.Auth.Valid(c.Request) {
			if s.Auth.Ended(c.Request) {
				return s.send(c, ended)
			}
			return nil
		}
		if message != "" && s.send(c, message) != nil {
			return nil
		}
		message = ""
		select {
		case <-c.Request.Context().Done():
			return nil
		case <-wake:
			message = changed
		case <-over:
			message = stillHere
		case <-inbox:
			// Everybody's inbox may have changed; not all may ask for it at once.
			if late == nil {
				late = time.After(rand.N(maxLate))
			}
		case <-late:
			late, message = nil, inboxChanged
		case <-tick.C:
			message = stillHere + s.readingMessage(c.Request.Context(), feeds)
		}
	}
}

func (s *Server) send(c *gin.Context, message string) error {
	stream := http.NewResponseController(c.Writer)
	if err := stream.SetWriteDeadline(time.Now().Add(writeFor)); err != nil {
		return err
	}
	if _, err := io.WriteString(c.Writer, message); err != nil {
		return err
	}
	return stream.Flush()
}
