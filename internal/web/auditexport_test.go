package web_test

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/db/dbtest"
	"doksportal/internal/portal"
	"doksportal/internal/web/webtest"
)

// record puts events on the trail, with details of a size.
func (b *bundle) record(count, size int) {
	b.t.Helper()
	b.must(db.WithTx(context.Background(), b.pool, func(tx pgx.Tx) error {
		for i := range count {
			err := audit.Append(context.Background(), tx, portal.Event{At: time.Now(), Kind: portal.EventGroupLabelled, Actor: portal.System("test").Person(),
				Summary: fmt.Sprintf("labelled %d", i), Data: map[string]any{"label": strings.Repeat("x", size)}})
			if err != nil {
				return err
			}
		}
		return nil
	}))
	b.must(b.trail.Seal(context.Background()))
}

// What the page finds is what its links export, in each format, and each export is on
// the trail with who and what.
func TestExportOfTheTrail(t *testing.T) {
	b := setup(t)
	number := b.pending()
	b.record(120, 10) // more than a page
	page := b.as("auditor").Get("/audit?request=" + number + "&kind=request_submitted").WantStatus(http.StatusOK)
	var links []string
	page.Find("[data-testid=export] a[download]").Each(func(_ int, a *goquery.Selection) { links = append(links, a.AttrOr("href", "")) })
	if len(links) != 5 {
		t.Fatalf("the page has the links %q", links)
	}
	for _, link := range links {
		file := b.as("auditor").Get(link).WantStatus(http.StatusOK)
		name := file.Header.Get("Content-Disposition")
		if !strings.HasPrefix(name, `attachment; filename="audit-20`) || file.Header.Get("Cache-Control") != "no-store" || strings.Contains(file.Header.Get("Content-Type"), "html") || file.Body == "" {
			t.Errorf("%s: %v", link, file.Header)
		}
		if !strings.Contains(link, "parquet") && (strings.Count(file.Body, "request_submitted") == 0 || strings.Contains(file.Body, "labelled")) {
			t.Errorf("%s has %s", link, file.Body)
		}
	}
	var summary, address, filter string
	var events int
	b.must(b.pool.QueryRow(t.Context(), `SELECT summary, address, data->>'filter', (data->>'events')::int FROM events WHERE kind = $1 AND data->>'format' = 'csv'`,
		portal.EventTrailExported).Scan(&summary, &address, &filter, &events))
	if summary != "Otto Auditor exported 1 event (kind=request_submitted, request="+number+") as CSV" || address != "127.0.0.1" || filter != "kind=request_submitted&request="+number || events != 1 {
		t.Errorf("%q from %s: %q, %d events", summary, address, filter, events)
	}
	if n := b.count(`SELECT count(*) FROM events WHERE kind = $1`, portal.EventTrailExported); n != 5 {
		t.Errorf("%d events of exports", n)
	}
	var shown []string
	for path := "/audit?kind=group_labelled"; path != ""; {
		page := b.as("auditor").Get(path).WantStatus(http.StatusOK)
		page.Find("[data-testid=events] tbody tr").Each(func(_ int, row *goquery.Selection) {
			shown = append(shown, strings.TrimPrefix(row.Find("td a").First().AttrOr("href", ""), "/audit/events/"))
		})
		path = page.Find("main a[href*='before=']").AttrOr("href", "")
	}
	lines, err := csv.NewReader(strings.NewReader(b.as("admin").Get("/audit/export?format=csv&kind=group_labelled").Body)).ReadAll()
	b.must(err)
	var exported []string
	id := slices.Index(lines[0], "id")
	for _, line := range lines[1:] {
		exported = append(exported, line[id])
	}
	slices.Reverse(exported) // oldest first
	if len(shown) != 120 || !slices.Equal(shown, exported) {
		t.Errorf("the pages have %d events, and the file %d, or others", len(shown), len(exported))
	}
}

