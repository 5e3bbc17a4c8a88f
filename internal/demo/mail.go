package demo

import (
	"html/template"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// mostMails is how many mails are kept, the newest.
const mostMails = 200

// maxMail is how large a mail may be, in bytes.
const maxMail = 1 << 20

// mailPath is where the mails are shown.
const mailPath = "/mail"

// mailbox takes all mail, keeps the newest in memory and shows them.
type mailbox struct {
	mu    sync.Mutex
	mails []letter
}

// letter is a mail as people read it.
type letter struct {
	At                time.Time
	To, Subject, Text string
}

// serveMail takes mail on l until the demo stops.
func (d *Demo) serveMail(l net.Listener) {
	server := smtp.NewServer(&d.mailbox)
	server.Domain, server.MaxMessageBytes = "localhost", maxMail
	server.ReadTimeout, server.WriteTimeout = 10*time.Second, 10*time.Second
	d.closers = append(d.closers, server)
	go func() { _ = server.Serve(l) }() // until Stop closes it
}

// NewSession begins to take mail.
func (m *mailbox) NewSession(*smtp.Conn) (smtp.Session, error) { return &mailSession{box: m}, nil }

type mailSession struct {
	box *mailbox
	to  []string
}

func (s *mailSession) Mail(string, *smtp.MailOptions) error { return nil }

func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = append(s.to, to)
	return nil
}

func (s *mailSession) Data(r io.Reader) error {
	l, err := readLetter(r)
	if err != nil {
		return err
	}
	l.At, l.To = time.Now(), strings.Join(s.to, ", ")
	s.box.mu.Lock()
	defer s.box.mu.Unlock()
	s.box.mails = append(s.box.mails, l)
	s.box.mails = s.box.mails[max(0, len(s.box.mails)-mostMails):]
	return nil
}

func (s *mailSession) Reset()      { s.to = nil }
func (*mailSession) Logout() error { return nil }

func readLetter(r io.Reader) (letter, error) {
	m, err := mail.ReadMessage(r)
	if err != nil {
		return letter{}, err
	}
	body := m.Body
	if strings.EqualFold(m.Header.Get("Content-Transfer-Encoding"), "quoted-printable") {
		body = quotedprintable.NewReader(body)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return letter{}, err
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	return letter{Subject: subject, Text: string(text)}, err
}

// mailPage shows the mails, newest first.
var mailPage = template.Must(template.New("mail").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark"><title>Mail of the demo</title></head>
<body><h1>Mail of the demo</h1>
<p>What the portal has sent since the demo started. It writes to people once they have signed in for the first time.</p>
{{range .}}<hr><h2>{{.Subject}}</h2><p>To {{.To}}, {{.At.UTC.Format "2006-01-02 15:04:05"}} UTC</p><pre>{{.Text}}</pre>
{{else}}<p>None yet.</p>{{end}}</body></html>
`))

func (m *mailbox) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	m.mu.Lock()
	mails := slices.Clone(m.mails)
	m.mu.Unlock()
	slices.Reverse(mails)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'")
	w.Header().Set("Cache-Control", "no-store")
	_ = mailPage.Execute(w, mails) // the reader has gone
}
