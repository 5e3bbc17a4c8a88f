// Package story tells the demo what its company has done in 90 days: teams and
// people, clusters, requests that ended in every way, policy, emergencies. All of
// it goes through the portal's own use cases, at a clock that is moved and on a
// simulated DigitalOcean of its own, so that what the trail says is true. The
// story is the same each time, but for its dates: it ends now.
package story

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/auth/devidp"
	"doksportal/internal/doapi"
	"doksportal/internal/doapi/dosim"
	"doksportal/internal/execute"
	"doksportal/internal/inventory"
	"doksportal/internal/notify"
	"doksportal/internal/orphans"
	"doksportal/internal/pauses"
	"doksportal/internal/portal"
	"doksportal/internal/request"
	"doksportal/internal/rulebook"
	"doksportal/internal/store"
	"doksportal/internal/teams"
)

// length is how long the company has been at work.
const length = 90 * 24 * time.Hour

// Config says to whom the story is told.
type Config struct {
	Pool     *pgxpool.Pool
	Issuer   string           // of everybody
	Accounts []devidp.Account // of the demo, who take part
	Roles    portal.RoleGroups
	Until    time.Time // when the story ends
	Trail    execute.Sealer

	// Describe writes down what the identity provider says of a person, sealed as by a
	// sign-in.
	Describe func(ctx context.Context, tx pgx.Tx, p store.Person) error
	// Begin makes what there is before the story, at the time that its clock shows.
	Begin func(ctx context.Context, sim *dosim.Sim, do *doapi.Client, now func() time.Time) error
}

// Tell tells the story on a database that has nothing but its schema. It returns
// the simulator's state at the end, in the form of dosim.Snapshot.
func Tell(ctx context.Context, cfg Config) (simulator []byte, err error) {
	t, stop, err := newTeller(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer stop()
	if err := cfg.Begin(ctx, t.sim, t.do, t.clock.Now); err != nil {
		return nil, err
	}
	for _, chapter := range []func() error{t.introduce, t.adoptClusters, t.writePolicy, t.planVentures, t.planUpgrades, t.planEveryday, t.planScenes} {
		if err := chapter(); err != nil {
			return nil, err
		}
	}
	if err := t.run(); err != nil {
		return nil, err
	}
	if err := t.syncer.Sync(ctx); err != nil {
		return nil, err
	}
	// Nobody is told today of what happened then.
	if err := notify.SkipBefore(ctx, cfg.Pool, cfg.Until); err != nil {
		return nil, err
	}
	return t.sim.Snapshot()
}

// teller has all that a portal has, at the clock of the story.
type teller struct {
	Config
	ctx       context.Context
	everybody []devidp.Account
	clock     *clock
	agenda    agenda
	random    *rand.Rand
	wire      *wire

	sim      *dosim.Sim
	do       *doapi.Client
	requests *request.Service
	executor *execute.Executor
	syncer   *inventory.Syncer
	teams    *teams.Service
	orphans  *orphans.Service
	rules    *rulebook.Service

	fleet   []*place          // all clusters, in the order in which they came
	endings map[string]ending // of requests that are under way, by their id
	errands int               // that needed an approval
}

// speed has what is under way at the end be over a minute or two later. Until
// then the portal asks DigitalOcean about it every second, which is nearly all
// that it may ask.
const speed = 8

// token is what the story's own simulator takes.
const token = "dop_v1_story"

// pace lets the clock go in large steps.
var pace = execute.Pace{Settle: 4 * time.Minute, Wait: 2 * time.Hour, Grace: execute.DefaultPace.Grace, Most: execute.DefaultPace.Most}

func newTeller(ctx context.Context, cfg Config) (t *teller, stop func(), err error) {
	cfg.Until = cfg.Until.Truncate(time.Second)
	t = &teller{Config: cfg, ctx: ctx, clock: &clock{now: cfg.Until.Add(-length)}, random: rand.New(rand.NewPCG(1, 2)),
		everybody: append(append([]devidp.Account{}, cfg.Accounts...), People...), endings: map[string]ending{}}
	t.sim = dosim.New(dosim.Config{Token: token, Now: t.clock.Now, Speed: speed, Limits: dosim.Limits{PerHour: -1, PerMinute: -1}})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	t.wire = &wire{next: t.sim}
	server := &http.Server{Handler: t.wire, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }() // until stop closes it
	stop = func() { _ = server.Close() }
	if t.do, err = doapi.New("http://"+listener.Addr().String(), token, doapi.Clock(t.clock.Now, noSleep)); err != nil {
		stop()
		return nil, nil, fmt.Errorf("story: %w", err)
	}
	t.serve()
	return t, stop, nil
}

// noSleep lets nothing wait: the clock does not go on by itself.
func noSleep(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// serve puts the portal's services together.
func (t *teller) serve() {
	who, now := people{t}, t.clock.Now
	t.rules = &rulebook.Service{PlatformApprovers: t.Roles[portal.RolePlatformApprover], Pool: t.Pool, People: who, Now: now}
	t.requests = &request.Service{Pool: t.Pool, DO: t.do, Jobs: jobs{t}, Rules: t.rules, People: who, Now: now}
	t.executor = &execute.Executor{Pool: t.Pool, DO: t.do, People: who, Rules: t.rules, Trail: t.Trail, Now: now,
		Pauses: &pauses.Service{Pool: t.Pool, Now: now}, Logger: slog.New(slog.DiscardHandler), Pace: pace}
	t.syncer = &inventory.Syncer{Pool: t.Pool, DO: t.do, Now: now}
	t.teams = &teams.Service{Pool: t.Pool, People: who, Now: now}
	t.orphans = &orphans.Service{Pool: t.Pool, Now: now}
}
