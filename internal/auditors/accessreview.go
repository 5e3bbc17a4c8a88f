package auditors

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/names"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// maxMarkReason bounds why somebody should lose access, in characters.
const maxMarkReason = 1000

// readingsKept is for how long it is known what a page has shown that somebody signs.
const readingsKept = 30 * 24 * time.Hour

// The fields of the form by which a review of access is signed.
const (
	FieldMarked      = "mark"        // keys of people who should lose access
	FieldMarkShown   = "mark_shown"  // keys of those whom the form asks about
	FieldMarkReason  = "mark_reason" // one for each of them
	FieldReviewAfter = "review_after"
	FieldNote        = "note"
)

// SignAccessInput is a review of access as it is signed.
type SignAccessInput struct {
	Seen  string // digest of what was on the page
	After int    // number of the review that was the newest then; 0: there was none
	Note  string
	Marks []MarkInput
}

// MarkInput is that somebody should lose access.
type MarkInput struct{ Key, Reason string }

// Since returns the newest review of access with its snapshot, nil where there is none.
func (s *Service) Since(ctx context.Context, q store.Querier) (*portal.AccessReview, portal.AccessSnapshot, error) {
	last, err := store.LastAccessReview(ctx, q)
	if err != nil || last == nil {
		return nil, portal.AccessSnapshot{}, err
	}
	snapshot, err := store.AccessSnapshot(ctx, q, last.Number)
	return last, snapshot, err
}

// AccessDue is when the next review of access is due.
func (s *Service) AccessDue(ctx context.Context, q store.Querier) (time.Time, error) {
	installed, err := store.InstalledAt(ctx, q)
	if err != nil {
		return time.Time{}, err
	}
	last, err := store.LastAccessReview(ctx, q)
	return portal.AccessDue(installed, last), err
}

// CanSignAccess returns KindForbidden to whoever may not sign reviews of access: all
// but auditors, since what admins may do is reviewed, too.
func CanSignAccess(a portal.Actor) error {
	if a.IsZero() || !a.HasRole(portal.RoleAuditor) {
		return portal.E(portal.KindForbidden, "only auditors can sign a review of access")
	}
	return nil
}

// ErrAccessChanged is what SignAccess returns when access is not what was on the page.
var ErrAccessChanged = portal.E(portal.KindConflict, "access has changed since you opened the page; look at what changed, then sign")

// SignAccess keeps that a has looked at who may do what, as it was on the page, with an
// event. It returns KindForbidden to others than auditors, KindInvalid with the wrong
// fields, ErrAccessChanged, KindConflict when somebody has signed one that a has not
// seen, and KindStepUp when a's sign-in is too old. What is sent twice is kept once.
func (s *Service) SignAccess(ctx context.Context, a portal.Actor, in SignAccessInput) error {
	if err := CanSignAccess(a); err != nil {
		return err
	}
	in.Note = strings.TrimSpace(in.Note)
	for i := range in.Marks {
		in.Marks[i].Reason = strings.TrimSpace(in.Marks[i].Reason)
	}
	for attempt := 1; ; attempt++ {
		err := db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error { return s.signAccess(ctx, tx, a, in) })
		if errors.Is(err, store.ErrReviewedMeanwhile) && attempt == 1 {
			continue // it is there now, and may be the same
		}
		return err
	}
}

