package events_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/db"
	"doksportal/internal/db/dbtest"
	"doksportal/internal/events"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// bundle is the hub of one process, which runs until stop.
type bundle struct {
	t      *testing.T
	pool   *pgxpool.Pool
	hub    *events.Hub
	faults faults
	stop   context.CancelFunc
	ended  chan struct{} // closed when Run has returned
}

// faults are what a hub logs.
type faults chan string

func (f faults) Write(b []byte) (int, error) {
	select {
	case f <- string(b):
	default: // nobody reads that many
	}
	return len(b), nil
}

// setup makes a hub that hears.
func setup(t *testing.T) *bundle {
	t.Helper()
	b := replica(t, dbtest.New(t))
	b.awaitListening()
	return b
}

// replica starts the hub of another process on the same database.
func replica(t *testing.T, pool *pgxpool.Pool) *bundle {
	t.Helper()
	b := &bundle{t: t, pool: pool, faults: make(faults, 100), ended: make(chan struct{})}
	b.hub = events.NewHub(b.pool, slog.New(slog.NewTextHandler(b.faults, nil)))
	ctx, stop := context.WithCancel(context.Background())
	b.stop = stop
	go func() {
		defer close(b.ended)
		b.hub.Run(ctx)
	}()
	t.Cleanup(func() { stop(); <-b.ended })
	return b
}

// awaitListening waits until what is announced from now on is heard.
func (b *bundle) awaitListening() {
	b.t.Helper()
	deadline := time.Now().Add(time.Minute)
	first, end := b.hub.Subscribe("the first word")
	defer end()
	for time.Now().Before(deadline) {
		b.publish("the first word")
		select {
		case <-first:
			return
		case <-time.After(50 * time.Millisecond): // announced before the hub listened
		}
	}
	b.t.Fatal("the hub does not listen")
}

func (b *bundle) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// publish announces changes and commits.
func (b *bundle) publish(feeds ...events.Feed) {
	b.t.Helper()
	b.must(db.WithTx(b.t.Context(), b.pool, func(tx pgx.Tx) error { return events.Publish(b.t.Context(), tx, feeds...) }))
}

// subscribe follows feeds until the test ends.
func (b *bundle) subscribe(feeds ...events.Feed) <-chan struct{} {
	wake, end := b.hub.Subscribe(feeds...)
	b.t.Cleanup(end)
	return wake
}

func (b *bundle) wantWoken(who string, wake <-chan struct{}) {
	b.t.Helper()
	select {
	case <-wake:
	case <-time.After(time.Minute):
		b.t.Fatalf("%s hears nothing", who)
	}
}

// wantQuiet checks that somebody has not been woken. A hub tells what it hears
// in order: once it has told of something announced later, this holds.
func (b *bundle) wantQuiet(who string, wake <-chan struct{}) {
	b.t.Helper()
	last := b.subscribe("the last word")
	b.publish("the last word")
	b.wantWoken("the test", last)
	select {
	case <-wake:
		b.t.Errorf("%s is woken for nothing", who)
	default:
	}
}

// listeners counts the connections that listen.
func (b *bundle) listeners() (n int) {
	b.t.Helper()
	b.must(b.pool.QueryRow(context.Background(), `SELECT count(*) FROM pg_stat_activity
		WHERE datname = current_database() AND query LIKE 'LISTEN %'`).Scan(&n))
	return n
}

// cutOff ends the hub's connection.
func (b *bundle) cutOff() {
	b.t.Helper()
	var ended int
	b.must(b.pool.QueryRow(b.t.Context(), `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
		WHERE datname = current_database() AND query LIKE 'LISTEN %'`).Scan(&ended))
	if ended != 1 {
		b.t.Fatalf("%d connections listen, want 1", ended)
	}
}

func (b *bundle) wantFault() {
	b.t.Helper()
	select {
	case <-b.faults:
	case <-time.After(time.Minute):
		b.t.Fatal("no operator is told that live updates are interrupted")
	}
}

func (b *bundle) wantEnded() {
	b.t.Helper()
	select {
	case <-b.ended:
	case <-time.After(time.Minute):
		b.t.Fatal("the hub goes on after its context has ended")
	}
}

