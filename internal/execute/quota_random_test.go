package execute_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/db/dbtest"
	"doksportal/internal/portal"
	"doksportal/internal/request"
	"doksportal/internal/store"
)

// How much TestQuotaHoldsAtEveryCommit goes through.
var (
	quotaSeeds  = flag.Int("quota.seeds", 3, "random histories of people who take and give back quota")
	quotaPeople = flag.Int("quota.people", 12, "people in each of them")
)

// quotaHolds has the database refuse a commit by which a team holds more than one of
// its limits, on nodes and on cost, or what was granted beyond it when the request was
// made, allows. It reads what there is, not what the portal makes of it. A pool whose
// growth has been sent is held as it is, whatever the limits are by then.
const quotaHolds = `
CREATE FUNCTION quota_holds() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	used integer;
	nodes integer;
	cents integer;
	limits jsonb;
BEGIN
	SELECT quota->'limits' INTO limits FROM teams WHERE id = NEW.team_id;
	SELECT greatest((limits->>'nodes')::int, max(g.amount) FILTER (WHERE g.item = 'nodes')),
			greatest((limits->>'monthly_cost')::int, max(g.amount) FILTER (WHERE g.item = 'monthly_cost')) INTO nodes, cents
		FROM quota_grants g WHERE g.team_id = NEW.team_id AND g.ended_at IS NULL
			AND g.until > (SELECT planned_at FROM requests WHERE id = NEW.request_id);
	SELECT coalesce(sum(amount), 0) INTO used FROM (
		SELECT CASE WHEN p.auto_scale THEN p.max_nodes ELSE p.count END AS amount
		FROM node_pools p JOIN clusters c ON c.id = p.cluster_id WHERE c.team_id = NEW.team_id AND c.gone_at IS NULL
		UNION ALL
		SELECT amount FROM reservations WHERE team_id = NEW.team_id AND item LIKE 'nodes/%' AND holder_id = '') taken;
	IF used > nodes OR used * 2400 > cents THEN
		RAISE EXCEPTION 'the team holds % nodes of % and % cents', used, nodes, cents;
	END IF;
	RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER quota_holds AFTER INSERT ON reservations DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW WHEN (NEW.item LIKE 'nodes/%' AND NEW.holder_id = '') EXECUTE FUNCTION quota_holds()`

// refusedFor is what a refusal says: the limit, what is used, and what is asked for.
var refusedFor = regexp.MustCompile(`may have \$?([0-9,]+) [a-z0-9 -]+; it has \$?([0-9,]+) and this asks for \$?([0-9,]+) more`)

// Whatever many people do at once at three replicas (create, resize, withdraw, carry
// out), while time passes, requests expire, admins change the limits, and more is
// granted and ends: at no commit does a team hold more than it may, every refusal is
// right by its own numbers, and what has ended holds nothing.
func TestQuotaHoldsAtEveryCommit(t *testing.T) {
	long(t)
	t.Parallel()
	done := map[string]int{}
	for seed := range *quotaSeeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			h := newHistory(t, uint64(seed))
			const acts = 12
			h.inTurns(*quotaPeople, acts)
			h.wantNothingHeldByEnded()
			for what, n := range h.done {
				done[what] += n
			}
		})
	}
	for _, what := range []string{"create", "refused", "resize", "withdraw", "step", "grant", "expire", "end grants"} {
		if done[what] == 0 {
			t.Errorf("none of it was %s: this shows nothing: %v", what, done)
		}
	}
}

// history is what people did to the quota of a team.
type history struct {
	*bundle
	seed     uint64
	replicas []*request.Service
	people   []portal.Actor

	mu       sync.Mutex
	requests []portal.Request
	done     map[string]int // how often what worked
}

func newHistory(t *testing.T, seed uint64) *history {
	t.Helper()
	h := &history{bundle: setup(t), seed: seed, done: map[string]int{}}
	_, err := dbtest.Owner(t).Exec(t.Context(), quotaHolds)
	h.must(err)
	h.limit(20, 48000)
	for range 3 {
		config := h.pool.Config()
		config.MaxConns = 6
		pool, err := pgxpool.NewWithConfig(t.Context(), config)
		h.must(err)
		t.Cleanup(pool.Close)
		replica := *h.bundle.requests
		replica.Pool = pool
		h.replicas = append(h.replicas, &replica)
	}
	return h
}

// limit sets the team's limits on nodes and on cost, in cents.
func (h *history) limit(nodes, cents int) {
	_, err := h.pool.Exec(h.t.Context(), `UPDATE teams SET quota = jsonb_build_object('limits', jsonb_build_object('nodes', $1::int, 'monthly_cost', $2::int))`, nodes, cents)
	if err != nil {
		h.t.Error(err)
	}
}

// inTurns has each of many people do something, one thing after the other.
func (h *history) inTurns(people, acts int) {
	for i := range people {
		h.people = append(h.people, h.person(fmt.Sprint("person-", i), "pay"))
	}
	var all sync.WaitGroup
	for i, who := range h.people {
		all.Go(func() {
			r := rand.New(rand.NewPCG(h.seed, uint64(i))) //nolint:gosec // a seed makes a history
			for n := range acts {
				h.act(r, who, h.replicas[r.IntN(len(h.replicas))], fmt.Sprintf("c-%d-%d", i, n))
			}
		})
	}
	all.Wait()
}

