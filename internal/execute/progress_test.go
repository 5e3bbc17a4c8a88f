package execute_test

import (
	"testing"
	"time"

	"doksportal/internal/portal"
)

// While DigitalOcean is at work each look says how far it is, once for what is new. When
// it is done nothing of that stays.
func TestProgressWhileSettling(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	r := b.step(b.approved(cases[portal.UpgradeCluster]))
	b.want(r, portal.Settling)
	if r.Progress.Known() {
		t.Errorf("%+v before anybody has looked", r.Progress)
	}
	conn, err := b.pool.Acquire(t.Context())
	b.must(err)
	defer conn.Release()
	_, err = conn.Exec(t.Context(), `LISTEN portal_events`)
	b.must(err)
	told := func() (n int) {
		t.Helper()
		_, err := conn.Exec(t.Context(), `SELECT pg_notify('portal_events', 'end')`)
		b.must(err)
		for {
			heard, err := conn.Conn().WaitForNotification(t.Context())
			b.must(err)
			switch heard.Payload {
			case "request:" + r.ID:
				n++
			case "end":
				return n
			}
		}
	}
	r = b.step(r)
	if r.Progress.Phase != "Upgrading the control plane" || r.Progress.Of == 0 || r.Progress.Done != 0 || told() != 1 {
		t.Errorf("%+v, and its page is not told once", r.Progress)
	}
	r = b.step(r)
	if told() != 0 {
		t.Error("its page is told of nothing new")
	}
	seen := map[string]bool{}
	for r.State == portal.Settling {
		seen[r.Progress.Short()] = true
		b.clock.advance(30 * time.Second)
		b.must(b.confirmed())
		r = b.step(r)
	}
	b.want(r, portal.Succeeded)
	if r.Progress.Known() {
		t.Errorf("%+v stays", r.Progress)
	}
	if len(seen) < 3 {
		t.Errorf("of how DigitalOcean went on it says %v", seen)
	}
	if n := b.count(`SELECT count(*) FROM requests WHERE progress IS NOT NULL`); n != 0 {
		t.Error("progress is kept")
	}
}
