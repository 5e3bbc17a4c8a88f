package anchor_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"doksportal/internal/audit/anchor"
	"doksportal/internal/portal"
)

const (
	s3Key         = "canary-access-key"
	s3Secret      = "canary-secret-key"
	webhookSecret = "whsec_Y2FuYXJ5LW9mLXRoZS13ZWJob29rLXNlY3JldA=="
)

// testBundle is what tests of one anchor share: options, what was logged, and a
// certificate for 127.0.0.1 that the options trust.
type testBundle struct {
	options anchor.Options
	tls     *tls.Config
	log     *bytes.Buffer
	mu      sync.Mutex
	at      time.Time
}

func setup(t *testing.T) *testBundle {
	t.Helper()
	t.Parallel()
	s := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	b := &testBundle{tls: s.TLS.Clone(), log: &bytes.Buffer{}, at: time.Now()}
	b.tls.NextProtos = nil
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	b.options = anchor.Options{
		Now: b.now, Roots: roots, S3Key: s3Key, S3Secret: s3Secret, WebhookSecret: webhookSecret,
		Log: slog.New(slog.NewTextHandler(b.log, nil)),
	}
	return b
}

func (b *testBundle) now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.at
}

func (b *testBundle) advance(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.at = b.at.Add(d)
}

// serve starts an HTTPS server that the options trust.
func (b *testBundle) serve(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.TLS = b.tls.Clone()
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func (b *testBundle) open(t *testing.T, address string) anchor.Anchor {
	t.Helper()
	list, err := anchor.Open([]string{address}, b.options)
	must(t, err)
	return list[0]
}

// checkpoint makes one that looks like those of a tree of that size.
func checkpoint(size int64) anchor.Checkpoint {
	root, key := sha256.Sum256(fmt.Append(nil, size)), bytes.Repeat([]byte{byte(size)}, 68)
	return anchor.Checkpoint{Size: size, Note: fmt.Sprintf("portal.example/audit\n%d\n%s\n\n— portal.example/audit %s\n",
		size, base64.StdEncoding.EncodeToString(root[:]), base64.StdEncoding.EncodeToString(key))}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func publish(t *testing.T, a anchor.Anchor, sizes ...int64) {
	t.Helper()
	for _, size := range sizes {
		must(t, a.Publish(t.Context(), checkpoint(size)))
	}
}

// wantRefusal publishes and wants one sentence that names the anchor, has the
// words, and no secret.
func wantRefusal(t *testing.T, a anchor.Anchor, words string) {
	t.Helper()
	err := a.Publish(t.Context(), checkpoint(7))
	if !portal.Is(err, portal.KindUnavailable) {
		t.Fatalf("%s: publishing: %v", a, err)
	}
	said := err.Error()
	if !strings.Contains(said, "the anchor "+a.String()+" has not taken") || !strings.Contains(said, words) || strings.ContainsAny(said, "\n\r") {
		t.Errorf("%q does not say %q of %s in one line", said, words, a)
	}
	if strings.Contains(said, "canary") || strings.Contains(said, webhookSecret[6:]) {
		t.Errorf("%q has a secret", said)
	}
}

// wantNotes reads checkpoints back and wants those of the sizes, in this order.
func wantNotes(t *testing.T, read iter.Seq2[string, error], sizes ...int64) {
	t.Helper()
	var got, want []string
	for note, err := range read {
		if err != nil {
			t.Fatalf("after %d notes: %v", len(got), err)
		}
		got = append(got, note)
	}
	for _, size := range sizes {
		want = append(want, checkpoint(size).Note)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("read\n%s\nwant those of %v", strings.Join(got, "\n"), sizes)
	}
}

func (b *testBundle) reader(t *testing.T, address string) anchor.Reader {
	t.Helper()
	r, err := anchor.OpenReader(address, b.options)
	must(t, err)
	return r
}
