package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/tlog"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// Intent is what this process has written on the trail of what it is about to send to
// DigitalOcean.
type Intent struct {
	id       uuid.UUID
	hash     tlog.Hash
	recorded time.Time
}

type intentKey struct{}

// WithIntent returns a context in which Append notes the intent that it records, for
// SealIntent. The executor calls it for the transaction of one intent.
func WithIntent(ctx context.Context) (context.Context, *Intent) {
	intent := &Intent{}
	return context.WithValue(ctx, intentKey{}, intent), intent
}

// noteIntent works out the hash of an intent by what was meant to be written, and not
// by what the database has made of it. All that this says is when it was recorded.
func noteIntent(ctx context.Context, tx pgx.Tx, kind portal.EventKind, values [][]byte, recorded time.Time) error {
	intent, wanted := ctx.Value(intentKey{}).(*Intent)
	if !wanted || kind != portal.EventIntent {
		return nil
	}
	var err error
	if values[columnRecordedAt], err = tx.Conn().TypeMap().Encode(shapeTime.oid(), pgx.BinaryFormatCode, recorded, nil); err != nil {
		return err
	}
	line, err := appendRecord(nil, values)
	intent.id, intent.hash, intent.recorded = uuid.UUID(values[columnID]), tlog.RecordHash(line), recorded
	return err
}

// About is what a history is read of: a request and, where they are not empty, a cluster
// and delegations, by their ids.
type About struct {
	Request     string
	Cluster     string
	Delegations []string
}

// History reads what is signed of something: all events since the request was submitted
// and the delegations were made, in the order of their numbers, but for comments, each
// with its details as it was hashed. It returns an error that wraps ErrTampered when that
// is not the order in which they were written, or when some have no number that is signed,
// though they were written before the intent. Reading them takes longer the more there is
// on the trail since then.
type History func(About) ([]portal.Event, error)

// SealIntent is Seal for what is about to be sent to DigitalOcean. It makes sure,
// besides, that its intent, as this process has written it, is a leaf of the tree that
// the checkpoint is of: whoever owns the database can have it swallow events or change
// them. Then judge says whether it may be sent, by what is signed. It returns judge's
// error, or one that wraps ErrTampered when something is not on the trail.
func (t *Trail) SealIntent(ctx context.Context, intent *Intent, judge func(History) error) error {
	c, err := t.seal(ctx)
	if err != nil {
		return err
	}
	hashes := newTree(ctx, t.Pool)
	numbers, err := db.All(ctx, t.Pool, pgx.RowTo[int64], `SELECT number FROM event_log WHERE event_id = @id AND number >= 0 AND number < @size`,
		pgx.StrictNamedArgs{"id": intent.id, "size": c.Size})
	if err != nil {
		return err
	}
	kept := false
	for _, number := range numbers { // wherever the database says that it is, the proof has to lead to the root
		if kept, err = isLeaf(hashes, c, number, intent.hash); kept || err != nil {
			break
		}
	}
	if err == nil && !kept {
		err = fmt.Errorf("%w: it has not kept the intent of what is about to be sent", ErrTampered)
	}
	if err != nil {
		return err
	}
	return judge(func(about About) ([]portal.Event, error) { return t.history(ctx, hashes, c, about, intent.recorded) })
}

// isLeaf reports whether a hash is the leaf at a number of the tree that a checkpoint is
// of.
func isLeaf(hashes tree, c Checkpoint, number int64, hash tlog.Hash) (bool, error) {
	proof, err := tlog.ProveRecord(c.Size, number, hashes)
	switch {
	case errors.Is(err, errMissing):
		return false, nil
	case err != nil:
		return false, err
	}
	return tlog.CheckRecord(proof, c.Size, c.Root, number, hash) == nil, nil
}

