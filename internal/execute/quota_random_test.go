package execute_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/db/dbtest"
	"doksportal/internal/portal"
	"doksportal/internal/request"
)

// quotaSeeds is how many random histories TestQuotaHoldsAtEveryCommit goes through.
var quotaSeeds = flag.Int("quota.seeds", 3, "random histories of people who take and give back quota")

// quotaHolds has the database refuse a commit by which a team holds more than one of
// its limits, on nodes and on cost, allows. It reads what there is, not what the
// portal makes of it.
const quotaHolds = `
CREATE FUNCTION quota_holds() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	used integer;
	limits jsonb;
BEGIN
	SELECT quota->'limits' INTO limits FROM teams WHERE id = NEW.team_id;
	SELECT coalesce(sum(amount), 0) INTO used FROM (
		SELECT CASE WHEN p.auto_scale THEN p.max_nodes ELSE p.count END AS amount
		FROM node_pools p JOIN clusters c ON c.id = p.cluster_id WHERE c.team_id = NEW.team_id AND c.gone_at IS NULL
		UNION ALL
		SELECT amount FROM reservations WHERE team_id = NEW.team_id AND item LIKE 'nodes/%' AND holder_id = '') taken;
	IF used > (limits->>'nodes')::int OR used * 2400 > (limits->>'monthly_cost')::int THEN
		RAISE EXCEPTION 'the team holds % nodes of %', used, limits;
	END IF;
	RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER quota_holds AFTER INSERT ON reservations DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW WHEN (NEW.item LIKE 'nodes/%') EXECUTE FUNCTION quota_holds()`

// refusedFor is what a refusal says: the limit, what is used, and what is asked for.
var refusedFor = regexp.MustCompile(`may have \$?([0-9,]+) [a-z0-9 -]+; it has \$?([0-9,]+) and this asks for \$?([0-9,]+) more`)

// Whatever many people do at once at three replicas, while admins change the limits,
// at no commit does a team hold more than it may, every refusal is right by its own
// numbers, and what has ended holds nothing.
func TestQuotaHoldsAtEveryCommit(t *testing.T) {
	long(t)
	t.Parallel()
	for seed := range *quotaSeeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			h := newHistory(t, uint64(seed))
			const people, acts = 12, 10
			h.inTurns(people, acts)
			h.wantNothingHeldByEnded()
			if h.taken == 0 || h.refused == 0 {
				t.Errorf("%d requests got through and %d were refused: this shows nothing", h.taken, h.refused)
			}
		})
	}
}

// history is what people did to the quota of a team.
type history struct {
	*bundle
	seed     uint64
	replicas []*request.Service
	people   []portal.Actor

	mu             sync.Mutex
	requests       []portal.Request
	taken, refused int
}

func newHistory(t *testing.T, seed uint64) *history {
	t.Helper()
	h := &history{bundle: setup(t), seed: seed}
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
	switch n := r.IntN(10); {
	case n < 6:
		made, err := at.Submit(ctx, who, createAsk(name, 1+r.IntN(4)))
		h.note(made, err)
	case n < 8:
		if made, ok := h.pick(r); ok {
			err := at.Withdraw(ctx, who, made.Number)
			h.tolerate(err)
		}
	case n < 9:
		if made, ok := h.pick(r); ok {
			_, err := h.executor.Step(ctx, made.ID)
			h.tolerate(err)
		}
	default:
		h.limit(8+r.IntN(16), 2400*(8+r.IntN(16)))
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
func (h *history) note(made portal.Request, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		h.requests, h.taken = append(h.requests, made), h.taken+1
		return
	}
	if portal.Is(err, portal.KindUnavailable) { // the machine is busy, and nothing was taken
		return
	}
	said := refusedFor.FindStringSubmatch(err.Error())
	if !portal.Is(err, portal.KindInvalid) || said == nil {
		h.t.Errorf("refused: %v", err)
		return
	}
	h.refused++
	var numbers [3]int
	for i := range numbers {
		numbers[i], _ = strconv.Atoi(regexp.MustCompile(`,`).ReplaceAllString(said[i+1], ""))
	}
	if numbers[1]+numbers[2] <= numbers[0] {
		h.t.Errorf("refused for no reason: %v", err)
	}
}

// tolerate lets pass that somebody was faster, or may not.
func (h *history) tolerate(err error) {
	if err != nil && !portal.Is(err, portal.KindConflict) && !portal.Is(err, portal.KindForbidden) && !portal.Is(err, portal.KindInvalid) && !portal.Is(err, portal.KindUnavailable) {
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
