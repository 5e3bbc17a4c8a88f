package web_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"doksportal/internal/doapi"
	"doksportal/internal/doapi/budget"
)

// One member who asks again and again, for one page or for many, leaves
// DigitalOcean to the other teams and to the inventory.
func TestLoopsOfOneMember(t *testing.T) {
	b := setup(t)
	noWait := func(context.Context, time.Duration) error { return nil }
	do, err := doapi.New(b.doURL, doToken, doapi.Clock(time.Now, noWait),
		doapi.Limits(budget.New(b.pool, "token", time.Now), nil))
	b.must(err)
	b.requests.DO, b.syncer.DO = do, do
	b.as("member")
	b.as("other")

	loops := func(path func() string) {
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 30 {
					b.as("member").For(t).Get(path())
				}
			})
		}
		all.Wait()
	}
	before, began := b.sim.CallCount("list_upgrades"), time.Now()
	loops(func() string { return "/clusters/" + b.ledger + "/upgrade" })
	most := 4 + 4*int(time.Since(began)/(3*time.Second)) // four may find at the same time that the last answer is too old
	if n := b.sim.CallCount("list_upgrades") - before; n == 0 || n > most {
		t.Errorf("120 views of one page were %d calls, want at most %d", n, most)
	}
	loops(func() string { return "/clusters/" + b.ledger + "/diagnostics?run=" + uuid.NewString() })

	if p := b.as("other").Get("/clusters/" + b.index + "/upgrade"); p.Status != http.StatusOK {
		t.Errorf("the other team: %d %s", p.Status, p.Text("main"))
	}
	if err := b.syncer.Sync(doapi.Background(t.Context())); err != nil {
		t.Errorf("the inventory: %v", err)
	}
	if p := b.as("member").Get("/clusters/" + b.ledger + "/diagnostics?run=" + uuid.NewString()); p.Status != http.StatusOK || !strings.Contains(p.Body, "has used up its calls") {
		t.Errorf("the member is not told: %d %s", p.Status, p.Text("main"))
	}
}
