package auditors

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/names"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// MostReviewDays is for how many days back days are to be reviewed.
const MostReviewDays = 90

// maxReviewNote bounds what somebody says of a day, in characters.
const maxReviewNote = 2000

// ReviewDays are the days that are to be reviewed, today first. Only who may read the
// trail may see them.
func (s *Service) ReviewDays(ctx context.Context, q store.Querier) ([]portal.ReviewDay, error) {
	today := s.today()
	first, err := store.FirstReviewDay(ctx, q, today, MostReviewDays)
	if err != nil {
		return nil, err
	}
	return store.ReviewDays(ctx, q, first, today)
}

// today is midnight in UTC.
func (s *Service) today() time.Time { return s.Now().UTC().Truncate(24 * time.Hour) }

// SignDay signs a day off, midnight in UTC, whose unusual events the actor has looked at;
// found is how many they were. Only auditors may, for others than themselves. It returns
// KindForbidden to everybody else, KindInvalid at "note" where nothing is said of what was
// found, and KindConflict when the day is not over, needs no look, or has events that the
// actor has not seen.
func (s *Service) SignDay(ctx context.Context, a portal.Actor, day time.Time, found int, note string) error {
	if err := requireReviewer(a); err != nil {
		return err
	}
	note, err := checkReviewNote(note, found > 0)
	if err != nil {
		return err
	}
	if !day.Before(s.today()) {
		return portal.E(portal.KindConflict, "this day is not over yet (days are in UTC); sign it off tomorrow")
	}
	return db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		if _, err := store.LockUnusual(ctx, tx); err != nil {
			return err
		}
		days, err := store.ReviewDays(ctx, tx, day, day)
		if err != nil {
			return err
		}
		switch {
		case days[0].Done():
			return portal.E(portal.KindConflict, days[0].Review.By.Name+" has signed this day off already")
		case days[0].Found != found:
			return portal.E(portal.KindConflict, "more was found on this day since you opened the page; look at it again")
		}
		own, err := store.UnusualBy(ctx, tx, a.Identity, day, day.AddDate(0, 0, 1))
		if err != nil {
			return err
		}
		if own {
			return portal.E(portal.KindForbidden, "some of what was found is by you; somebody else has to sign this day off")
		}
		return s.sign(ctx, tx, a, []portal.ReviewDay{days[0]}, note)
	})
}

// SignQuietDays signs off all days that are over, on which nothing was found and that
// nobody has signed off. Errors are those of SignDay.
func (s *Service) SignQuietDays(ctx context.Context, a portal.Actor) error {
	if err := requireReviewer(a); err != nil {
		return err
	}
	return db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		if _, err := store.LockUnusual(ctx, tx); err != nil {
			return err
		}
		days, err := s.ReviewDays(ctx, tx)
		if err != nil {
			return err
		}
		var quiet []portal.ReviewDay
		for _, d := range days[1:] {
			if !d.Done() && d.Found == 0 {
				quiet = append(quiet, d)
			}
		}
		if len(quiet) == 0 {
			return portal.E(portal.KindConflict, "there is no such day any more")
		}
		return s.sign(ctx, tx, a, quiet, "")
	})
}

// sign keeps that somebody has looked at days, and puts it on the trail.
func (s *Service) sign(ctx context.Context, tx pgx.Tx, a portal.Actor, days []portal.ReviewDay, note string) error {
	var names []string
	found := 0
	for _, d := range days {
		r := portal.DailyReview{ID: uuid.Must(uuid.NewV7()).String(), Day: d.Day, By: a.Person(), Note: note, Found: d.Found}
		if err := store.InsertDailyReview(ctx, tx, r); err != nil {
			return err
		}
		names = append(names, d.Day.Format(time.DateOnly))
		found += d.Found
	}
	said := "the review of " + names[0]
	if len(names) > 1 {
		said = fmt.Sprintf("the reviews of %d days without unusual events", len(names))
	}
	return audit.Append(ctx, tx, portal.Event{
		At: s.Now(), Kind: portal.EventDailyReview, Actor: a.Person(), Target: portal.EventTarget{Kind: portal.TargetTrail},
		Summary: a.Name + " signed off " + said, Reason: note, Data: map[string]any{"days": names, "found": found},
	})
}

func requireReviewer(a portal.Actor) error {
	if !a.HasRole(portal.RoleAuditor) {
		return portal.E(portal.KindForbidden, "only auditors can sign days off")
	}
	return nil
}

func checkReviewNote(note string, required bool) (string, error) {
	note = strings.TrimSpace(note)
	var faults portal.FieldErrors
	hidden, has := names.Hidden(note)
	switch {
	case note == "" && required:
		faults.Add("note", "Say what you looked at, and what you found.")
	case utf8.RuneCountInString(note) > maxReviewNote:
		faults.Add("note", "Say it in at most %d characters.", maxReviewNote)
	case has:
		faults.Add("note", "This has a character that cannot be seen (U+%04X); type it again.", hidden)
	}
	return note, faults.Err()
}
