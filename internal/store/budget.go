package store

import (
	"context"
	"sync"
	"time"

	"doksportal/internal/db"
)

// DigitalOcean takes 250 calls a minute and 5,000 an hour of a token. A budget
// lets burst calls through at once and then one each interval: at most 227 in
// any minute and 4,795 in any hour. Background work takes no more than half of
// a burst, and leaves the last calls of the hour to people.
const (
	burst     = 150
	each      = 775 * time.Millisecond
	lastCalls = 500
)

// askFor is how long a call waits for Postgres before it is not made.
const askFor = 3 * time.Second

// Budget paces the calls of one token to DigitalOcean for all replicas
// together, in one row that every call moves on. It is a doapi.Limiter.
type Budget struct {
	db   Querier
	name string
	now  func() time.Time

	// What DigitalOcean last said to this replica. It says the same to all.
	mu     sync.Mutex
	left   int       // calls until reset, less those sent since
	reset  time.Time // left means nothing afterwards
	paused time.Time
}

// NewBudget returns the budget of a token, which goes by a name and is not kept.
func NewBudget(db Querier, name string, now func() time.Time) *Budget {
	return &Budget{db: db, name: name, now: now}
}

// Take asks to send one call. It returns 0 when it may be sent now, else how
// long to wait before asking again. After an error nothing may be sent.
func (b *Budget) Take(ctx context.Context, background bool) (time.Duration, error) {
	now := b.now()
	cost, wait := b.reserve(now, background)
	if wait > 0 {
		return wait, nil
	}
	wait, err := b.book(ctx, now, cost, ahead(background))
	if err != nil || wait > 0 {
		b.giveBack()
	}
	return wait, db.Wrap(err)
}

// ahead is how far calls may be booked ahead of now.
func ahead(background bool) time.Duration {
	if background {
		return (burst/2 - 1) * each
	}
	return (burst - 1) * each
}

// reserve returns what a call costs of the budget, or how long to wait because
// of what DigitalOcean has said. The fewer calls are left, the more a call
// costs, so that they last until new ones come.
func (b *Budget) reserve(now time.Time, background bool) (cost, wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now.Before(b.paused) {
		return 0, b.paused.Sub(now)
	}
	if !now.Before(b.reset) {
		return each, 0
	}
	if b.left <= 0 || background && b.left <= lastCalls {
		return 0, b.reset.Sub(now)
	}
	cost = max(each, b.reset.Sub(now)/time.Duration(b.left))
	b.left--
	return cost, 0
}

// giveBack undoes reserve for a call that is not sent.
func (b *Budget) giveBack() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left++
}

// book moves the row on, unless it is too far ahead; then it returns how long
// to wait. Postgres looks at the row only once it has locked it, so that no two
// calls take the same place.
func (b *Budget) book(ctx context.Context, now time.Time, cost, ahead time.Duration) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	tag, err := b.db.Exec(ctx, `
		INSERT INTO do_budgets AS b (name, booked_until) VALUES ($1, $2::timestamptz + $3::interval)
		ON CONFLICT (name) DO UPDATE SET booked_until = greatest(b.booked_until, $2) + $3
		WHERE b.booked_until <= $4 AND b.paused_until <= $2`,
		b.name, now, cost, now.Add(ahead))
	if err != nil || tag.RowsAffected() == 1 {
		return 0, err
	}
	var at time.Time
	err = b.db.QueryRow(ctx, `
		SELECT greatest(booked_until - $2::interval, paused_until, $3) FROM do_budgets WHERE name = $1`,
		b.name, ahead, now).Scan(&at)
	return max(at.Sub(now), time.Millisecond), err // a place may have become free meanwhile
}

// Saw tells how many calls an answer said are left until reset.
func (b *Budget) Saw(ctx context.Context, remaining int, reset time.Time) {
	now := b.now()
	if latest := now.Add(time.Hour); reset.After(latest) {
		reset = latest // its clock is not ours
	}
	b.mu.Lock()
	if reset.Equal(b.reset) {
		remaining = min(remaining, b.left) // answers overtake each other
	}
	b.left, b.reset = remaining, reset
	b.mu.Unlock()
	if remaining <= 0 && now.Before(reset) {
		b.Pause(ctx, reset)
	}
}

// Pause holds back the calls of all replicas until then. When Postgres does
// not take it down, only this replica knows; the others are told by answers of
// their own.
func (b *Budget) Pause(ctx context.Context, until time.Time) {
	b.mu.Lock()
	if until.After(b.paused) {
		b.paused = until
	}
	b.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	_, _ = b.db.Exec(ctx, `
		INSERT INTO do_budgets AS b (name, paused_until) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET paused_until = greatest(b.paused_until, $2)`, b.name, until)
}