// history reads everything since ten minutes before a request was submitted, whatever
// the database says that it is about: what is not in the order of the numbers, or not as
// it was hashed, does not lead to the root that was signed.
func (t *Trail) history(ctx context.Context, hashes tree, c Checkpoint, about About, until time.Time) ([]portal.Event, error) {
	request, err := uuid.Parse(about.Request)
	if err != nil {
		return nil, err
	}
	begin, err := t.beginOf(ctx, c, about, until)
	if err != nil || begin == nil {
		return nil, err
	}
	edge, err := hashes.edge(*begin)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTampered, err)
	}
	var list []portal.Event
	order := written{}
	err = grow(ctx, t.Pool, &edge, c.Size, func(number int64, _ []byte, record [][]byte) error {
		kind := portal.EventKind(record[columnKind])
		own := bytes.Equal(record[columnRequestID], request[:]) && kind != portal.EventCommented
		delegation := len(about.Delegations) > 0 && (kind == portal.EventDelegated || kind == portal.EventDelegationEnded)
		if !own && !delegation && (about.Cluster == "" || string(record[columnTargetID]) != about.Cluster) {
			return nil
		}
		e, err := openRecord(record)
		if err != nil {
			return err
		}
		e.Number, e.RecordedAt = number, timeOf(record[columnRecordedAt])
		list = append(list, e)
		switch _, begun := order[about.Request]; {
		case own && !begun && kind != portal.EventSubmitted:
			return fmt.Errorf("%w: it says more of request %s before that was submitted", ErrTampered, about.Request)
		case own:
			return order.next(about.Request, e)
		case delegation:
			return order.next(fmt.Sprint(e.Data["delegation"]), e)
		}
		return nil
	})
	switch _, submitted := order[about.Request]; {
	case err != nil:
		return nil, err
	case edge.root() != c.Root:
		return nil, fmt.Errorf("%w: the events since %d are not those that were signed", ErrTampered, *begin)
	case !submitted:
		return nil, fmt.Errorf("%w: it does not say how request %s began", ErrTampered, about.Request)
	}
	return list, nil
}

// written is when the last event of each thing was recorded. What is said of a request or
// a delegation is written under a lock, so that it has its number in the order in which it
// was recorded.
type written map[string]time.Time

func (w written) next(of string, e portal.Event) error {
	if e.RecordedAt.Before(w[of]) {
		return fmt.Errorf("%w: event %d was recorded before another of the same thing that has a smaller number", ErrTampered, e.Number)
	}
	w[of] = e.RecordedAt
	return nil
}

// beginOf is the number from which on a history is read, nil where there is none: the
// smallest that something has which may have been recorded ten minutes before the first
// event, or later, and which was not archived. It returns an error that wraps ErrTampered
// when something that was recorded before a time has no number that is signed.
func (t *Trail) beginOf(ctx context.Context, c Checkpoint, about About, until time.Time) (*int64, error) {
	type beginning struct {
		First   *uuid.UUID
		Number  *int64
		Without int
	}
	b, err := db.One(ctx, t.Pool, pgx.RowToStructByName[beginning], `
		SELECT min(e.id::text COLLATE "C") FILTER (WHERE begins)::uuid AS first, min(l.number) FILTER (WHERE begins) AS number,
			count(*) FILTER (WHERE e.recorded_at < @until AND (l.number IS NULL OR l.number < 0 OR l.number >= @size)) AS without
		FROM (SELECT id, kind = @submitted AS begins FROM events WHERE request_id = @request
			UNION SELECT id, kind = @delegated FROM events WHERE kind = ANY (@delegating) AND data ->> 'delegation' = ANY (@delegations)
			UNION SELECT id, false FROM events WHERE target_kind = @target AND target_id = @cluster AND target_id <> '') own
		JOIN events e USING (id) LEFT JOIN event_log l ON l.event_id = e.id`,
		pgx.StrictNamedArgs{"request": about.Request, "submitted": portal.EventSubmitted, "delegated": portal.EventDelegated,
			"delegating": []portal.EventKind{portal.EventDelegated, portal.EventDelegationEnded}, "delegations": append([]string{}, about.Delegations...),
			"target": portal.TargetCluster, "cluster": about.Cluster, "until": until, "size": c.Size})
	switch {
	case err != nil:
		return nil, err
	case b.Without > 0:
		return nil, fmt.Errorf("%w: %d events about request %s have no number that is signed", ErrTampered, b.Without, about.Request)
	case b.First == nil:
		return nil, nil
	}
	before := firstID(timeOfID(*b.First).Add(-lateAfter))
	// Not the smallest by the index of numbers, which would have to be read from 0 on.
	return db.One(ctx, t.Pool, pgx.RowTo[*int64], `
		WITH since AS (SELECT min(number + 0) AS number FROM event_log WHERE event_id >= @before AND number >= 0)
		SELECT greatest(since.number, (SELECT max(l.number) + 1 FROM event_log l WHERE l.number >= since.number AND l.number < @first
			AND NOT EXISTS (SELECT FROM events e WHERE e.id = l.event_id))) FROM since`,
		pgx.StrictNamedArgs{"before": before, "first": *b.Number})
}