// What cannot be exported is told on a page, and is no export on the trail.
func TestExportThatIsRefused(t *testing.T) {
	b := setup(t)
	b.record(1, 0)
	b.as("auditor").Get("/audit/export").WantStatus(http.StatusNotFound)
	b.as("auditor").Get("/audit/export?format=xlsx").WantStatus(http.StatusNotFound)
	if p := b.as("auditor").Get("/audit/export?format=csv&from=yesterday").WantStatus(http.StatusUnprocessableEntity); p.Fault("from") == "" {
		t.Errorf("%s", p.Text("main"))
	}
	if p := b.as("auditor").Get("/audit/export?format=bundle&kind=break_glass").WantStatus(http.StatusConflict); !strings.Contains(p.Text("main"), "nothing to prove") || p.Header.Get("Content-Disposition") != "" {
		t.Errorf("%s", p.Text("main"))
	}
	for _, reader := range []string{"member", "approver", "platform"} {
		b.as(reader).Get("/audit/export?format=csv").WantStatus(http.StatusForbidden)
	}
	head, err := http.NewRequest(http.MethodHead, b.url+"/audit/export?format=csv", nil)
	b.must(err)
	if p := b.as("auditor").Send(head).WantStatus(http.StatusOK); !strings.Contains(p.Header.Get("Content-Disposition"), ".csv") {
		t.Errorf("%v", p.Header)
	}
	if n := b.count(`SELECT count(*) FROM events WHERE kind = $1`, portal.EventTrailExported); n != 0 {
		t.Errorf("%d events of exports", n)
	}
	refused := 0
	for range 40 {
		if p := b.as("auditor").Get("/audit/export?format=jsonl&kind=break_glass"); p.Status == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused == 0 || b.count(`SELECT count(*) FROM events WHERE kind = $1`, portal.EventTrailExported) > 35 {
		t.Errorf("%d of 40 exports are refused", refused)
	}
}

// begin starts an export and reads its first line, once there is a place for it.
func (b *bundle) begin(ctx context.Context, browser *webtest.Browser) (*http.Response, *bufio.Reader) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url+"/audit/export?format=jsonl&kind=group_labelled", nil)
	b.must(err)
	resp, err := browser.Client.Do(req)
	for ; err == nil && resp.StatusCode == http.StatusTooManyRequests; resp, err = browser.Client.Do(req) {
		_ = resp.Body.Close()
		time.Sleep(10 * time.Millisecond)
	}
	b.must(err)
	from := bufio.NewReaderSize(resp.Body, 4096)
	if line, err := from.ReadString('\n'); err != nil || !strings.Contains(line, "labelled 0") {
		b.t.Fatalf("%d %.100s %v", resp.StatusCode, line, err)
	}
	return resp, from
}

// A file that could not be written to its end is no file that has ended.
func TestExportThatIsCutOff(t *testing.T) {
	b := setup(t)
	b.record(150, 200_000) // far more than is on its way at once
	resp, from := b.begin(t.Context(), b.as("auditor"))
	defer func() { _ = resp.Body.Close() }()
	owner := dbtest.Owner(t)
	b.must(db.WithTx(t.Context(), owner, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), `SET LOCAL session_replication_role = replica; DELETE FROM events WHERE summary = 'labelled 149'`)
		return err
	}))
	rest, err := io.ReadAll(from)
	if !errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(string(rest), "labelled 149") {
		t.Errorf("after %d bytes: %v", len(rest), err)
	}
	if !strings.Contains(b.log.String(), "an export of the audit trail was cut off") || strings.Contains(b.log.String(), "level=ERROR msg=panic") {
		t.Errorf("the log has %s", b.log.String())
	}
}

// Nobody has more than a few exports under way, and who leaves has none.
func TestExportsAtOnce(t *testing.T) {
	b := setup(t)
	b.record(150, 200_000)
	auditor := b.as("auditor")
	for range 3 { // it would wait for ever for who does not leave
		ctx, leave := context.WithCancel(t.Context())
		one, _ := b.begin(ctx, auditor)
		two, _ := b.begin(ctx, auditor)
		if p := auditor.Get("/audit/export?format=jsonl&kind=group_labelled").WantStatus(http.StatusTooManyRequests); !strings.Contains(p.Text("main"), "2 exports under way") {
			t.Errorf("%s", p.Text("main"))
		}
		b.as("admin").Get("/audit/export?format=csv&kind=break_glass").WantStatus(http.StatusOK)
		leave()
		_, _ = one.Body.Close(), two.Body.Close()
	}
}