func (h *history) act(r *rand.Rand, who portal.Actor, at *request.Service, name string) {
	ctx := h.t.Context()
	switch n := r.IntN(24); {
	case n < 8:
		made, err := at.Submit(ctx, who, createAsk(name, 1+r.IntN(5)))
		h.note("create", made, err)
	case n < 11:
		h.resize(r, who, at)
	case n < 13:
		if made, ok := h.pick(r); ok {
			requester := h.people[slices.IndexFunc(h.people, func(p portal.Actor) bool { return p.Identity == made.Requester.Identity })]
			h.tolerate("withdraw", at.Withdraw(ctx, requester, made.Number))
		}
	case n < 17:
		if made, ok := h.pick(r); ok {
			_, err := h.executor.Step(ctx, made.ID)
			h.tolerate("step", err)
		}
	case n < 20:
		h.grant(r, who, at)
	case n < 22:
		h.passTime(r, at)
	default:
		h.limit(8+r.IntN(16), 2400*(8+r.IntN(16)))
	}
}

// resize asks for other numbers of nodes of a pool that there is.
func (h *history) resize(r *rand.Rand, who portal.Actor, at *request.Service) {
	list, err := store.ClustersOf(h.t.Context(), h.pool, []string{h.team.ID}, 100)
	if h.tolerate("", err); len(list) == 0 {
		return
	}
	c := list[r.IntN(len(list))]
	change := form("count", strconv.Itoa(1+r.IntN(5)))
	if r.IntN(2) == 0 {
		change = form("auto_scale", "true", "min_nodes", "1", "max_nodes", strconv.Itoa(1+r.IntN(6)))
	}
	change.Set("name", c.Pools[0].Name)
	made, err := at.Submit(h.t.Context(), who, request.SubmitInput{Operation: portal.UpdateNodePool, ClusterID: c.ID, PoolID: c.Pools[0].ID, Form: change})
	h.note("resize", made, err)
	if err == nil && made.State == portal.Pending {
		h.tolerate("", at.Review(h.t.Context(), h.signedIn(h.approver), request.ReviewInput{Number: made.Number, Decision: portal.ReviewApprove, Revision: made.Revision, Digest: made.Digest}))
	}
}

// grant asks for more nodes for a time, and has that agreed to.
func (h *history) grant(r *rand.Rand, who portal.Actor, at *request.Service) {
	nodes := 24 + r.IntN(6)
	ask := h.raiseAsk("nodes", strconv.Itoa(nodes), "monthly_cost", strconv.Itoa(24*nodes), "lasts", portal.LastsDays, "days", "1")
	made, err := at.Submit(h.t.Context(), who, ask)
	if err == nil {
		err = at.Review(h.t.Context(), h.platform(), request.ReviewInput{Number: made.Number, Decision: portal.ReviewApprove, Revision: made.Revision, Digest: made.Digest})
	}
	if err == nil {
		_, err = h.executor.Step(h.t.Context(), made.ID)
	}
	h.tolerate("grant", err)
}

// passTime lets hours pass, and what follows from that happen.
func (h *history) passTime(r *rand.Rand, at *request.Service) {
	h.clock.advance(time.Duration(1+r.IntN(8)) * time.Hour)
	h.tolerate("", h.confirmed())
	h.tolerate("expire", at.Expire(h.t.Context()))
	if r.IntN(3) == 0 { // what is over counts no more, whether or not that has run
		h.tolerate("end grants", at.EndGrants(h.t.Context()))
	}
}

func (h *history) pick(r *rand.Rand) (portal.Request, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.requests) == 0 {
		return portal.Request{}, false
	}
	return h.requests[r.IntN(len(h.requests))], true
}

// note keeps a request, or makes sure that it was refused for a reason.
func (h *history) note(what string, made portal.Request, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		h.requests = append(h.requests, made)
		h.done[what]++
		return
	}
	if portal.Is(err, portal.KindUnavailable) || portal.Is(err, portal.KindConflict) { // the machine is busy, or somebody was faster: nothing was taken
		return
	}
	if faults := portal.FieldErrorsOf(err); len(faults) > 0 && faults[0].Message == "Nothing has changed." {
		return
	}
	said := refusedFor.FindStringSubmatch(err.Error())
	if !portal.Is(err, portal.KindInvalid) || said == nil {
		h.t.Errorf("refused: %v", err)
		return
	}
	h.done["refused"]++
	var numbers [3]int
	for i := range numbers {
		numbers[i], _ = strconv.Atoi(regexp.MustCompile(`,`).ReplaceAllString(said[i+1], ""))
	}
	if numbers[1]+numbers[2] <= numbers[0] {
		h.t.Errorf("refused for no reason: %v", err)
	}
}

// tolerate lets pass that somebody was faster, or may not.
func (h *history) tolerate(what string, err error) {
	if err == nil {
		h.mu.Lock()
		h.done[what]++
		h.mu.Unlock()
		return
	}
	kinds := []portal.Kind{portal.KindConflict, portal.KindForbidden, portal.KindInvalid, portal.KindUnavailable, portal.KindStepUp}
	if !slices.Contains(kinds, portal.KindOf(err)) {
		h.t.Error(err)
	}
}

func (h *history) wantNothingHeldByEnded() {
	h.t.Helper()
	var n int
	h.must(h.pool.QueryRow(h.t.Context(), `SELECT count(*) FROM reservations v JOIN requests r ON r.id = v.request_id
		WHERE r.state IN ('succeeded', 'failed', 'rejected', 'withdrawn', 'expired', 'stale')`).Scan(&n))
	if n > 0 {
		h.t.Errorf("requests that have ended hold %d reservations", n)
	}
}
