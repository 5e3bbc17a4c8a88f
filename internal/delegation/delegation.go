// Package delegation has approvers name a stand-in until a date, and end that.
// What a stand-in may decide is said by portal.Request.WordOf; request asks it.
package delegation

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/events"
	"doksportal/internal/names"
	"doksportal/internal/notify"
	"doksportal/internal/portal"
	"doksportal/internal/rulebook"
	"doksportal/internal/store"
)

// Bounds of delegations.
const (
	maxReason      = 500 // characters
	mostOfStandIn  = 3   // delegations that one person stands in by at a time
	mostCandidates = 500 // to choose from
	mostActive     = 500 // that admins see
)

// makeRate is how often one person may have somebody stand in, of which others
// are told.
var makeRate = store.Rate{Every: time.Hour, Burst: 10}

// Service has delegations made and ended. All members but StepUpWithin must be set.
type Service struct {
	Pool  *pgxpool.Pool
	Rules *rulebook.Service
	Now   func() time.Time

	StepUpWithin time.Duration // how old the sign-in of who makes one may be; zero: portal.FreshFor
}

// Input is a delegation as typed.
type Input struct {
	StandIn string // as IDOf writes a person
	LastDay string // like 2026-12-24
	Zone    string // in which the day ends; empty or not known: UTC
	Reason  string
}

// IDOf writes a person for a form.
func IDOf(id portal.Identity) string { return id.Issuer + " " + id.Subject }

// Choice is what somebody has to choose from who may have a stand-in.
type Choice struct {
	People  []store.Person // who may be one, by name
	Longest time.Duration  // that the policy in force lets anybody stand in
}

// Choices returns whom a may name as stand-in; allowed is false when a approves
// nothing.
func (s *Service) Choices(ctx context.Context, a portal.Actor) (c Choice, allowed bool, err error) {
	rules, err := s.Rules.InForce(ctx, s.Pool)
	if err != nil {
		return c, false, err
	}
	teams, err := store.Teams(ctx, s.Pool)
	if err != nil {
		return c, false, err
	}
	teams = slices.DeleteFunc(teams, func(t portal.Team) bool { return !s.approverOf(a, t) })
	if len(teams) == 0 && !a.InGroup(s.Rules.PlatformApprovers) && !rules.Names(a.Groups) {
		return c, false, nil
	}
	groups := []string{s.Rules.PlatformApprovers}
	for _, t := range teams {
		groups = append(groups, t.MemberGroup, t.ApproverGroup)
	}
	groups = slices.DeleteFunc(groups, func(g string) bool { return g == "" })
	c.Longest = rules.LongestStandIn()
	c.People, err = store.PeopleIn(ctx, s.Pool, groups, s.Now().Add(-portal.KnownFor), mostCandidates)
	c.People = slices.DeleteFunc(c.People, func(p store.Person) bool { return p.Identity == a.Identity })
	return c, true, err
}

// approverOf reports whether a approves for the team by a group of their own.
func (s *Service) approverOf(a portal.Actor, t portal.Team) bool {
	return a.InGroup(t.ApproverGroup) || a.InGroup(s.Rules.PlatformApprovers)
}

// Make has somebody stand in for a from now on. The caller makes sure that a's
// groups are fresh. It returns KindForbidden to who approves nothing,
// KindInvalid with the wrong fields, KindConflict when a has a stand-in already,
// KindStepUp when a's sign-in is too old, and KindLimited to who makes too many.
func (s *Service) Make(ctx context.Context, a portal.Actor, in Input) error {
	choice, allowed, err := s.Choices(ctx, a)
	switch {
	case err != nil:
		return err
	case !allowed || a.IsZero():
		return portal.E(portal.KindForbidden, "only approvers can name a stand-in")
	}
	d, err := s.read(a, in, choice)
	if err != nil {
		return err
	}
	if err := a.CheckSignIn(s.Now(), s.StepUpWithin); err != nil {
		return err
	}
	return db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		if err := store.LockDelegations(ctx, tx); err != nil {
			return err
		}
		stands, err := store.MandatesOf(ctx, tx, d.StandIn.Identity, s.Now(), s.Now().Add(-portal.KnownFor))
		if err != nil {
			return err
		}
		stands = slices.DeleteFunc(stands, func(m portal.Mandate) bool { return len(m.DelegatorGroups) == 0 }) // who is gone
		if len(stands) >= mostOfStandIn {
			return portal.Invalid(portal.FieldError{Field: "stand_in", Message: fmt.Sprintf("%s stands in for %d people already; choose somebody else.", d.StandIn.Name, len(stands))})
		}
		if err := store.InsertDelegation(ctx, tx, d); err != nil {
			return err
		}
		wait, err := makeRate.Admit(ctx, tx, "delegation "+a.Issuer+" "+a.Subject, 1, s.Now())
		if err != nil {
			return err
		}
		if wait > 0 {
			return portal.E(portal.KindLimited, "you have named too many stand-ins of late; try again in "+portal.RoughDuration(wait))
		}
		return s.tell(ctx, tx, d, portal.EventDelegated, a.Person(),
			fmt.Sprintf("%s has %s stand in until %s: %s", a.Name, d.StandIn.Name, d.Until.UTC().Format("2 January 2006 15:04 MST"), d.Reason))
	})
}

