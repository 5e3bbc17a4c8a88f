package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit/anchor"
	"doksportal/internal/db"
)

// errUnanchored says that no anchor has taken a checkpoint.
var errUnanchored = errors.New("no anchor has taken the checkpoint")

// anchorFor is how long an anchor may take, with what is noted of it.
const anchorFor = 15 * time.Second

// anchor returns once one of the anchors that are prompt has the checkpoint; at once
// where there are none. The others go on to take it.
func (t *Trail) anchor(ctx context.Context, c Checkpoint) error {
	behind, err := t.behind(ctx, c, true)
	if err != nil || t.anchored(c) || len(behind) == 0 {
		return err
	}
	taken := make(chan bool, len(behind))
	for _, a := range behind {
		go func() { taken <- t.publish(ctx, a, c) == nil }()
	}
	for range behind {
		select {
		case ok := <-taken:
			if ok {
				return nil
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return errUnanchored
}

// anchorAll has all anchors that do not have it take a checkpoint.
func (t *Trail) anchorAll(ctx context.Context, c Checkpoint) error {
	var errs []error
	for _, prompt := range []bool{true, false} {
		behind, err := t.behind(ctx, c, prompt)
		errs = append(errs, err)
		for _, a := range behind {
			errs = append(errs, t.publish(ctx, a, c))
		}
	}
	return errors.Join(errs...)
}

// mailEvery is how often an anchor that is not prompt gets a checkpoint, from
// whichever replica.
const mailEvery = 23 * time.Hour

// behind returns the anchors that are to take a checkpoint. Which of the prompt ones
// have it, the process knows from themselves: the database is what they guard
// against.
func (t *Trail) behind(ctx context.Context, c Checkpoint, prompt bool) ([]anchor.Anchor, error) {
	states, err := anchorStates(ctx, t.Pool)
	if err != nil || c.Size == 0 {
		return nil, err
	}
	var behind []anchor.Anchor
	for _, a := range t.Anchors {
		state := states[a.String()]
		if state.beyond || state.At.Sub(t.Now()) > lateAfter {
			return nil, fmt.Errorf("%w: it says that the anchor %s has %d events since %s, which it cannot have", ErrTampered, a, state.Size, state.At.UTC().Format(time.RFC3339))
		}
		if a.Prompt() == prompt && (prompt && t.has(a) < c.Size || !prompt && state.Size < c.Size && t.Now().Sub(state.At) >= mailEvery) {
			behind = append(behind, a)
		}
	}
	return behind, nil
}

// has is the size of the largest checkpoint that an anchor has confirmed to this
// process.
func (t *Trail) has(a anchor.Anchor) int64 {
	t.confirming.Lock()
	defer t.confirming.Unlock()
	return t.confirmed[a.String()]
}

// anchored reports whether one of the prompt anchors has confirmed a checkpoint to
// this process.
func (t *Trail) anchored(c Checkpoint) bool {
	return slices.ContainsFunc(t.Anchors, func(a anchor.Anchor) bool { return a.Prompt() && t.has(a) >= c.Size })
}

func (t *Trail) confirm(a anchor.Anchor, size int64) {
	t.confirming.Lock()
	defer t.confirming.Unlock()
	t.confirmed[a.String()] = max(t.confirmed[a.String()], size)
}

// publish has an anchor take a checkpoint, and notes what came of that. It goes on
// when whoever waits for it does not.
func (t *Trail) publish(ctx context.Context, a anchor.Anchor, c Checkpoint) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), anchorFor)
	defer cancel()
	err := a.Publish(ctx, anchor.Checkpoint{Size: c.Size, Note: c.Note})
	if errors.Is(err, anchor.ErrNotDue) {
		return nil
	}
	args := pgx.NamedArgs{"name": a.String(), "size": c.Size}
	if err != nil {
		args["fault"] = err.Error()
		_, noted := t.Pool.Exec(ctx, `INSERT INTO anchors (name, fault, fault_at) VALUES (@name, @fault, now())
			ON CONFLICT (name) DO UPDATE SET fault = @fault, fault_at = now()`, args)
		return errors.Join(err, noted)
	}
	t.confirm(a, c.Size)
	_, err = t.Pool.Exec(ctx, `INSERT INTO anchors AS a (name, size, at) VALUES (@name, @size, now())
		ON CONFLICT (name) DO UPDATE SET size = greatest(a.size, @size), at = now(), fault = ''`, args)
	return db.Wrap(err)
}