func TestHearsWhatIsCommitted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	wake := b.subscribe(events.Inventory)
	b.must(db.WithTx(t.Context(), b.pool, func(tx pgx.Tx) error {
		if err := events.Publish(t.Context(), tx, events.Inventory); err != nil {
			return err
		}
		b.wantQuiet("who follows what is not committed yet", wake)
		return nil
	}))
	b.wantWoken("who follows the inventory", wake)

	changedItsMind := errors.New("changed its mind")
	err := db.WithTx(t.Context(), b.pool, func(tx pgx.Tx) error {
		return errors.Join(events.Publish(t.Context(), tx, events.Inventory), changedItsMind)
	})
	if !errors.Is(err, changedItsMind) {
		t.Fatal(err)
	}
	b.wantQuiet("who follows what was rolled back", wake)
}

// All who follow a feed hear of it, in every process, and nobody else does.
func TestFeedsReachThoseWhoFollowThem(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := replica(t, b.pool)
	other.awaitListening()
	one, two := events.Request("1"), events.Request("2")
	first, second, elsewhere := b.subscribe(one), b.subscribe(events.Inventory, one), other.subscribe(one)
	stranger, all := b.subscribe(two, events.Inventory), b.subscribe(events.Requests)
	b.publish(one)
	b.wantWoken("the first", first)
	b.wantWoken("who follows something else besides", second)
	b.wantWoken("who follows it in another process", elsewhere)
	b.wantQuiet("who follows another request", stranger)
	b.wantQuiet("who follows the list of requests", all)
	b.publish(two, events.Requests)
	b.wantWoken("who follows the other request", stranger)
	b.wantWoken("who follows the list of requests", all)
	b.wantQuiet("the first", first)
}

// Who does not listen keeps nobody waiting, and hears afterwards that something
// changed, once.
func TestSlowSubscriber(t *testing.T) {
	t.Parallel()
	b := setup(t)
	slow, quick := b.subscribe(events.Inventory), b.subscribe(events.Inventory)
	for range 100 {
		b.publish(events.Inventory)
		b.wantWoken("the quick one", quick)
	}
	b.wantWoken("the slow one", slow)
	b.wantQuiet("the slow one", slow)
	b.publish(events.Inventory)
	b.wantWoken("the slow one, who has caught up", slow)
}

func TestSubscriptionEnds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	wake, end := b.hub.Subscribe(events.Inventory)
	stays := b.subscribe(events.Inventory)
	end()
	end() // a handler that ends twice harms nobody
	b.publish(events.Inventory)
	b.wantWoken("who stays", stays)
	b.wantQuiet("who has left", wake)
}

// Whoever may have missed something looks again once the hub hears again.
func TestReconnects(t *testing.T) {
	t.Parallel()
	b := setup(t)
	wake, never := b.subscribe(events.Inventory), b.subscribe("nobody speaks of it")
	open(t, b.pool, false)
	b.cutOff()
	b.wantFault()
	b.wantFault() // of the first attempt to connect again
	b.publish(events.Inventory)
	b.wantNobodyListens()
	open(t, b.pool, true)
	b.wantWoken("who has missed something", wake)
	b.wantWoken("who may have missed something", never)
	b.wantQuiet("who has looked", wake)
	b.publish(events.Inventory)
	b.wantWoken("who follows the inventory", wake)
}

func (b *bundle) wantNobodyListens() {
	b.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for b.listeners() > 0 {
		if time.Now().After(deadline) {
			b.t.Fatal("a connection still listens")
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// open lets the test's database take connections, or no further ones.
func open(t *testing.T, pool *pgxpool.Pool, take bool) {
	t.Helper()
	at := dbtest.Owner(t).Config().ConnConfig
	// One connection of the pool has to be there already.
	if err := pool.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	name := at.Database
	at.Database = "postgres"
	conn, err := pgx.ConnectConfig(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if _, err := conn.Exec(t.Context(), fmt.Sprintf("ALTER DATABASE %s ALLOW_CONNECTIONS %t", pgx.Identifier{name}.Sanitize(), take)); err != nil {
		t.Fatal(err)
	}
}

func TestEndsWithItsContext(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.stop()
	b.wantEnded()
	b.wantNobodyListens()
	if len(b.faults) > 0 {
		t.Errorf("a hub that was told to end complains: %s", <-b.faults)
	}
}

// A hub that waits for the database to come back can be ended too.
func TestEndsWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	b := setup(t)
	open(t, b.pool, false)
	b.cutOff()
	b.wantFault()
	b.stop()
	b.wantEnded()
}
