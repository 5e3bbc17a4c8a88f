// Package pauses keeps requests from being sent to DigitalOcean, for all replicas: while
// an admin says so, and while DigitalOcean refuses the portal's token. Package execute
// asks whether it may send; inventory and execute say what DigitalOcean made of the token.
package pauses

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/events"
	"doksportal/internal/names"
	"doksportal/internal/notify"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// FieldReason is the name of the form's field.
const FieldReason = "pause_reason"

// maxReason is how long a reason may be, in characters.
const maxReason = 500

// Jobs has the next step of all requests that wait to be sent taken now.
type Jobs interface {
	WakeWaiting(ctx context.Context, tx pgx.Tx) error
}

// Service pauses and resumes execution. All members but Jobs and StepUpWithin must be set.
type Service struct {
	Pool *pgxpool.Pool
	Now  func() time.Time
	Jobs Jobs // nil: what waits goes on when its next step is due

	StepUpWithin time.Duration // how old the sign-in of an admin may be; zero: portal.FreshFor
}

// Pause keeps everything from being sent until an admin resumes, on the word of an admin.
// It returns KindInvalid, at FieldReason, without a reason, KindForbidden to others,
// KindConflict when an admin has paused already, and KindStepUp when a's sign-in is too
// old. No intent is committed after it has returned.
func (s *Service) Pause(ctx context.Context, a portal.Actor, reason string) error {
	if err := a.RequireAdmin(); err != nil {
		return err
	}
	if problem := names.CheckText("why execution is paused", reason, maxReason, true); problem != "" {
		return portal.Invalid(portal.FieldError{Field: FieldReason, Message: problem})
	}
	if err := a.CheckSignIn(s.Now(), s.StepUpWithin); err != nil {
		return err
	}
	p := portal.Pause{Kind: portal.PauseAdmin, Since: s.Now(), By: a.Person(), Reason: strings.TrimSpace(reason)}
	return db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		paused, err := store.InsertPause(ctx, tx, p)
		if err != nil {
			return err
		}
		if !paused {
			return portal.E(portal.KindConflict, "execution is paused already")
		}
		return s.record(ctx, tx, portal.Event{Kind: portal.EventPaused, Actor: p.By, Summary: a.Name + " paused execution: " + p.Reason, Reason: p.Reason,
			Data: map[string]any{"pause": p.Kind}})
	})
}

// Resume ends the pause of an admin; any admin may. It returns KindForbidden to others,
// KindConflict when no admin has paused, and KindStepUp when a's sign-in is too old.
func (s *Service) Resume(ctx context.Context, a portal.Actor) error {
	if err := a.RequireAdmin(); err != nil {
		return err
	}
	if err := a.CheckSignIn(s.Now(), s.StepUpWithin); err != nil {
		return err
	}
	return db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		p, err := store.LockPause(ctx, tx, portal.PauseAdmin)
		if portal.Is(err, portal.KindNotFound) {
			return portal.E(portal.KindConflict, "no admin has paused execution")
		}
		if err != nil {
			return err
		}
		return s.resumed(ctx, tx, p, portal.Event{Actor: a.Person(), Summary: a.Name + " resumed execution, which " + p.By.Name + " had paused"})
	})
}

// Refusal is that DigitalOcean refused the portal's token.
type Refusal struct {
	By          portal.Person // the part of the portal that was refused
	Status      int
	Message     string // DigitalOcean's words
	DORequestID string
	Operation   portal.OperationID // of the call; empty: reading
	Try         time.Time          // by which the call was a try, see Claim; zero: it was none
}

// Refused pauses execution until the token is accepted again, in the transaction of what
// was refused, which writes nothing after it. Once it is paused only the try counts.
func (s *Service) Refused(ctx context.Context, tx pgx.Tx, r Refusal) error {
	p := portal.Pause{Kind: portal.PauseToken, Since: s.Now(), By: r.By, Reason: strings.TrimSuffix(r.Message, "."), Status: r.Status, Operation: r.Operation,
		NextTryAt: s.Now().Add(store.FirstTry)}
	if !r.Try.IsZero() {
		switch counts, err := store.TryRefused(ctx, tx, r.Try, p, s.Now()); {
		case err != nil:
			return err
		case counts:
			return events.Publish(ctx, tx, events.Requests)
		}
	}
	first, err := store.InsertPause(ctx, tx, p)
	if err != nil || !first {
		return err
	}
	data := map[string]any{"pause": p.Kind, "status": r.Status, "message": r.Message}
	if r.DORequestID != "" {
		data["do_request_id"] = r.DORequestID
	}
	return s.record(ctx, tx, portal.Event{Kind: portal.EventPaused, Result: portal.ResultFailed, Actor: r.By, Operation: r.Operation, Data: data,
		Summary: fmt.Sprintf("DigitalOcean refuses the portal's token (%d: %s); nothing is sent until it is accepted again", p.Status, p.Reason)})
}

// Claim has one request of all that wait be sent, to see whether DigitalOcean accepts the
// token again, when that is due. What it returns stands for the try; the zero time says
// that the request waits.
func (s *Service) Claim(ctx context.Context, op portal.OperationID) (try time.Time, err error) {
	return store.ClaimTry(ctx, s.Pool, op, s.Now())
}

// Accepted ends the pause because DigitalOcean took the call that was the try.
func (s *Service) Accepted(ctx context.Context, tx pgx.Tx, by portal.Person, try time.Time) error {
	return s.accepted(ctx, tx, by, func(p portal.Pause) bool { return p.NextTryAt.Equal(try) })
}

// ReadWith ends the pause because DigitalOcean answered what was asked with the token
// from a time on, unless it knows the token and only does not allow it something.
func (s *Service) ReadWith(ctx context.Context, tx pgx.Tx, by portal.Person, asked time.Time) error {
	return s.accepted(ctx, tx, by, func(p portal.Pause) bool { return !p.Forbidden() && p.Since.Before(asked) })
}

// accepted ends the pause of the token, if there is one and it is fit to end.
func (s *Service) accepted(ctx context.Context, tx pgx.Tx, by portal.Person, fit func(portal.Pause) bool) error {
	p, err := store.LockPause(ctx, tx, portal.PauseToken)
	if portal.Is(err, portal.KindNotFound) {
		return nil
	}
	if err != nil || !fit(p) {
		return err
	}
	return s.resumed(ctx, tx, p, portal.Event{Actor: by, Summary: "DigitalOcean accepts the portal's token again; what waits is sent"})
}

// resumed ends a pause, and has what waits for that go on.
func (s *Service) resumed(ctx context.Context, tx pgx.Tx, p portal.Pause, e portal.Event) error {
	if err := store.DeletePause(ctx, tx, p.Kind); err != nil {
		return err
	}
	if s.Jobs != nil {
		if err := s.Jobs.WakeWaiting(ctx, tx); err != nil {
			return err
		}
	}
	e.Kind, e.Data = portal.EventResumed, map[string]any{"pause": p.Kind, "since": p.Since, "tries": p.Tries}
	return s.record(ctx, tx, e)
}

// record puts an event on the trail, and tells the admins and all open pages.
func (s *Service) record(ctx context.Context, tx pgx.Tx, e portal.Event) error {
	e.At = s.Now()
	if err := audit.Append(ctx, tx, e); err != nil {
		return err
	}
	if err := notify.Queue(ctx, tx, notify.Notification{Kind: e.Kind, Actor: e.Actor, Summary: e.Summary, At: e.At}); err != nil {
		return err
	}
	return events.Publish(ctx, tx, events.Requests)
}
