// Package unusual finds events of which auditors should know: it looks through the
// trail, in the order of its numbers and once, by the rules of portal.UnusualRules, puts
// what they find on a list that auditors sign off day by day, and tells them.
package unusual

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// How much of the trail is looked through in one transaction.
const (
	batchEvents = 500
	batchBytes  = 4 << 20
)

// tellFor is how old an event may be of which people are still told, such as one that
// was put on the trail while the portal did not run.
const tellFor = 48 * time.Hour

// Watcher looks through the trail. Every replica has one; one of them looks at a time.
type Watcher struct {
	Pool  *pgxpool.Pool
	Trail *audit.Trail
	Now   func() time.Time
	// Tell hears of what auditors should know; nil for nobody.
	Tell func(ctx context.Context, tx pgx.Tx, e portal.Event) error
}

// Run looks through what has got numbers since it was last called. A task calls it.
func (w *Watcher) Run(ctx context.Context) error {
	for more := true; more; {
		err := db.WithTx(ctx, w.Pool, func(tx pgx.Tx) (err error) {
			more, err = w.step(ctx, tx)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// step looks through the next events, and reports whether there may be more.
func (w *Watcher) step(ctx context.Context, tx pgx.Tx) (more bool, err error) {
	at, err := store.LockUnusual(ctx, tx)
	if err != nil {
		return false, err
	}
	marked := w.Trail.Marks(reader, at.Next, at.Mark)
	if !marked && at.Mark != nil {
		if err := w.say(ctx, tx, "How far the rules for unusual events have looked was changed in the database, so they look at all events again", nil); err != nil {
			return false, err
		}
	}
	if !marked {
		at.Next = 0 // what was found before is not found again
	}
	events, next, err := w.Trail.Next(ctx, at.Next, batchEvents, batchBytes)
	if err != nil || marked && next == at.Next {
		return false, err
	}
	for _, e := range events {
		if err := w.look(ctx, tx, e); err != nil {
			return false, err
		}
	}
	return next > at.Next, store.SetUnusualWatch(ctx, tx, store.UnusualWatch{Next: next, Mark: w.Trail.Mark(reader, next)})
}

// reader is what the rules are called as a reader of the trail.
const reader = "unusual events"

// look has each rule look at an event.
func (w *Watcher) look(ctx context.Context, tx pgx.Tx, e audit.Entry) error {
	for _, rule := range portal.UnusualRules {
		found, err := w.finds(ctx, tx, rule, e)
		if err != nil {
			return err
		}
		if found {
			if err := w.keep(ctx, tx, rule, e.Event); err != nil {
				return err
			}
		}
	}
	return nil
}

// finds reports whether a rule finds an event.
func (w *Watcher) finds(ctx context.Context, tx pgx.Tx, rule portal.UnusualRule, e audit.Entry) (bool, error) {
	details := map[string]any{}
	var zones []*time.Location
	if rule.Night && slices.Contains(rule.Kinds, e.Kind) {
		var err error
		if zones, err = zonesOf(ctx, tx, e.Event); err != nil {
			return false, err
		}
	}
	if rule.Detail != "" {
		_ = json.Unmarshal(e.Details, &details) // details that cannot be read have nothing that counts
	}
	if !rule.Matches(e.Event, details, zones...) {
		return false, nil
	}
	if rule.Again > 0 {
		before, err := store.FindsSince(ctx, tx, rule, e.Event, e.At.Add(-rule.Again), e.At)
		if err != nil || slices.ContainsFunc(before, func(f store.Find) bool { return w.Trail.MarksText(reader, findText(rule, f), f.Mark) }) {
			return false, err
		}
	}
	switch {
	case rule.First:
		n, err := audit.CountAlike(ctx, tx, rule, e.Event, time.Unix(0, 0), 2)
		return n < 2, err
	case rule.Count > 1:
		n, err := audit.CountAlike(ctx, tx, rule, e.Event, e.At.Add(-rule.Within), rule.Count)
		return n == rule.Count, err
	}
	return true, nil
}

// zonesOf are the time zones by which it may have been night for who caused an event:
// their own, and UTC when they have chosen none, or have chosen of late.
func zonesOf(ctx context.Context, tx pgx.Tx, e portal.Event) ([]*time.Location, error) {
	name, err := store.TimeZone(ctx, tx, e.Actor.Identity)
	if err != nil {
		return nil, err
	}
	own, ok := portal.Zone(name)
	if !ok {
		return []*time.Location{time.UTC}, nil
	}
	const settled = 7 * 24 * time.Hour
	chose := portal.UnusualRule{Kinds: []portal.EventKind{portal.EventPreference}}
	if n, err := audit.CountAlike(ctx, tx, chose, e, e.At.Add(-settled), 1); n == 0 || err != nil {
		return []*time.Location{own}, err
	}
	return []*time.Location{own, time.UTC}, nil
}

// keep puts what a rule found on the list. People are told of it, which is on the trail,
// too, unless it is old.
func (w *Watcher) keep(ctx context.Context, tx pgx.Tx, rule portal.UnusualRule, found portal.Event) error {
	f := store.Find{EventID: found.ID, At: found.At, Identity: found.Actor.Identity, Address: found.Origin.Address}
	fresh, err := store.InsertUnusual(ctx, tx, rule, found, w.Trail.MarkText(reader, findText(rule, f)))
	if err != nil || !fresh || w.Now().Sub(found.At) > tellFor {
		return err
	}
	return w.say(ctx, tx, rule.Title+": "+found.Summary, map[string]any{"rule": rule.ID, "event": found.ID})
}

// findText is what the portal vouches for of what a rule has found, so that nobody else
// finds it beforehand, which would keep it from being told.
func findText(rule portal.UnusualRule, f store.Find) string {
	return fmt.Sprintf("%s\n%s\n%d\n%q\n%q\n%q", rule.ID, f.EventID, f.At.UnixMicro(), f.Issuer, f.Subject, f.Address)
}

// say puts on the trail what auditors should know, and tells them.
func (w *Watcher) say(ctx context.Context, tx pgx.Tx, summary string, data map[string]any) error {
	e := portal.Event{At: w.Now(), Kind: portal.EventUnusual, Actor: portal.System(reader).Person(), Target: portal.EventTarget{Kind: portal.TargetTrail}, Summary: summary, Data: data}
	if err := audit.Append(ctx, tx, e); err != nil || w.Tell == nil {
		return err
	}
	return w.Tell(ctx, tx, e)
}
