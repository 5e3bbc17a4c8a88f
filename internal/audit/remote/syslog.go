package remote

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"regexp"
	"time"
)

// Syslog sends messages to a syslog server over TLS, as RFC 5424 and 5425 have it. The
// protocol knows no confirmation: the server has taken the messages as far as its end
// of the connection can tell.
type Syslog struct {
	address string
	host    string // this machine's
	dialer  *tls.Dialer
}

// NewSyslog makes a syslog server of an address like syslog+tls://host:6514. ca is the
// path of the certificates that its own is trusted by; roots are where it is empty,
// and those of the system where they are nil.
func NewSyslog(u *url.URL, ca string, roots *x509.CertPool) (*Syslog, error) {
	if u.Hostname() == "" || u.Path != "" {
		return nil, errors.New("write it like syslog+tls://host.example:6514, with ?ca=/path of the certificate that its server's is signed by")
	}
	if ca != "" {
		var err error
		if roots, err = readRoots(ca); err != nil {
			return nil, fmt.Errorf("ca: %w", err)
		}
	}
	port := u.Port()
	if port == "" {
		port = "6514"
	}
	host, err := os.Hostname()
	if err != nil || !regexp.MustCompile(`^[!-~]{1,255}$`).MatchString(host) {
		host = "-"
	}
	dialer := &tls.Dialer{Config: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	return &Syslog{net.JoinHostPort(u.Hostname(), port), host, dialer}, nil
}

func readRoots(path string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s has no certificate in PEM", path)
	}
	return roots, nil
}

// String names the server.
func (s *Syslog) String() string { return "syslog " + s.address }

// Message is one of a syslog server.
type Message struct {
	At   time.Time
	ID   string // its kind, in printable ASCII without spaces
	Data string // structured data, a number by its name: [event@32473 number="5"]
	Text string // one line
}

// text is the message as RFC 5424 has it. The priority is that of notices of the audit
// log; 32473 is the number that stands for whoever has none of their own.
func (s *Syslog) text(m Message) string {
	const auditNotice = 13*8 + 5
	return fmt.Sprintf(`<%d>1 %s %s doks-portal %d %s %s %s`,
		auditNotice, m.At.UTC().Format("2006-01-02T15:04:05.000000Z"), s.host, os.Getpid(), m.ID, m.Data, m.Text)
}

// Send sends messages in their order, over a connection of their own.
func (s *Syslog) Send(ctx context.Context, messages ...Message) error {
	raw, err := s.dialer.DialContext(ctx, "tcp", s.address)
	if err != nil {
		return err
	}
	conn := raw.(*tls.Conn)
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { interrupt(conn) })()
	out := bufio.NewWriter(conn)
	for _, m := range messages {
		text := s.text(m)
		if _, err := fmt.Fprintf(out, "%d %s", len(text), text); err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if err := conn.CloseWrite(); err != nil {
		return err
	}
	return awaitEnd(ctx, conn)
}

// awaitEnd waits until the server ends the connection too: by then it has read
// the messages, or says that it will not. A server that keeps it open has at
// least not refused.
func awaitEnd(ctx context.Context, conn *tls.Conn) error {
	const endFor, most = 2 * time.Second, 64 << 10
	waited, cancel := context.WithTimeout(ctx, endFor)
	defer cancel()
	defer context.AfterFunc(waited, func() { interrupt(conn) })()
	_, err := io.Copy(io.Discard, io.LimitReader(conn, most))
	if err != nil && waited.Err() == nil {
		return err
	}
	return ctx.Err()
}

// interrupt ends what waits for a connection.
func interrupt(conn net.Conn) { _ = conn.SetDeadline(time.Unix(1, 0)) }
