package web_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"doksportal/internal/doapi"
	"doksportal/internal/store"
)

// An open page that shows the inventory is told how old that is by now, though
// nothing in it has changed, and does not fetch itself for that.
func TestOpenPageHearsOfReadings(t *testing.T) {
	b := setup(t)
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	feeds, ok := b.as("member").Get("/clusters/" + b.ledger).WantStatus(http.StatusOK).Find("#live").Attr("hx-sse:connect")
	if !ok {
		t.Fatal("the page follows nothing")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url+feeds, nil)
	b.must(err)
	resp, err := b.as("member").Client.Do(req)
	b.must(err)
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() && lines.Text() != "event: inbox" { // the first word
	}
	b.must(b.syncer.Sync(ctx))
	f, err := store.Freshness(ctx, b.pool)
	b.must(err)
	for lines.Scan() {
		switch text := lines.Text(); {
		case text == "event: changed":
			t.Fatal("it is told to fetch itself")
		case strings.HasPrefix(text, "data: "):
			if want := "data: " + f.CompleteAt.UTC().Format(time.RFC3339); text != want {
				t.Errorf("it is told %q, want %q", text, want)
			}
			return
		}
	}
	t.Fatal(lines.Err())
}

// What was changed past the portal is on the cluster's page, with what was there before,
// for all who may see the cluster.
func TestDriftIsShown(t *testing.T) {
	b := setup(t)
	if p := b.as("member").Get("/clusters/" + b.ledger); p.Find("[data-testid=drift]").Length() > 0 || strings.Contains(p.Text("main"), "outside the portal") {
		t.Error("a cluster that nobody has changed is shown as changed")
	}
	do, err := doapi.New(b.doURL, doToken)
	b.must(err)
	live, err := do.GetCluster(t.Context(), b.ledger)
	b.must(err)
	name, count := live.NodePools[0].Name, live.NodePools[0].Count+1
	_, err = do.UpdateNodePool(t.Context(), b.ledger, live.NodePools[0].ID, doapi.UpdateNodePool{Name: &name, Count: &count})
	b.must(err)
	b.must(b.syncer.Sync(t.Context()))
	want := fmt.Sprintf("Pool %s: Nodes%d → %d", name, count-1, count)
	for _, reader := range []string{"member", "approver", "admin", "auditor"} {
		p := b.as(reader).Get("/clusters/" + b.ledger).WantStatus(http.StatusOK)
		if text := strings.Join(strings.Fields(p.Text("[data-testid=drift]")), " "); !strings.Contains(text, "Changed outside the portal") || !strings.Contains(text, want) {
			t.Errorf("%s sees %q", reader, text)
		}
	}
	p := b.as("member").Get("/clusters/" + b.ledger + "/activity").WantStatus(http.StatusOK)
	if n := p.Find("[data-testid=outside] [data-testid=drift-event]").Length(); n != 2 { // it appeared at first
		t.Errorf("%d events under activity: %s", n, p.Text("main"))
	}
}

// Who may not see a cluster or a team does not hear of what it does either.
func TestFeedsOfOthers(t *testing.T) {
	b := setup(t)
	cluster, err := store.Cluster(t.Context(), b.pool, b.ledger)
	b.must(err)
	for _, feed := range []string{"cluster:" + b.ledger, "team:" + cluster.TeamID, "cluster:no-id-at-all", "team:no-id-at-all", "cluster", "team:", "reading"} {
		b.as("other").Get("/events?feed=" + feed).WantStatus(http.StatusNotFound)
	}
}
