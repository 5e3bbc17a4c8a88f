package execute

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/doapi"
	"doksportal/internal/pauses"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// paused says whether execution is paused for a request, before anything is done for it.
// Where the portal's token was refused and is due to be tried again, due is true.
func (e *Executor) paused(ctx context.Context, r portal.Request) (due bool, o blocker) {
	list, err := store.Pauses(ctx, e.Pool)
	if err != nil {
		return false, blocker{err: err}
	}
	for _, p := range list {
		switch {
		case !p.Stops(r.Operation):
		case p.Kind == portal.PauseToken && !e.Now().Before(p.NextTryAt):
			due = true
		default:
			return false, e.waitFor(p)
		}
	}
	return due, blocker{}
}

// stillPaused is paused for the transaction that commits an intent, or has an operation
// of the portal's own take effect: nobody pauses until it ends, so that nothing is sent
// whose intent is committed after the pause. Everything else that it locks it has locked.
func (e *Executor) stillPaused(ctx context.Context, tx pgx.Tx, r portal.Request, try time.Time) blocker {
	list, err := store.LockPauses(ctx, tx)
	if err != nil {
		return blocker{err: err}
	}
	for _, p := range list {
		if p.Stops(r.Operation) && (p.Kind != portal.PauseToken || try.IsZero() || !p.NextTryAt.Equal(try)) {
			return e.waitFor(p)
		}
	}
	return blocker{}
}

// waitFor has a request wait until a pause ends, or its token is tried again.
func (e *Executor) waitFor(p portal.Pause) blocker {
	o := blocker{wait: p.Waiting()}
	if p.Kind == portal.PauseToken {
		o.next = min(max(p.NextTryAt.Sub(e.Now()), time.Second), e.Pace.Wait)
	}
	return o
}

// claim makes a request the one that tries the token again. All others wait.
func (e *Executor) claim(ctx context.Context, r portal.Request) (try time.Time, o blocker) {
	try, err := e.Pauses.Claim(ctx, r.Operation)
	if err != nil {
		return try, blocker{err: err}
	}
	if !try.IsZero() {
		return try, blocker{}
	}
	due, o := e.paused(ctx, r)
	if due { // with a request for what was not allowed
		o = blocker{wait: portal.Pause{Kind: portal.PauseToken, Status: http.StatusForbidden}.Waiting()}
	}
	return try, o // it goes on where the pause has just ended
}

// answered takes account of that DigitalOcean answered with a token that it had refused.
func (e *Executor) answered(ctx context.Context, seen preflight) blocker {
	if seen.try.IsZero() {
		return blocker{}
	}
	return blocker{err: db.WithTx(ctx, e.Pool, func(tx pgx.Tx) error { return e.Pauses.ReadWith(ctx, tx, self, seen.at) })}
}

// unanswered says what a request waits for whose clusters cannot be read.
func (e *Executor) unanswered(ctx context.Context, try time.Time, err error) blocker {
	if refusedToken(err).Status != http.StatusUnauthorized {
		return blocker{wait: waitingFor(err)}
	}
	failed := db.WithTx(ctx, e.Pool, func(tx pgx.Tx) error { return e.Pauses.Refused(ctx, tx, refusal(err, "", try)) })
	return blocker{wait: refusedToken(err).Waiting(), err: failed}
}

// noteToken takes account of what DigitalOcean made of the portal's token in a call. What
// it says of the token for access to clusters alone, or does not allow that, keeps
// nothing else from being sent.
func (e *Executor) noteToken(ctx context.Context, tx pgx.Tx, r portal.Request, try time.Time, callErr error) error {
	access := r.Operation.Risk() == portal.RiskSecret
	switch {
	case access && !e.DO.OneToken():
		return nil
	case callErr == nil && !try.IsZero():
		return e.Pauses.Accepted(ctx, tx, self, try)
	case !tokenRefused(callErr) || access && refusedToken(callErr).Forbidden():
		return nil
	}
	return e.Pauses.Refused(ctx, tx, refusal(callErr, r.Operation, try))
}

// tokenRefused reports whether DigitalOcean no longer takes the portal's token, or does
// not allow it what was asked for, which is no fault of the request.
func tokenRefused(err error) bool { return refusedToken(err).Status != 0 }

// refusedToken is the pause that an error asks for, the zero Pause when it does not.
func refusedToken(err error) portal.Pause {
	var answer *doapi.Error
	if errors.As(err, &answer) && (answer.Status == http.StatusUnauthorized || answer.Status == http.StatusForbidden) {
		return portal.Pause{Kind: portal.PauseToken, Status: answer.Status}
	}
	return portal.Pause{}
}

// refusal is what an error that refuses the token says.
func refusal(err error, op portal.OperationID, try time.Time) pauses.Refusal {
	r := pauses.Refusal{By: self, Message: doapi.UserMessage(err), Operation: op, Try: try}
	var answer *doapi.Error
	if errors.As(err, &answer) {
		r.Status, r.DORequestID = answer.Status, answer.RequestID
		if answer.Message != "" {
			r.Message = answer.Message
		}
	}
	return r
}