// openRecord reads an event from what of it is hashed, as far as history tells it.
func openRecord(record [][]byte) (portal.Event, error) {
	line, err := appendRecord(nil, record)
	if err != nil {
		return portal.Event{}, err
	}
	var r struct {
		ID          string             `json:"id"`
		At          time.Time          `json:"at"`
		Kind        portal.EventKind   `json:"kind"`
		Result      portal.EventResult `json:"outcome"`
		Issuer      string             `json:"issuer"`
		Subject     string             `json:"subject"`
		Name        string             `json:"actor_name"`
		TeamID      string             `json:"team_id"`
		RequestID   string             `json:"request_id"`
		Revision    int                `json:"revision"`
		Operation   portal.OperationID `json:"operation"`
		Environment portal.Environment `json:"environment"`
		TargetKind  portal.TargetKind  `json:"target_kind"`
		TargetID    string             `json:"target_id"`
		TargetName  string             `json:"target_name"`
		Clusters    []string           `json:"clusters"`
		Summary     string             `json:"summary"`
		Reason      string             `json:"reason"`
		Data        map[string]any     `json:"data"`
	}
	if err := json.Unmarshal(line, &r); err != nil {
		return portal.Event{}, fmt.Errorf("%w: an event cannot be read: %w", ErrTampered, err)
	}
	return portal.Event{
		ID: r.ID, At: r.At, Kind: r.Kind, Result: r.Result, Actor: portal.Person{Identity: portal.Identity{Issuer: r.Issuer, Subject: r.Subject}, Name: r.Name},
		TeamID: r.TeamID, RequestID: r.RequestID, Revision: r.Revision, Operation: r.Operation, Environment: r.Environment,
		Target: portal.EventTarget{Kind: r.TargetKind, ID: r.TargetID, Name: r.TargetName}, Clusters: r.Clusters,
		Summary: r.Summary, Reason: r.Reason, Data: r.Data,
	}, nil
}

// Seal returns once everything that is committed is under a checkpoint, and that is
// anchored where anchors are configured. Callers make no change outside the
// database before it has returned without an error.
func (t *Trail) Seal(ctx context.Context) error {
	_, err := t.seal(ctx)
	return err
}

func (t *Trail) seal(ctx context.Context) (Checkpoint, error) {
	c, err := t.Checkpoint(ctx)
	if err != nil {
		return c, err
	}
	if err = t.anchor(ctx, c); err == nil {
		return c, nil
	}
	// An anchor that has a newer one of another replica meanwhile takes no older one.
	newer, failed := t.Checkpoint(ctx)
	if failed != nil || newer.Size == c.Size {
		return c, errors.Join(err, failed)
	}
	return newer, t.anchor(ctx, newer)
}
