package anchor

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"strings"
	"sync"
	"time"

	"doksportal/internal/audit/remote"
)

// mails sends the newest checkpoint to auditors once a day: what people have in
// their own mailboxes is out of everybody else's reach.
type mails struct {
	to   []string
	send func(ctx context.Context, to []string, subject, body string) error
	now  func() time.Time

	mu   sync.Mutex
	last time.Time // of the last mail; zero for none
}

// mailEvery is less than a day by what a daily task may come early.
const mailEvery = 23 * time.Hour

func openMail(u *url.URL, o Options) (place, error) {
	const most = 50
	if _, err := remote.Settings(u); err != nil {
		return nil, err
	}
	list, err := url.PathUnescape(u.Opaque)
	if err != nil || list == "" {
		return nil, errors.New("write it like mailto:auditors@company.example,other@company.example")
	}
	to := strings.Split(list, ",")
	for _, address := range to {
		if parsed, err := mail.ParseAddress(address); err != nil || parsed.Address != address {
			return nil, fmt.Errorf("%.100q is not a mail address", address)
		}
	}
	if len(to) > most {
		return nil, fmt.Errorf("these are %d mail addresses, and at most %d are allowed; give a mailing list", len(to), most)
	}
	if o.Mail == nil {
		return nil, errors.New("the portal sends no mail; see PORTAL_SMTP_URL")
	}
	return &mails{to: to, send: o.Mail, now: o.Now}, nil
}

func (m *mails) String() string { return "mail to " + strings.Join(m.to, ", ") }

func (m *mails) publish(ctx context.Context, c Checkpoint) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if !m.last.IsZero() && now.Sub(m.last) < mailEvery {
		return ErrNotDue
	}
	subject := fmt.Sprintf("DOKS Portal: checkpoint of the audit trail, %d events", c.Size)
	if err := m.send(ctx, m.to, subject, mailText+c.Note); err != nil {
		return err
	}
	m.last = now
	return nil
}

// mailText is what comes before the note, which is a paragraph of its own.
const mailText = `Please keep this mail where the portal's administrators cannot delete it.

It is a signed statement of what the audit trail of DOKS Portal holds by now.
Should the trail ever be cut, be restored from an old backup or be rewritten,
it no longer agrees with this mail. "Audit trail" in the portal's documentation
says how to check it: save the mail as text, and name the file.

`
