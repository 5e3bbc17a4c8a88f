package stream_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"doksportal/internal/audit"
	"doksportal/internal/audit/audittest"
	"doksportal/internal/audit/stream"
	"doksportal/internal/db"
	"doksportal/internal/db/dbtest"
	"doksportal/internal/portal"
)

const secret = "whsec_Y2FuYXJ5LW9mLXRoZS1zaWVtLXdlYmhvb2stc2VjcmV0"

func TestMain(m *testing.M) { dbtest.Main(m) }

// siem keeps what it takes, and answers as it is told to.
type siem struct {
	t     *testing.T
	roots *x509.CertPool

	mu      sync.Mutex
	answer  func(batch []int64) int // nil: 200
	batches [][]int64               // numbers, also of what it did not take
	taken   []int64                 // the same of what it took, one after the other
	ids     []string
	last    *http.Request
}

func (s *siem) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	verifier, err := standardwebhooks.NewWebhook(secret)
	if err == nil {
		err = verifier.Verify(body, r.Header)
	}
	if err != nil {
		s.t.Error(err)
	}
	var batch []int64
	for line := range strings.Lines(string(body)) {
		var e struct {
			Metadata struct{ Sequence *int64 }
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Metadata.Sequence == nil {
			s.t.Errorf("received %q", line)
			return
		}
		batch = append(batch, *e.Metadata.Sequence)
	}
	s.mu.Lock()
	s.batches, s.ids, s.last = append(s.batches, batch), append(s.ids, r.Header.Get("Webhook-Id")), r
	answer := s.answer
	s.mu.Unlock()
	status := http.StatusOK
	if answer != nil {
		status = answer(batch)
	}
	if status == http.StatusOK {
		s.mu.Lock()
		s.taken = append(s.taken, batch...)
		s.mu.Unlock()
	}
	w.Header().Set("Location", "/elsewhere")
	w.WriteHeader(status)
}

func (s *siem) set(answer func([]int64) int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

// first are the numbers that it took, each once, in the order in which they came.
func (s *siem) first() (list []int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.taken {
		if !slices.Contains(list, n) {
			list = append(list, n)
		}
	}
	return list
}

type testBundle struct {
	t       *testing.T
	pool    *pgxpool.Pool
	trail   *audit.Trail
	siem    *siem
	address string
	now     time.Time // zero: the clock's
	told    []portal.EventKind
}

func setup(t *testing.T) *testBundle {
	t.Helper()
	b := &testBundle{t: t, pool: dbtest.New(t), siem: &siem{t: t}}
	b.trail = audittest.New(t, b.pool)
	server := httptest.NewTLSServer(b.siem)
	t.Cleanup(server.Close)
	b.siem.roots = x509.NewCertPool()
	b.siem.roots.AddCert(server.Certificate())
	b.address = server.URL + "/canary?key=canary-key&format=ocsf"
	return b
}

func (b *testBundle) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *testBundle) clock() time.Time {
	if b.now.IsZero() {
		return time.Now()
	}
	return b.now
}

func (b *testBundle) stream() *stream.Stream {
	b.t.Helper()
	target, err := stream.Open(b.address, stream.Options{Now: time.Now, Secret: secret, Authorization: "Splunk canary-token", Roots: b.siem.roots})
	b.must(err)
	return &stream.Stream{Pool: b.pool, Trail: b.trail, Target: target, Logger: slog.New(slog.DiscardHandler), Now: b.clock, Began: b.clock(),
		Tell: func(_ context.Context, _ pgx.Tx, e portal.Event) error { b.told = append(b.told, e.Kind); return nil }}
}

// fill records events and gives them numbers.
func (b *testBundle) fill(count int) {
	b.t.Helper()
	b.must(db.WithTx(b.t.Context(), b.pool, func(tx pgx.Tx) error {
		for i := range count {
			e := portal.Event{At: time.Now(), Kind: portal.EventCommented, Actor: portal.System("test").Person(), Summary: fmt.Sprintf("event %d", i)}
			if err := audit.Append(b.t.Context(), tx, e); err != nil {
				return err
			}
		}
		return nil
	}))
	_, err := b.trail.Checkpoint(b.t.Context())
	b.must(err)
}

// step takes one step, which reports whether there may be more.
func (b *testBundle) step(s *stream.Stream) bool {
	b.t.Helper()
	more, err := s.Step(b.t.Context())
	b.must(err)
	return more
}

func (b *testBundle) status(s *stream.Stream) stream.Status {
	b.t.Helper()
	status, err := s.Status(b.t.Context())
	b.must(err)
	return status
}

// numbers are those from one on and below another.
func numbers(from, to int64) (list []int64) {
	for n := from; n < to; n++ {
		list = append(list, n)
	}
	return list
}

func (b *testBundle) want(got, want []int64) {
	b.t.Helper()
	if !slices.Equal(got, want) {
		b.t.Errorf("the SIEM has %d, want %d", got, want)
	}
}

var syslogRoots = x509.NewCertPool()

// serveSyslog receives messages as RFC 5425 has them.
func serveSyslog(t *testing.T) (address string, messages chan string) {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	server.StartTLS() // for its certificate
	t.Cleanup(server.Close)
	syslogRoots.AddCert(server.Certificate())
	listener := listen(t, server)
	messages = make(chan string, 100)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			from := bufio.NewReader(conn)
			for {
				var length int
				if _, err := fmt.Fscanf(from, "%d ", &length); err != nil {
					break
				}
				frame := make([]byte, length)
				if _, err := io.ReadFull(from, frame); err != nil {
					t.Error(err)
				}
				messages <- string(frame)
			}
			_ = conn.Close()
		}
	}()
	return listener.Addr().String(), messages
}

func listen(t *testing.T, server *httptest.Server) net.Listener {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: server.TLS.Certificates, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}