func (s *Service) signAccess(ctx context.Context, tx pgx.Tx, a portal.Actor, in SignAccessInput) error {
	numbers, err := store.AccessReviewNumbers(ctx, tx)
	if err != nil {
		return err
	}
	last, before, err := s.Since(ctx, tx)
	if err != nil {
		return err
	}
	if last == nil {
		last = &portal.AccessReview{}
	}
	now, err := s.Access(ctx, tx)
	if err != nil {
		return err
	}
	marks, err := in.check(now)
	if err != nil {
		return err
	}
	switch {
	case last.Number > in.After && last.By.Identity == a.Identity && last.Note == in.Note && slices.Equal(last.Marks, marks):
		return nil // a second click
	case last.Number != in.After:
		return portal.E(portal.KindConflict, last.By.Name+" has signed a review of access since you opened the page; look at it first")
	case now.Digest() != in.Seen:
		return ErrAccessChanged
	}
	if err := a.CheckSignIn(s.Now(), s.StepUpWithin); err != nil {
		return err
	}
	text, err := json.Marshal(now)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(text)
	r := portal.AccessReview{ID: uuid.Must(uuid.NewV7()).String(), Number: numbers + 1, By: a.Person(), Admin: a.HasRole(portal.RoleAdmin), Note: in.Note, Marks: marks,
		Digest: hex.EncodeToString(sum[:]), People: len(now.People)}
	if last.Number > 0 {
		r.Changes = len(portal.AccessChanges(before, now))
	}
	if err := store.InsertAccessReview(ctx, tx, r, string(text)); err != nil {
		return err
	}
	return audit.Append(ctx, tx, portal.Event{
		At: s.Now(), Kind: portal.EventAccessReviewed, Actor: a.Person(), Target: portal.EventTarget{Kind: portal.TargetTrail}, Reason: in.Note,
		Summary: fmt.Sprintf("%s signed review %d of access: %d people, of whom %d should lose it", a.Name, r.Number, r.People, len(marks)),
		Data:    map[string]any{"review": r.Number, "sha256": r.Digest, "people": r.People, "groups": len(now.Groups), "changes": r.Changes, "marks": marks, "admin": r.Admin},
	})
}

// check makes sure that a review can be kept, and returns who should lose access.
func (in SignAccessInput) check(now portal.AccessSnapshot) ([]portal.AccessMark, error) {
	var faults portal.FieldErrors
	marks := []portal.AccessMark{}
	if len(in.Marks) > portal.MostAccessMarks {
		faults.Add(FieldMarked, "Mark at most %d people.", portal.MostAccessMarks)
		return nil, faults.Err()
	}
	for _, m := range in.Marks {
		p, known := now.FindPerson(m.Key)
		if !known {
			return nil, portal.E(portal.KindNotFound, "the portal does not know somebody whom you marked")
		}
		if problem := names.CheckText("why "+p.Name+" should lose access", m.Reason, maxMarkReason, true); problem != "" {
			faults.Add(FieldMarkReason+"-"+m.Key, "%s", problem)
		}
		marks = append(marks, portal.AccessMark{Issuer: p.Issuer, Subject: p.Subject, Name: p.Name, Reason: m.Reason})
	}
	if problem := names.CheckText("what you looked at", in.Note, maxReviewNote, true); problem != "" {
		faults.Add(FieldNote, "%s", problem)
	}
	return marks, faults.Err()
}

// KeepAccess tells once that a review of access is due, when it is, and forgets what
// pages have shown long ago. A task calls it.
func (s *Service) KeepAccess(ctx context.Context) error {
	return db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		if err := store.LockAccessDue(ctx, tx); err != nil {
			return err
		}
		if err := store.SweepAccessReadings(ctx, tx, s.Now().Add(-readingsKept)); err != nil {
			return err
		}
		due, err := s.AccessDue(ctx, tx)
		if err != nil || s.Now().Before(due) {
			return err
		}
		told, err := audit.ToldSince(ctx, tx, portal.EventAccessDue, due)
		if err != nil || told {
			return err
		}
		e := portal.Event{At: s.Now(), Kind: portal.EventAccessDue, Actor: portal.System("access review").Person(), Target: portal.EventTarget{Kind: portal.TargetTrail},
			Summary: "The half-yearly review of access has been due since " + due.UTC().Format("2 January 2006") + "; an auditor signs it"}
		if err := audit.Append(ctx, tx, e); err != nil || s.Tell == nil {
			return err
		}
		return s.Tell(ctx, tx, e)
	})
}
