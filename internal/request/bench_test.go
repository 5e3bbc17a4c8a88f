package request_test

import (
	"fmt"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/db"
	"doksportal/internal/db/dbtest"
	"doksportal/internal/doapi"
	"doksportal/internal/doapi/dosim"
	"doksportal/internal/inventory"
	"doksportal/internal/portal"
	"doksportal/internal/request"
	"doksportal/internal/rulebook"
	"doksportal/internal/store"
)

// BenchmarkPlan plans a change of a production cluster from a form that is
// filled in, among 50 teams, 500 clusters and 2,000 requests, without asking
// DigitalOcean. It reports the processor time that a plan takes in the portal.
func BenchmarkPlan(b *testing.B) {
	p := newPlanner(b)
	calls := p.calls()
	before := used(b)
	for b.Loop() {
		d, err := p.service.Plan(b.Context(), p.member, p.ask)
		if err != nil || len(d.Errors) > 0 || len(d.Plan.Verdict.Approvals) == 0 || len(d.Plan.Quota.Lines) == 0 {
			b.Fatalf("%v, faults %v, verdict %+v, quota %+v", err, d.Errors, d.Plan.Verdict, d.Plan.Quota)
		}
	}
	b.ReportMetric(float64(used(b)-before)/float64(time.Millisecond)/float64(b.N), "cpu-ms/op")
	if p.calls() != calls {
		b.Errorf("%d calls to DigitalOcean", p.calls()-calls)
	}
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

// planner is a portal that has been used for a while.
type planner struct {
	b       *testing.B
	pool    *pgxpool.Pool
	sim     *dosim.Sim
	service *request.Service
	member  portal.Actor
	ask     request.SubmitInput
}

func newPlanner(b *testing.B) *planner {
	b.Helper()
	p := &planner{b: b, pool: dbtest.New(b), sim: dosim.New(dosim.Config{Token: "t", Limits: dosim.Limits{PerHour: -1, PerMinute: -1}})}
	server := httptest.NewServer(p.sim)
	b.Cleanup(server.Close)
	client, err := doapi.New(server.URL, "t")
	p.must(err)
	rules := &rulebook.Service{PlatformApprovers: "platform", Pool: p.pool, Now: time.Now}
	p.must(rules.Ensure(b.Context()))
	p.service = &request.Service{Pool: p.pool, DO: client, Jobs: noJobs{}, Rules: rules, Now: time.Now}
	p.member = portal.Actor{Identity: portal.Identity{Issuer: "i", Subject: "person-0"}, Name: "ann", Groups: []string{"team-0"}, SignedInAt: time.Now()}
	for i := range 500 {
		p.sim.Add(dosim.Seed{Name: fmt.Sprintf("c-%d", i), Region: "fra1", Tags: []string{"blue"}, Pools: []dosim.SeedPool{
			{Name: "web", Size: "s-2vcpu-4gb", Count: 3, Labels: map[string]string{"tier": "web"}}, {Name: "batch", Size: "s-4vcpu-8gb", Count: 2, MinNodes: 1, MaxNodes: 4}}})
	}
	p.must((&inventory.Syncer{Pool: p.pool, DO: client, Now: time.Now}).Sync(b.Context()))
	p.populate()
	p.fill()
	return p
}

func (p *planner) must(err error) {
	p.b.Helper()
	if err != nil {
		p.b.Fatal(err)
	}
}

func (p *planner) exec(sql string, args ...any) {
	p.b.Helper()
	_, err := p.pool.Exec(p.b.Context(), sql, args...)
	p.must(err)
}

// populate adds 50 teams that have ten production clusters each, and 500
// people.
func (p *planner) populate() {
	p.b.Helper()
	p.must(db.WithTx(p.b.Context(), p.pool, func(tx pgx.Tx) error {
		for i := range 50 {
			slug := fmt.Sprintf("team-%d", i)
			team := portal.Team{ID: uuid.NewString(), Slug: slug, Name: slug, MemberGroup: slug, ApproverGroup: slug + "-approvers",
				Quota: portal.QuotaOf(100, map[string]int{"s-2vcpu-4gb": 60, "s-4vcpu-8gb": 60})}
			if err := store.InsertTeam(p.b.Context(), tx, team, time.Now()); err != nil {
				return err
			}
		}
		return nil
	}))
	p.exec(`UPDATE clusters SET environment = 'production',
		team_id = (SELECT id FROM teams WHERE slug = 'team-' || substr(clusters.name, 3)::int % 50)`)
	p.exec(`INSERT INTO people SELECT 'i', 'person-' || n, 'person-' || n, '',
		ARRAY['team-' || n % 50] || CASE WHEN n > 400 THEN ARRAY['team-' || n % 50 || '-approvers'] ELSE '{}' END, now() FROM generate_series(0, 499) n`)
}

// fill opens a form, fills it in, and asks for the same for 2,000 clusters, of
// which every tenth request is open.
func (p *planner) fill() {
	p.b.Helper()
	var cluster, pool string
	p.must(p.pool.QueryRow(p.b.Context(), `SELECT c.id, n.id FROM clusters c JOIN node_pools n ON n.cluster_id = c.id
		WHERE c.name = 'c-0' AND n.name = 'web'`).Scan(&cluster, &pool))
	p.ask = request.SubmitInput{Operation: portal.UpdateNodePool, ClusterID: cluster, PoolID: pool}
	opened, err := p.service.Plan(p.b.Context(), p.member, p.ask)
	p.must(err)
	p.ask.Form = opened.Form
	for name, value := range map[string]string{"justification": "more visitors", "count": "5", "labels": "tier=web\nblue=yes", "submit_key": uuid.NewString()} {
		p.ask.Form.Set(name, value)
	}
	r, err := p.service.Submit(p.b.Context(), p.member, p.ask)
	p.must(err)
	p.exec(`INSERT INTO requests (id, submit_key, team_id, operation, target_id, target_ids, target_name, params, justification, plan, digest, state,
			issuer, subject, requester_name, created_at, updated_at, revision, planned_at, due_at, judged, approver_groups)
		SELECT gen_random_uuid(), n::text, c.team_id, operation, c.id, ARRAY[c.id], c.name, params, justification, plan, r.digest,
			CASE WHEN n % 10 = 0 THEN 'pending' ELSE 'succeeded' END,
			issuer, 'person-' || n % 500, requester_name, r.created_at, r.updated_at, revision, planned_at, due_at, judged, approver_groups
		FROM requests r, generate_series(1, 1999) n JOIN clusters c ON c.name = 'c-' || n % 500 WHERE r.id = $1`, r.ID)
	_, err = dbtest.Owner(p.b).Exec(p.b.Context(), `ANALYZE`)
	p.must(err)
}

func (p *planner) calls() int {
	n := 0
	for _, op := range dosim.Operations() {
		n += p.sim.CallCount(op.Name)
	}
	return n
}
