package web_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"syscall"
	"testing"
	"time"

	"github.com/a-h/templ"
	"github.com/gin-gonic/gin"

	"doksportal/internal/doapi/dosim"
)

// BenchmarkClusterList compares the list of 100 clusters, for a member who is
// signed in, with a bare gin and templ page of the same bytes that makes one
// indexed query. It reports how many requests a second the portal answers for
// each that the bare page does, and the processor time that the list takes.
func BenchmarkClusterList(b *testing.B) {
	p := setup(b)
	for i := range 99 {
		p.sim.Add(dosim.Seed{Name: fmt.Sprintf("many-%d", i), Region: "fra1", Size: "s-2vcpu-4gb", Count: 3})
	}
	p.must(p.syncer.Sync(b.Context()))
	_, err := p.pool.Exec(b.Context(), `UPDATE clusters SET team_id = (SELECT id FROM teams WHERE slug = 'pay')
		WHERE name LIKE 'many-%' OR name = 'ledger'`)
	p.must(err)
	base, err := url.Parse(p.url)
	p.must(err)
	req := httptest.NewRequest(http.MethodGet, "/clusters", nil)
	for _, cookie := range p.as("member").Client.Jar.Cookies(base) {
		req.AddCookie(cookie)
	}
	page := answer(b, p.pages, req)
	bare := p.barePage(page)
	if got := answer(b, bare, req); got != page {
		b.Fatal("the bare page has other bytes")
	}
	var full, least, cpu time.Duration
	for b.Loop() {
		before := used(b)
		full += timed(func() { answer(b, p.pages, req) })
		cpu += used(b) - before
		least += timed(func() { answer(b, bare, req) })
	}
	b.ReportMetric(float64(least)/float64(full), "of-bare")
	b.ReportMetric(float64(cpu)/float64(time.Millisecond)/float64(b.N), "cpu-ms/page")
}

// used is the processor time that this process has had.
func used(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// barePage is the least that could answer with a page.
func (b *bundle) barePage(page string) http.Handler {
	engine := gin.New()
	engine.GET("/clusters", func(c *gin.Context) {
		var name string
		if err := b.pool.QueryRow(c.Request.Context(), `SELECT name FROM clusters WHERE id = $1`, b.ledger).Scan(&name); err != nil {
			c.Status(http.StatusInternalServerError)
			return
		}
		content := templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
			_, err := io.WriteString(w, page)
			return err
		})
		_ = content.Render(c.Request.Context(), c.Writer)
	})
	return engine
}

func answer(b *testing.B, h http.Handler, req *http.Request) string {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	if w.Code != http.StatusOK {
		b.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func timed(fn func()) time.Duration {
	start := time.Now()
	fn()
	return time.Since(start)
}

// BenchmarkLargeRequests shows lists of 51 requests that are as large as requests
// may be. It reports the processor time that a page takes, and the rest of the
// time, most of which is Postgres's.
func BenchmarkLargeRequests(b *testing.B) {
	p := setup(b)
	p.pending()
	_, err := p.pool.Exec(b.Context(), `
		INSERT INTO requests (id, submit_key, team_id, operation, target_name, params, justification, plan, judged, digest, state,
			issuer, subject, requester_name, created_at, updated_at, planned_at, due_at, approver_groups)
		SELECT gen_random_uuid(), n::text, r.team_id, r.operation, 'large-' || n, jsonb_build_object('target', large.parts), r.justification,
			jsonb_set(r.plan, '{changes}', large.parts), jsonb_build_object('text', repeat(md5(n::text), 150)), r.digest, r.state,
			r.issuer, r.subject, r.requester_name, r.created_at, r.updated_at, r.planned_at, r.due_at, r.approver_groups
		FROM requests r, generate_series(1, 50) n, LATERAL (
			SELECT jsonb_agg(jsonb_build_object('what', 'Label ' || md5((n * i)::text), 'before', '', 'after', repeat(md5((n + i)::text), 8))) AS parts
			FROM generate_series(1, 95) i) large`)
	p.must(err)
	base, err := url.Parse(p.url)
	p.must(err)
	for _, page := range []struct{ account, path string }{{"member", "/requests"}, {"approver", "/inbox"}} {
		b.Run(page.path[1:], func(b *testing.B) {
			req := httptest.NewRequest(http.MethodGet, page.path, nil)
			for _, cookie := range p.as(page.account).Client.Jar.Cookies(base) {
				req.AddCookie(cookie)
			}
			answer(b, p.pages, req)
			before := used(b)
			for b.Loop() {
				answer(b, p.pages, req)
			}
			b.ReportMetric(float64(used(b)-before)/float64(time.Millisecond)/float64(b.N), "cpu-ms/page")
		})
	}
}
