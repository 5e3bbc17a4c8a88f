// Package budget paces the calls to DigitalOcean of all replicas together, which
// share its limits. It owns its table.
package budget

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/db"
	"doksportal/internal/doapi"
)

// DigitalOcean takes 250 calls a minute and 5,000 an hour of a token. Half of
// that, less a margin, is people's and half is background work's; what people
// leave, background work may use as well. Each part lets its burst through at
// once and then one call each interval: together at most 227 in any minute and
// 4,795 in any hour. The last calls that DigitalOcean says are left are
// background work's. Of those for background work some are kept for upkeep.
const (
	peopleBurst     = 100
	backgroundBurst = 50
	upkeepKept      = 10
	each            = 1550 * time.Millisecond
	lastCalls       = 100
)

// One person has no more than a share of people's calls.
const (
	personBurst = 30
	personEach  = 4 * time.Second
)

// askFor is how long a call waits for Postgres before it is not made.
const askFor = 3 * time.Second

// Budget paces the calls of one token to DigitalOcean for all replicas
// together, in one row that every call moves on. It is a doapi.Limiter.
type Budget struct {
	pool *pgxpool.Pool
	name string
	now  func() time.Time

	// What DigitalOcean last said to this replica. It says the same to all.
	mu     sync.Mutex
	left   int       // calls until reset, less those sent since
	reset  time.Time // left means nothing afterwards
	paused time.Time
}

// New returns the budget of a token, which goes by a name and is not kept.
func New(pool *pgxpool.Pool, name string, now func() time.Time) *Budget {
	return &Budget{pool: pool, name: name, now: now}
}

// Reserve asks to send one call, for a person whom caller stands for, or for
// nobody in particular when it is empty. It returns 0 when it may be sent now,
// else how long to wait before asking again. After an error nothing may be sent.
func (b *Budget) Reserve(ctx context.Context, caller string, why doapi.Purpose) (time.Duration, error) {
	now := b.now()
	cost, wait := b.admit(now, why != doapi.ForPeople)
	if wait > 0 {
		return wait, nil
	}
	wait, err := b.bookShare(ctx, now, cost, caller, why)
	if err != nil || wait > 0 {
		b.giveBack()
	}
	return wait, db.Wrap(err)
}

// bookShare books a call in the part that it belongs to. Background work takes
// what people leave when its own part is used up, but not all of it. A person's
// own row comes first, so that who has used up their share costs others nothing.
func (b *Budget) bookShare(ctx context.Context, now time.Time, cost time.Duration, caller string, why doapi.Purpose) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	if why != doapi.ForPeople {
		ahead := (backgroundBurst - 1) * each
		if why == doapi.ForWork {
			ahead -= upkeepKept * each
		}
		wait, err := b.book(ctx, b.name+" background", now, cost, ahead)
		if err != nil || wait == 0 {
			return 0, err
		}
		spare, err := b.book(ctx, b.name, now, cost, (peopleBurst/2-1)*each)
		return min(wait, spare), err
	}
	if caller != "" {
		sum := sha256.Sum256([]byte(caller))
		wait, err := b.book(ctx, b.name+" person "+hex.EncodeToString(sum[:]), now, personEach, (personBurst-1)*personEach)
		if err != nil || wait > 0 {
			return wait, err
		}
	}
	return b.book(ctx, b.name, now, cost, (peopleBurst-1)*each)
}

// Sweep forgets the shares of people who have made no call for an hour. A task
// calls it.
func (b *Budget) Sweep(ctx context.Context) error {
	_, err := b.pool.Exec(ctx, `DELETE FROM do_budgets WHERE starts_with(name, @people) AND booked_until < @old`,
		pgx.StrictNamedArgs{"people": b.name + " person ", "old": b.now().Add(-time.Hour)})
	return db.Wrap(err)
}

// admit returns what a call costs of the budget, or how long to wait because
// of what DigitalOcean has said. The fewer calls are left, the more a call
// costs, so that they last until new ones come.
func (b *Budget) admit(now time.Time, background bool) (cost, wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now.Before(b.paused) {
		return 0, b.paused.Sub(now)
	}
	if !now.Before(b.reset) {
		return each, 0
	}
	if b.left <= 0 || !background && b.left <= lastCalls {
		return 0, b.reset.Sub(now)
	}
	cost = max(each, 2*b.reset.Sub(now)/time.Duration(b.left)) // of one of two parts
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
func (b *Budget) book(ctx context.Context, name string, now time.Time, cost, ahead time.Duration) (time.Duration, error) {
	args := pgx.NamedArgs{"name": name, "token": b.name, "now": now, "cost": cost, "ahead": ahead, "latest": now.Add(ahead)}
	tag, err := b.pool.Exec(ctx, `
		INSERT INTO do_budgets AS b (name, booked_until)
		SELECT @name, @now::timestamptz + @cost::interval
		WHERE NOT EXISTS (SELECT FROM do_budgets WHERE name = @token AND paused_until > @now)
		ON CONFLICT (name) DO UPDATE SET booked_until = greatest(b.booked_until, @now) + @cost
		WHERE b.booked_until <= @latest AND b.paused_until <= @now`, args)
	if err != nil || tag.RowsAffected() == 1 {
		return 0, err
	}
	rows, err := b.pool.Query(ctx, `
		SELECT greatest(max(booked_until) FILTER (WHERE name = @name) - @ahead::interval,
			max(paused_until) FILTER (WHERE name = @token), @now)
		FROM do_budgets WHERE name IN (@name, @token)`, args)
	if err != nil {
		return 0, err
	}
	at, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[time.Time])
	return max(at.Sub(now), time.Millisecond), err // a place may have become free meanwhile
}

// Observe tells how many calls an answer said are left until reset.
func (b *Budget) Observe(ctx context.Context, remaining int, reset time.Time) {
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
	_, _ = b.pool.Exec(ctx, `
		INSERT INTO do_budgets AS b (name, paused_until) VALUES (@token, @until)
		ON CONFLICT (name) DO UPDATE SET paused_until = greatest(b.paused_until, @until)`,
		pgx.StrictNamedArgs{"token": b.name, "until": until})
}
