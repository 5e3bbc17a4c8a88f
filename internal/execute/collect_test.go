package execute_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"doksportal/internal/doapi/dosim"
	"doksportal/internal/portal"
	"doksportal/internal/request"
)

// access asks for a kubeconfig of the cluster, which is in that environment.
func (b *bundle) access(op portal.OperationID, e portal.Environment, minutes string) portal.Request {
	b.t.Helper()
	_, err := b.pool.Exec(context.Background(), `UPDATE clusters SET environment = $1`, e)
	b.must(err)
	r, err := b.requests.Submit(context.Background(), b.member, on(op, "minutes", minutes)(b))
	b.must(err)
	return r
}

// collect collects a secret as somebody who has just signed in.
func (b *bundle) collect(a portal.Actor, r portal.Request) (portal.Secret, error) {
	return b.executor.Collect(context.Background(), b.signedIn(a), r.Number)
}

func TestCollectOnce(t *testing.T) {
	t.Parallel()
	for _, op := range []portal.OperationID{portal.GetKubeconfig, portal.GetCredentials} {
		b := richSetup(t)
		r := b.access(op, portal.Development, "30")
		b.want(r, portal.Approved)
		b.want(b.step(r), portal.Approved) // no job fetches it
		for _, other := range []portal.Actor{b.approver, b.person("eve", "pay")} {
			if _, err := b.collect(other, r); !portal.Is(err, portal.KindForbidden) {
				t.Errorf("%s collects: %v", other.Name, err)
			}
		}
		if _, err := b.collect(b.person("sam", "search"), r); !portal.Is(err, portal.KindNotFound) {
			t.Errorf("a stranger collects: %v", err)
		}
		secret, err := b.collect(b.member, r)
		b.must(err)
		if got := secret.ExpiresAt.Sub(b.clock.Now()); got != 30*time.Minute {
			t.Errorf("%s: good for %s", op, got)
		}
		if op == portal.GetKubeconfig && !strings.Contains(string(secret.Kubeconfig), "do-fra1-rich") || op == portal.GetCredentials && len(secret.Token) < 32 {
			t.Errorf("%s: not what was asked for", op)
		}
		if _, err := b.collect(b.member, r); !portal.Is(err, portal.KindConflict) {
			t.Errorf("collected twice: %v", err)
		}
		b.wantCalls(string(op), 1)
		if got := b.trail(r); got != "request_submitted execution_intent execution_outcome request_succeeded" {
			t.Errorf("on the trail: %s", got)
		}
	}
}

// Two clicks in the same moment hand out one.
func TestCollectAtOnce(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	r := b.access(portal.GetKubeconfig, portal.Development, "30")
	errs := inParallel(8, func(int) error {
		_, err := b.collect(b.member, r)
		return err
	})
	if n := successes(errs); n != 1 {
		t.Errorf("%d were handed out: %v", n, errs)
	}
	b.wantCalls("get_kubeconfig", 1)
}

// In production somebody else has to agree, and must still be able to when it
// is collected.
func TestCollectInProduction(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	r := b.access(portal.GetKubeconfig, portal.Production, "60")
	b.want(r, portal.Pending)
	if _, err := b.collect(b.member, r); !portal.Is(err, portal.KindConflict) {
		t.Errorf("collected before anybody agreed: %v", err)
	}
	approve := request.ReviewInput{Number: r.Number, Decision: portal.ReviewApprove, Revision: r.Revision, Digest: r.Digest}
	b.must(b.requests.Review(context.Background(), b.approver, approve))
	b.clock.advance(6 * time.Minute)
	b.person("ann", "pay")
	if _, err := b.collect(b.member, r); !portal.Is(err, portal.KindUnavailable) {
		t.Errorf("collected although nobody has confirmed the approver's groups: %v", err)
	}
	b.person("bob") // has lost the group
	if _, err := b.collect(b.member, r); !portal.Is(err, portal.KindConflict) {
		t.Errorf("collected on the word of one who may not give it: %v", err)
	}
	b.want(b.read(r), portal.Stale)
	b.wantCalls("get_kubeconfig", 0)
}

// DigitalOcean's failures leave nothing handed out, and a true state.
func TestCollectFails(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	r := b.access(portal.GetKubeconfig, portal.Development, "30")
	b.sim.Inject(dosim.Fault{Operation: "get_kubeconfig", Kind: dosim.FaultStatus, Status: 503, ID: "x", Message: "down", Times: 9})
	if _, err := b.collect(b.member, r); !portal.Is(err, portal.KindUnavailable) {
		t.Errorf("while DigitalOcean is down: %v", err)
	}
	b.want(b.read(r), portal.Approved)
	b.sim.Heal()
	b.sim.Inject(dosim.Fault{Operation: "get_kubeconfig", Kind: dosim.FaultStatus, Status: 422, ID: "unprocessable_entity", Message: "you do not have access for the attempted action"})
	if _, err := b.collect(b.member, r); !portal.Is(err, portal.KindConflict) {
		t.Errorf("refused: %v", err)
	}
	r = b.read(r)
	b.want(r, portal.Failed)
	if !strings.Contains(r.Reason, "you do not have access") {
		t.Errorf("reason %q", r.Reason)
	}
}

// Whoever is cut off while collecting is told, and what was lost is not fetched
// by anybody else.
func TestCollectCutOff(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	r := b.access(portal.GetKubeconfig, portal.Development, "30")
	_, err := b.pool.Exec(context.Background(), `UPDATE requests SET state = 'executing' WHERE id = $1`, r.ID)
	b.must(err)
	_, err = b.pool.Exec(context.Background(), `INSERT INTO executions (request_id, attempt, intent_at) VALUES ($1, 1, $2)`, r.ID, b.clock.Now())
	b.must(err)
	b.clock.advance(2 * time.Minute)
	r = b.finish(r)
	b.want(r, portal.Failed)
	if !strings.Contains(r.Reason, "lost on its way") {
		t.Errorf("reason %q", r.Reason)
	}
	b.wantCalls("get_kubeconfig", 0)
}

// Nothing is handed out before its time: within a cool-off or outside of a
// window, to the second.
func TestCollectTooEarly(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"cool-off", "window"} {
		b := richSetup(t)
		opens := b.clock.Now().Add(10 * time.Minute).Truncate(time.Minute)
		terms := "cool_off: " + strconv.Itoa(int(opens.Sub(b.clock.Now())/time.Second)) + "s"
		if name == "window" {
			terms = fmt.Sprintf(`windows: [{days: [fri], from: "%s", to: "%s", zone: UTC}]`, opens.Format("15:04"), opens.Add(5*time.Minute).Format("15:04"))
		}
		b.policy("rules: [{name: rest, allow: true, " + terms + "}]")
		r := b.access(portal.GetKubeconfig, portal.Development, "30")
		b.want(r, portal.Approved)
		b.clock.advance(opens.Sub(b.clock.Now()) - time.Second)
		_, err := b.collect(b.person("ann", "pay"), r)
		b.wantKind(err, portal.KindConflict, name+": collected a second too early")
		b.wantCalls("get_kubeconfig", 0)
		b.want(b.read(r), portal.Approved)
		b.clock.advance(time.Second)
		if _, err := b.collect(b.person("ann", "pay"), r); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