// read reads what was typed.
func (s *Service) read(a portal.Actor, in Input, choice Choice) (portal.Delegation, error) {
	var f portal.FieldErrors
	d := portal.Delegation{ID: uuid.Must(uuid.NewV7()).String(), Delegator: a.Person(), Reason: strings.TrimSpace(in.Reason), StartsAt: s.Now().Truncate(time.Microsecond)}
	i := slices.IndexFunc(choice.People, func(p store.Person) bool { return IDOf(p.Identity) == in.StandIn })
	if i < 0 {
		f.Add("stand_in", "Choose who stands in for you.")
	} else {
		d.StandIn = portal.Person{Identity: choice.People[i].Identity, Name: choice.People[i].Name}
	}
	d.Until = s.lastDay(&f, in, d.StartsAt, choice.Longest)
	if problem := names.CheckText("why, like your holidays", d.Reason, maxReason, true); problem != "" {
		f.Add("delegation_reason", "%s", problem)
	}
	return d, f.Err()
}

// lastDay is when the last day of a delegation ends.
func (s *Service) lastDay(f *portal.FieldErrors, in Input, from time.Time, longest time.Duration) time.Time {
	zone, err := time.LoadLocation(in.Zone)
	if err != nil || in.Zone == "Local" {
		zone = time.UTC
	}
	day, err := time.ParseInLocation(time.DateOnly, strings.TrimSpace(in.LastDay), zone)
	until := day.AddDate(0, 0, 1)
	switch {
	case err != nil:
		f.Add("last_day", "Enter a date, like %s.", from.In(zone).AddDate(0, 0, 7).Format(time.DateOnly))
	case !until.After(from):
		f.Add("last_day", "This day is over; enter today or a later one.")
	case longest == 0:
		f.Add("last_day", "The policy in force lets no stand-in decide on anything.")
	case until.Sub(from) > longest:
		f.Add("last_day", "The policy in force lets nobody stand in for longer than %s; enter %s or an earlier day.",
			portal.DurationText(longest), from.In(zone).Add(longest).AddDate(0, 0, -1).Format("2 January 2006"))
	}
	return until
}

// End ends a delegation at once. Whoever made it may, and admins. It returns
// KindNotFound to everybody else, and KindConflict when it has ended already.
func (s *Service) End(ctx context.Context, a portal.Actor, id string) error {
	return db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		d, err := store.LockDelegation(ctx, tx, id)
		switch {
		case err != nil:
			return err
		case a.IsZero() || a.Identity != d.Delegator.Identity && !a.HasRole(portal.RoleAdmin):
			return portal.Hidden("there is no such delegation")
		case !d.Active(s.Now()):
			return portal.E(portal.KindConflict, "this has ended already")
		}
		d.EndedAt, d.EndedBy = s.Now(), a.Person()
		if err := store.EndDelegation(ctx, tx, d); err != nil {
			return err
		}
		summary := fmt.Sprintf("%s ended that %s stands in for %s", a.Name, d.StandIn.Name, d.Delegator.Name)
		if a.Identity == d.Delegator.Identity {
			summary = fmt.Sprintf("%s no longer has %s stand in", a.Name, d.StandIn.Name)
		}
		return s.tell(ctx, tx, d, portal.EventDelegationEnded, a.Person(), summary)
	})
}

// tell puts what became of a delegation on the trail, and tells those whom it
// concerns.
func (s *Service) tell(ctx context.Context, tx pgx.Tx, d portal.Delegation, kind portal.EventKind, by portal.Person, summary string) error {
	err := audit.Append(ctx, tx, portal.Event{At: s.Now(), Kind: kind, Actor: by, Summary: summary, Reason: d.Reason,
		Target: portal.EventTarget{Kind: portal.TargetPerson, ID: d.StandIn.Subject, Name: d.StandIn.Name}, Data: map[string]any{
			"delegation": d.ID, "delegator": d.Delegator, "stand_in": d.StandIn, "from": d.StartsAt, "until": d.Until, "reason": d.Reason}})
	if err != nil {
		return err
	}
	if err := notify.Queue(ctx, tx, notify.Notification{Kind: kind, DelegationID: d.ID, Actor: by, Summary: summary, At: s.Now()}); err != nil {
		return err
	}
	return events.Publish(ctx, tx, events.Requests)
}

// Active lists the delegations that are active now, for admins, those that end
// first first.
func (s *Service) Active(ctx context.Context, a portal.Actor) ([]portal.Delegation, error) {
	if err := a.RequireAdmin(); err != nil {
		return nil, err
	}
	return store.ActiveDelegations(ctx, s.Pool, s.Now(), mostActive)
}
