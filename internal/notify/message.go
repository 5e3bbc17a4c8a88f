package notify

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// message is what a delivery says. All of it but the link is somebody's words
// and is escaped for where it goes.
type message struct {
	address  string // of a person, who is told by mail
	topic    portal.Topic
	headline string
	lines    []line
	link     string
	number   int64 // of the request; 0 for a test
	at       time.Time
}

// line is one thing that a message says.
type line struct{ label, text string }

// message is what a delivery has to say now. It reports false when that is no
// longer true, or no longer the business of whom it is for.
func (s *Service) message(ctx context.Context, d claimed) (message, bool, error) {
	if d.notificationID == "" {
		return s.testMessage(d), true, nil
	}
	n, r, err := s.situation(ctx, d)
	if err != nil {
		return message{}, false, err
	}
	if n.RequestID == "" {
		return s.changeMessage(ctx, d, n)
	}
	if d.topic.Waits() && r.State != portal.Pending {
		return message{}, false, nil
	}
	m := s.compose(d.topic, n, r)
	if d.person.IsZero() {
		return m, true, nil
	}
	p, err := s.reader(ctx, s.Pool, d.person)
	if portal.Is(err, portal.KindNotFound) {
		return m, false, nil
	}
	if err != nil {
		return m, false, err
	}
	mandates, err := store.MandatesOf(ctx, s.Pool, p.Identity, s.Now(), s.Now().Add(-portal.KnownFor))
	m.address = p.Email
	byMail := d.channelID == ""
	return m, s.concerns(d.topic, n.Actor, r, p.Actor, mandates) && (!byMail || p.wants(d.topic)), err
}

func (s *Service) testMessage(d claimed) message {
	return message{
		headline: "A test of the portal's notifications",
		lines:    []line{{"", "This is a test. It shows that notifications arrive here."}},
		link:     s.BaseURL.JoinPath("/").String(), at: d.createdAt,
	}
}

// compose says who did what, why, and how it stands.
func (s *Service) compose(o portal.Topic, n Notification, r portal.Request) message {
	name := fmt.Sprintf("#%d (%s %s)", r.Number, r.Operation.Title(), r.TargetName)
	state := r.State.Sentence()
	if r.Reason != "" {
		state += " " + r.Reason
	}
	m := message{topic: o, headline: plain(headline(o, name), 200), number: r.Number, at: n.At,
		link: s.BaseURL.JoinPath("requests", fmt.Sprint(r.Number)).String()}
	for _, l := range []line{
		{"", n.Summary}, {"Requested by", r.Requester.Name}, {"Team", cmp.Or(r.Team.Name, "several")},
		{"Reason", r.Justification}, {"State", state},
	} {
		if text := plain(l.text, 1000); text != "" {
			m.lines = append(m.lines, line{l.label, text})
		}
	}
	return m
}

func headline(o portal.Topic, name string) string {
	switch o {
	case portal.TopicReviewRequested:
		return name + " waits for a decision"
	case portal.TopicDecided:
		return "A decision on " + name
	case portal.TopicExpiring:
		return name + " expires soon"
	case portal.TopicStale:
		return name + " is out of date"
	case portal.TopicExecuted:
		return name + " is done"
	case portal.TopicFailed:
		return name + " has failed"
	}
	return "Approvals were bypassed for " + name
}

// plain makes one line of a text: without line breaks, control characters and
// what turns the direction of writing, none of which its writer could want to
// do to a message.
func plain(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r):
			return ' '
		case unicode.Is(unicode.Cf, r), r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, text)
	runes := []rune(strings.Join(strings.Fields(text), " "))
	if len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return string(runes)
}

// text is the message as plain text.
func (m message) text() string {
	var b strings.Builder
	for _, l := range m.lines {
		if l.label != "" {
			b.WriteString(l.label + ": ")
		}
		b.WriteString(l.text + "\n")
	}
	return b.String() + "\n" + m.link + "\n"
}
