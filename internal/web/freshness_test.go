package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"doksportal/internal/doapi/dosim"
	"doksportal/internal/store"
)

// Every page that shows the inventory says how old that is, and that and why it could
// not be read since.
func TestAgeIsOnEveryPage(t *testing.T) {
	b := setup(t)
	cluster, err := store.Cluster(t.Context(), b.pool, b.ledger)
	b.must(err)
	of := "/clusters/" + b.ledger
	pool := of + "/pools/" + cluster.Pools[0].ID
	pages := map[string][]string{
		"member": {"/", "/clusters", "/clusters/new", "/clusters/selected?cluster=" + b.ledger, of, of + "/pools", pool, pool + "/change", of + "/pools/new", of + "/settings", of + "/upgrade",
			of + "/access", of + "/diagnostics", of + "/activity", of + "/delete"},
		"admin": {"/", "/clusters", "/admin/clusters", "/admin/registries", "/about"},
	}
	f, err := store.Freshness(t.Context(), b.pool)
	b.must(err)
	want := f.CompleteAt.UTC().Format(time.RFC3339)
	for account, paths := range pages {
		for _, path := range paths {
			p := b.as(account).Get(path).WantStatus(http.StatusOK)
			if at, _ := p.Find("main [data-reading] time").Attr("datetime"); at != want {
				t.Errorf("%s says that the inventory is of %q, want %q", path, at, want)
			}
		}
	}
	b.sim.Inject(dosim.Fault{Operation: "list_clusters", Kind: dosim.FaultStatus, Status: 500, Message: "we are sorry", Times: -1})
	if b.syncer.Sync(t.Context()) == nil {
		t.Fatal("the list was read")
	}
	for account, paths := range pages {
		for _, path := range paths {
			if p := b.as(account).Get(path); !strings.Contains(p.Text("[data-testid=inventory-failure]"), "we are sorry") {
				t.Errorf("%s does not say that the inventory could not be read", path)
			}
		}
	}
}
