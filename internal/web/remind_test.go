package web_test

import (
	"net/http"
	"strings"
	"testing"

	"doksportal/internal/portal"
)

// Who waits can remind those who can decide, once in a while and for all to see.
func TestRemind(t *testing.T) {
	b := setup(t)
	number := b.pending()
	path := "/requests/" + number
	remind := func(account string) int { return b.as(account).Post(path+"/remind", nil).Status }
	if got := remind("other"); got != http.StatusNotFound {
		t.Errorf("another team reminds: %d", got)
	}
	page := b.as("member").Post(path+"/remind", nil).WantStatus(http.StatusOK)
	if got := page.Text("[data-testid=trail]"); !strings.Contains(got, "Mia Member reminded those who can decide") {
		t.Errorf("the trail says %q", got)
	}
	if page.Find("[data-testid=remind]").Length() != 0 || page.Find("[data-testid=reminded]").Length() != 1 {
		t.Error("it can be done again at once")
	}
	if got := remind("auditor"); got != http.StatusConflict {
		t.Errorf("somebody else reminds again: %d", got)
	}
	reminders := `SELECT count(*) FROM notifications WHERE kind = $1`
	if n := b.count(reminders, portal.EventReminded); n != 1 {
		t.Errorf("%d notifications", n)
	}
	_, err := b.pool.Exec(t.Context(), `UPDATE requests SET reminded_at = reminded_at - interval '6 hours'`)
	b.must(err)
	if got := remind("member"); got != http.StatusOK {
		t.Errorf("six hours later: %d", got)
	}
	_, err = b.pool.Exec(t.Context(), `UPDATE requests SET state = 'expired', reminded_at = NULL`)
	b.must(err)
	if got := remind("member"); got != http.StatusConflict {
		t.Errorf("of what no longer waits: %d", got)
	}
	if n := b.count(reminders, portal.EventReminded); n != 2 {
		t.Errorf("%d notifications", n)
	}
}