// AnchorState is how far an anchor has the checkpoints.
type AnchorState struct {
	Name  string
	Size  int64
	At    time.Time // zero: it never had one
	Fault string    // of the last attempt, empty when that worked
}

// anchorState is what the database says of an anchor.
type anchorState struct {
	AnchorState
	beyond bool // no checkpoint is of so many events: whoever noted it was not the portal
}

func anchorStates(ctx context.Context, q db.Querier) (map[string]anchorState, error) {
	type row struct {
		Name   string
		Size   int64
		At     *time.Time
		Fault  string
		Beyond bool
	}
	list, err := db.All(ctx, q, pgx.RowToStructByName[row], `
		SELECT name, size, at, fault, size > coalesce((SELECT max(size) FROM checkpoints), 0) AS beyond FROM anchors`)
	states := map[string]anchorState{}
	for _, r := range list {
		states[r.Name] = anchorState{AnchorState{r.Name, r.Size, deref(r.At), r.Fault}, r.Beyond}
	}
	return states, err
}

// deref is what a column that may be NULL has, the zero value for that.
func deref[T any](v *T) (value T) {
	if v != nil {
		value = *v
	}
	return value
}

// Status is how the trail is, for people.
type Status struct {
	Events     int64     // that have numbers
	Waiting    time.Time // since when the oldest event waits for one; zero when none does
	Behind     bool      // it waits for too long: nothing is changed
	Checkpoint string    // the newest, as signed; empty when there is none
	Covered    int64     // events under it
	SignedAt   time.Time
	Fault      string // of the newest checkpoint, which is then not told; empty when the portal has signed it
	Public     string // key
	Anchors    []AnchorState
}

// Status looks how the trail is. Only who may read the trail may see it.
func (t *Trail) Status(ctx context.Context) (Status, error) {
	type row struct {
		Events   int64
		Waiting  *time.Time
		Note     *string
		Covered  *int64
		SignedAt *time.Time
	}
	r, err := db.One(ctx, t.Pool, pgx.RowToStructByName[row], `
		SELECT (SELECT coalesce(max(number) + 1, 0) FROM event_log) AS events,
			(SELECT queued_at FROM event_queue ORDER BY place LIMIT 1) AS waiting, c.note, c.size AS covered, c.at AS signed_at
		FROM (SELECT) one LEFT JOIN (SELECT * FROM checkpoints ORDER BY size DESC LIMIT 1) c ON true`)
	if err != nil {
		return Status{}, err
	}
	s := Status{Events: r.Events, Waiting: deref(r.Waiting), SignedAt: deref(r.SignedAt), Public: t.Signers[0].Public}
	if c, err := t.opened(storedCheckpoint{Size: deref(r.Covered), Note: deref(r.Note)}); err != nil {
		s.Fault = "The portal has not signed the newest checkpoint of the database: somebody has put it there, or changed it."
	} else {
		s.Checkpoint, s.Covered = c.Note, c.Size
	}
	states, err := anchorStates(ctx, t.Pool)
	for _, a := range t.Anchors {
		state := states[a.String()]
		state.Name = a.String()
		if state.beyond {
			state.Fault = "The database says that it has more events than there are checkpoints of: somebody has changed that."
		}
		s.Anchors = append(s.Anchors, state.AnchorState)
	}
	s.Behind = !s.Waiting.IsZero() && t.Now().Sub(s.Waiting) > stoppedAfter
	return s, err
}
