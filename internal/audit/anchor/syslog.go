package anchor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"regexp"
	"time"
)

// syslog sends checkpoints to a syslog server over TLS, as RFC 5424 and 5425 have
// it. The protocol knows no confirmation: the server has taken the message as far
// as its end of the connection can tell.
type syslog struct {
	address string
	host    string // this machine's
	dialer  *tls.Dialer
	now     func() time.Time
}

func openSyslog(u *url.URL, o Options) (place, error) {
	set, err := settings(u, "ca")
	if err != nil {
		return nil, err
	}
	if u.Hostname() == "" || u.Path != "" {
		return nil, errors.New("write it like syslog+tls://host.example:6514, with ?ca=/path of the certificate that its server's is signed by")
	}
	roots := o.Roots
	if path := set.Get("ca"); path != "" {
		if roots, err = readRoots(path); err != nil {
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
	return &syslog{net.JoinHostPort(u.Hostname(), port), host, dialer, o.Now}, nil
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

func (s *syslog) String() string { return "syslog " + s.address }

// message has the note in one line, so that any server keeps it whole. The
// priority is that of notices of the audit log; 32473 is the number that stands
// for whoever has none of their own.
func (s *syslog) message(c Checkpoint) string {
	const auditNotice = 13*8 + 5
	return fmt.Sprintf(`<%d>1 %s %s doks-portal %d checkpoint [checkpoint@32473 size="%d"] %s`,
		auditNotice, s.now().UTC().Format("2006-01-02T15:04:05.000000Z"), s.host, os.Getpid(), c.Size, base64.StdEncoding.EncodeToString([]byte(c.Note)))
}

func (s *syslog) publish(ctx context.Context, c Checkpoint) error {
	raw, err := s.dialer.DialContext(ctx, "tcp", s.address)
	if err != nil {
		return err
	}
	conn := raw.(*tls.Conn)
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { interrupt(conn) })()
	text := s.message(c)
	if _, err := fmt.Fprintf(conn, "%d %s", len(text), text); err != nil {
		return err
	}
	if err := conn.CloseWrite(); err != nil {
		return err
	}
	return awaitEnd(ctx, conn)
}

// awaitEnd waits until the server ends the connection too: by then it has read
// the message, or says that it will not. A server that keeps it open has at
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
