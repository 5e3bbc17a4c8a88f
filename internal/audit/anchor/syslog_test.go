package anchor_test

import (
	"bufio"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// syslogServer receives frames as RFC 5425 has them.
type syslogServer struct {
	listener net.Listener
	messages chan string // what arrived on a connection, frame by frame, then "end"
	hold     bool        // whether it keeps connections open
}

func (b *testBundle) serveSyslog(t *testing.T) *syslogServer {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", b.tls)
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	s := &syslogServer{listener: l, messages: make(chan string, 100)}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go s.receive(t, conn)
		}
	}()
	return s
}

func (s *syslogServer) receive(t *testing.T, conn net.Conn) {
	t.Cleanup(func() { _ = conn.Close() })
	from := bufio.NewReader(conn)
	for {
		length, err := from.ReadString(' ')
		if err != nil {
			break
		}
		n, err := strconv.Atoi(strings.TrimSuffix(length, " "))
		if err != nil || n <= 0 || length[0] == '0' || n > 8192 {
			s.messages <- "a frame of the length " + strconv.Quote(length)
			break
		}
		frame := make([]byte, n)
		if _, err := io.ReadFull(from, frame); err != nil {
			s.messages <- "a frame that ends early"
			break
		}
		s.messages <- string(frame)
	}
	s.messages <- "end"
	if !s.hold {
		_ = conn.Close()
	}
}

// header is RFC 5424's, down to one element of structured data.
var header = regexp.MustCompile(`^<109>1 (\S+) (\S+) doks-portal ([0-9]+) checkpoint \[checkpoint@32473 size="([0-9]+)"\] ([!-~]+)$`)

func TestSyslog(t *testing.T) {
	b := setup(t)
	s := b.serveSyslog(t)
	a := b.open(t, "syslog+tls://"+s.listener.Addr().String())
	if a.String() != "syslog "+s.listener.Addr().String() || !a.Prompt() {
		t.Errorf("%s, prompt: %v", a, a.Prompt())
	}
	publish(t, a, 1234)
	message := <-s.messages
	got := header.FindStringSubmatch(message)
	if got == nil {
		t.Fatalf("received %q", message)
	}
	at, err := time.Parse("2006-01-02T15:04:05.999999Z", got[1])
	must(t, err)
	if at.Sub(b.now()).Abs() > time.Millisecond || got[4] != "1234" || got[3] != strconv.Itoa(os.Getpid()) {
		t.Errorf("received %q", message)
	}
	if end := <-s.messages; end != "end" {
		t.Errorf("then %q", end)
	}
	// as the server's log has it, the checkpoint is found again
	log := filepath.Join(t.TempDir(), "audit.log")
	line := fmt.Sprintf("Nov 30 10:00:00 portal-1 doks-portal[17]: %s\n", got[5])
	must(t, os.WriteFile(log, []byte("Nov 30 09:59:59 portal-1 sshd[1]: hello\n"+line+message+"\n"), 0o600))
	wantNotes(t, b.reader(t, log).Checkpoints(t.Context()), 1234, 1234)
}

// A server that does not end the connection has not refused either.
func TestSyslogThatKeepsConnections(t *testing.T) {
	b := setup(t)
	s := b.serveSyslog(t)
	s.hold = true
	publish(t, b.open(t, "syslog+tls://"+s.listener.Addr().String()), 1)
	if message := <-s.messages; !header.MatchString(message) {
		t.Errorf("received %q", message)
	}
}

func TestSyslogCertificates(t *testing.T) {
	b := setup(t)
	s := b.serveSyslog(t)
	address := "syslog+tls://" + s.listener.Addr().String()
	b.options.Roots = nil
	wantRefusal(t, b.open(t, address), "its certificate is not one that the portal trusts")
	_, port, err := net.SplitHostPort(s.listener.Addr().String())
	must(t, err)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	must(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b.tls.Certificates[0].Certificate[0]}), 0o600))
	publish(t, b.open(t, address+"?ca="+ca), 1)
	wantRefusal(t, b.open(t, "syslog+tls://localhost:"+port+"?ca="+ca), "its certificate is not one that the portal trusts")
	must(t, s.listener.Close())
	wantRefusal(t, b.open(t, address), "connection refused")
}
