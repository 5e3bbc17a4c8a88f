package audit

import (
	"context"
	"errors"
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
	if err != nil || behind == nil {
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

// behind returns the anchors that are to take a checkpoint. Of the prompt ones it
// returns none once one has it.
func (t *Trail) behind(ctx context.Context, c Checkpoint, prompt bool) ([]anchor.Anchor, error) {
	states, err := anchorStates(ctx, t.Pool)
	if err != nil || c.Size == 0 {
		return nil, err
	}
	var behind []anchor.Anchor
	for _, a := range t.Anchors {
		state := states[a.String()]
		if a.Prompt() != prompt || state.Size >= c.Size || (!prompt && t.Now().Sub(state.At) < mailEvery) {
			continue
		}
		behind = append(behind, a)
	}
	return behind, nil
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

func anchorStates(ctx context.Context, q db.Querier) (map[string]AnchorState, error) {
	type row struct {
		Name  string
		Size  int64
		At    *time.Time
		Fault string
	}
	list, err := db.All(ctx, q, pgx.RowToStructByName[row], `SELECT name, size, at, fault FROM anchors`)
	states := map[string]AnchorState{}
	for _, r := range list {
		states[r.Name] = AnchorState{r.Name, r.Size, deref(r.At), r.Fault}
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
			(SELECT queued_at FROM event_queue ORDER BY event_id LIMIT 1) AS waiting, c.note, c.size AS covered, c.at AS signed_at
		FROM (SELECT) one LEFT JOIN (SELECT * FROM checkpoints ORDER BY size DESC LIMIT 1) c ON true`)
	if err != nil {
		return Status{}, err
	}
	s := Status{Events: r.Events, Waiting: deref(r.Waiting), Checkpoint: deref(r.Note), Covered: deref(r.Covered),
		SignedAt: deref(r.SignedAt), Public: t.Signers[0].Public}
	states, err := anchorStates(ctx, t.Pool)
	for _, a := range t.Anchors {
		state := states[a.String()]
		state.Name = a.String()
		s.Anchors = append(s.Anchors, state)
	}
	s.Behind = !s.Waiting.IsZero() && t.Now().Sub(s.Waiting) > stoppedAfter
	return s, err
}
