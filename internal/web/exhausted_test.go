package web_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"doksportal/internal/db/dbtest"
)

// While others have all connections to the database, every page says that it
// is not available, and none hangs. Afterwards they answer again.
func TestExhaustedPool(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves out what takes long; make test does not")
	}
	b := setup(t)
	browser := b.as("admin")
	var release []func()
	for range b.pool.Config().MaxConns {
		conn, err := b.pool.Acquire(t.Context())
		b.must(err)
		release = append(release, conn.Release)
	}
	b.visitAll(time.Minute, func(method, path string, status int) {
		if status != http.StatusServiceUnavailable {
			t.Errorf("%s %s: %d", method, path, status)
		}
	})
	for _, done := range release {
		done()
	}
	if p := browser.Get("/"); p.Status != http.StatusOK {
		t.Errorf("afterwards: %d", p.Status)
	}
}

// While somebody has locked tables, as a migration by hand might, every page
// says so before long: each of its statements waits for a lock no longer than
// for a connection.
func TestLockedTables(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves out what takes long; make test does not")
	}
	const beforeStatementTimeout = 25 * time.Second
	for name, but := range map[string]string{
		"all":                "",
		"all but the door's": "sessions people rate_limits",
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			browser := b.as("admin")
			tx, err := dbtest.Owner(t).Begin(t.Context())
			b.must(err)
			var tables string
			b.must(tx.QueryRow(t.Context(), `SELECT string_agg(quote_ident(tablename), ', ') FROM pg_tables
				WHERE schemaname = 'public' AND tablename <> ALL (string_to_array($1, ' '))`, but).Scan(&tables))
			_, err = tx.Exec(t.Context(), "LOCK TABLE "+tables+" IN ACCESS EXCLUSIVE MODE")
			b.must(err)
			unavailable := 0
			b.visitAll(beforeStatementTimeout, func(method, path string, status int) {
				switch {
				case status == http.StatusServiceUnavailable:
					unavailable++
				case path == "/readyz" && status == http.StatusOK: // the database does answer
				case but == "" || status >= 500:
					t.Errorf("%s %s: %d", method, path, status)
				}
			})
			if unavailable < 30 {
				t.Errorf("only %d pages noticed the lock", unavailable)
			}
			b.must(tx.Rollback(t.Context()))
			if p := browser.Get("/"); p.Status != http.StatusOK {
				t.Errorf("afterwards: %d", p.Status)
			}
		})
	}
}

// visitAll asks for every route at once as an admin, and tells what each
// answers. One that takes longer than the bound is an error.
func (b *bundle) visitAll(bound time.Duration, see func(method, path string, status int)) {
	client := *b.as("admin").Client
	client.Timeout = bound
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	ids := strings.NewReplacer(":id", b.ledger, ":pool", "p", ":node", "n", ":number", "1", ":slug", "pay", ":version", "1", ":channel", uuid.NewString())
	var all sync.WaitGroup
	var seen sync.Mutex
	for _, r := range b.pages.Routes() {
		if r.Method == http.MethodHead || r.Path == "/healthz" || r.Path == "/static/*file" {
			continue
		}
		all.Go(func() {
			req, err := http.NewRequestWithContext(b.t.Context(), r.Method, b.url+ids.Replace(r.Path), strings.NewReader(""))
			if err != nil {
				b.t.Error(err)
				return
			}
			req.Header.Set("Origin", b.url)
			resp, err := client.Do(req)
			if err != nil {
				b.t.Errorf("%s %s: %v", r.Method, r.Path, err)
				return
			}
			_ = resp.Body.Close()
			seen.Lock()
			defer seen.Unlock()
			see(r.Method, r.Path, resp.StatusCode)
		})
	}
	all.Wait()
}
