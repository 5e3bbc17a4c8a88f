package rulebook

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/names"
	"doksportal/internal/policy"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

const maxNote = 500

// proposeRate is how often one person may make a version. Each stays for good.
var proposeRate = store.Rate{Every: time.Hour, Burst: 20}

// Propose makes a new version of the policy of the one in force, which must
// still be base. When it has no consequences that take a second admin it is in
// force at once, else it waits for one. Only admins may who have
// just signed in (KindStepUp); faults are those of the fields text and note
// (KindInvalid); KindConflict says that another version waits already, or has
// come into force.
func (s *Service) Propose(ctx context.Context, a portal.Actor, base int, text, note string) (portal.PolicyVersion, error) {
	if err := a.RequireAdmin(); err != nil {
		return portal.PolicyVersion{}, err
	}
	p := portal.PolicyVersion{Text: policy.Clean(text), Author: a.Person(), Note: strings.TrimSpace(note), CreatedAt: s.Now()}
	err := s.comparing(ctx, a, func() error {
		draft, err := s.read(p.Text, p.Note)
		if err == nil {
			err = a.CheckSignIn(s.Now(), s.StepUpWithin)
		}
		if err != nil {
			return err
		}
		return s.propose(ctx, a, base, &p, draft)
	})
	return p, err
}

// propose keeps a version that can be read. What takes long comes before the
// versions are locked, and each try counts, whatever becomes of it.
func (s *Service) propose(ctx context.Context, a portal.Actor, base int, p *portal.PolicyVersion, draft *policy.Policy) error {
	wait, err := proposeRate.Admit(ctx, s.Pool, "policy "+a.Issuer+" "+a.Subject, 1, s.Now())
	if err != nil {
		return err
	}
	if wait > 0 {
		return portal.E(portal.KindLimited, "you have made many versions of the policy; try again in "+portal.RoughDuration(wait))
	}
	if err := s.checkGroups(ctx, s.Pool, draft); err != nil {
		return err
	}
	return db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		if p.Base, err = s.begin(ctx, tx); err != nil {
			return err
		}
		if p.Base != base {
			return portal.E(portal.KindConflict, fmt.Sprintf("version %d has come into force since you began; look at it, so that what it changed is not undone", p.Base))
		}
		return s.enter(ctx, tx, a, p, draft)
	})
}

// begin locks the versions and returns which of them is in force.
func (s *Service) begin(ctx context.Context, tx pgx.Tx) (int, error) {
	if err := store.LockPolicies(ctx, tx); err != nil {
		return 0, err
	}
	return s.ensure(ctx, tx)
}

// enter keeps a new version. The versions are locked.
func (s *Service) enter(ctx context.Context, tx pgx.Tx, a portal.Actor, p *portal.PolicyVersion, draft *policy.Policy) error {
	before, err := store.Policy(ctx, tx, p.Base)
	if err != nil {
		return err
	}
	if before.Text == p.Text {
		return portal.Invalid(portal.FieldError{Field: "text", Message: "This is the policy that is in force."})
	}
	switch waiting, err := store.ProposedPolicy(ctx, tx); {
	case err == nil:
		return portal.E(portal.KindConflict, fmt.Sprintf("version %d waits for a decision already; it has to be accepted or dropped first", waiting.Version))
	case !portal.Is(err, portal.KindNotFound):
		return err
	}
	consequences, err := s.compare(ctx, tx, draft)
	if err != nil {
		return err
	}
	inForce, err := s.InForce(ctx, tx)
	if err != nil && !errors.Is(err, errUnreadable) {
		return err
	}
	p.Stricter = inForce == nil || stricter(ctx, inForce, draft)
	if len(consequences) == 0 {
		return s.enterInForce(ctx, tx, a, p)
	}
	return s.enterProposed(ctx, tx, a, p, consequences)
}

func (s *Service) enterInForce(ctx context.Context, tx pgx.Tx, a portal.Actor, p *portal.PolicyVersion) error {
	p.State, p.InForceAt = portal.PolicyInForce, p.CreatedAt
	if err := store.SupersedePolicy(ctx, tx); err != nil {
		return err
	}
	var err error
	if p.Version, err = store.InsertPolicy(ctx, tx, *p); err != nil {
		return err
	}
	return s.record(ctx, tx, a, *p, portal.EventPolicyInForce, nil, "%s put policy version %d in force, which needed no second admin")
}

func (s *Service) enterProposed(ctx context.Context, tx pgx.Tx, a portal.Actor, p *portal.PolicyVersion, consequences []policy.Consequence) error {
	p.State = portal.PolicyProposed
	var err error
	if p.Version, err = store.InsertPolicy(ctx, tx, *p); err != nil {
		return err
	}
	return s.record(ctx, tx, a, *p, portal.EventPolicyProposed, consequences, "%s proposed policy version %d, which "+consequences[0].What)
}

// Decide has a proposed version come in force, or drops it. Only admins may who
// have just signed in (KindStepUp); the author may drop, but not accept it
// (KindForbidden). KindConflict says that it has been decided on, that another
// version has come into force since it was proposed, or that the provider does not
// confirm that its author still is an admin.
func (s *Service) Decide(ctx context.Context, a portal.Actor, version int, accept bool) error {
	if err := a.RequireAdmin(); err != nil {
		return err
	}
	if err := a.CheckSignIn(s.Now(), s.StepUpWithin); err != nil {
		return err
	}
	proposed, err := store.Policy(ctx, s.Pool, version)
	if err != nil {
		return err
	}
	if !accept {
		return s.decide(ctx, a, version, false, nil)
	}
	unconfirmed := portal.CheckAdmin(ctx, s.People, proposed.Author, s.Now())
	return s.comparing(ctx, a, func() error { return s.decide(ctx, a, version, true, unconfirmed) })
}

// decide is Decide of somebody who may; unconfirmed says why the author does not
// count as an admin any more.
func (s *Service) decide(ctx context.Context, a portal.Actor, version int, accept bool, unconfirmed error) error {
	return db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		inForce, err := s.begin(ctx, tx)
		if err != nil {
			return err
		}
		p, err := store.Policy(ctx, tx, version)
		if err != nil {
			return err
		}
		p.DecidedBy, p.DecidedAt = a.Person(), s.Now()
		switch {
		case p.State != portal.PolicyProposed:
			return portal.E(portal.KindConflict, "this version has been decided on already")
		case !accept:
			return s.drop(ctx, tx, a, p)
		case p.Author.Identity == a.Identity:
			return portal.E(portal.KindForbidden, "you proposed this yourself; another admin has to decide")
		case unconfirmed != nil:
			return unconfirmed
		case p.Base != inForce:
			return portal.E(portal.KindConflict, fmt.Sprintf("version %d has come into force since this was proposed; drop it and propose it again", inForce))
		}
		return s.accept(ctx, tx, a, p)
	})
}

func (s *Service) drop(ctx context.Context, tx pgx.Tx, a portal.Actor, p portal.PolicyVersion) error {
	p.State = portal.PolicyDropped
	if err := store.DecidePolicy(ctx, tx, p); err != nil {
		return err
	}
	return s.record(ctx, tx, a, p, portal.EventPolicyDropped, nil, "%s dropped policy version %d")
}

func (s *Service) accept(ctx context.Context, tx pgx.Tx, a portal.Actor, p portal.PolicyVersion) error {
	draft, err := s.read(p.Text, p.Note)
	if err != nil {
		return err
	}
	consequences, err := s.compare(ctx, tx, draft)
	if err != nil {
		return err
	}
	if err := s.checkGain(ctx, tx, a, draft); err != nil {
		return err
	}
	if err := store.SupersedePolicy(ctx, tx); err != nil {
		return err
	}
	p.State, p.InForceAt = portal.PolicyInForce, p.DecidedAt
	if err := store.DecidePolicy(ctx, tx, p); err != nil {
		return err
	}
	return s.record(ctx, tx, a, p, portal.EventPolicyInForce, consequences, "%s put policy version %d in force, which "+p.Author.Name+" proposed")
}

// checkGain makes sure that a may approve nothing under the draft that they may
// not under the policy in force: whoever gains by it does not decide on it.
func (s *Service) checkGain(ctx context.Context, tx pgx.Tx, a portal.Actor, draft *policy.Policy) error {
	inForce, err := s.InForce(ctx, tx)
	if errors.Is(err, errUnreadable) {
		return nil // under which nobody may approve anything
	}
	if err != nil {
		return err
	}
	groups, ofTeams, whole := policy.NewApprovers(ctx, inForce, draft)
	if err := ctx.Err(); err != nil {
		return err
	}
	if ofTeams {
		teams, err := store.Teams(ctx, tx)
		if err != nil {
			return err
		}
		for _, t := range teams {
			groups = append(groups, t.ApproverGroup)
		}
	}
	if !whole { // what could not be compared may be a gain
		groups = append(groups, draft.Groups()...)
	}
	mandates, err := store.MandatesLately(ctx, tx, a.Identity, s.Now())
	if err != nil {
		return err
	}
	if gain := a.GainsBy(groups, mandates); !gain.IsZero() {
		return portal.E(portal.KindForbidden, "you would gain from this "+gain.Text(nil)+"; another admin has to accept it")
	}
	return nil
}

// checkGroups refuses a group that can be taken for one that the portal goes by, or
// for another of the draft: whoever accepts it sees no difference.
func (s *Service) checkGroups(ctx context.Context, q store.Querier, draft *policy.Policy) error {
	teams, err := store.Teams(ctx, q)
	if err != nil {
		return err
	}
	known := append(draft.Groups(), s.PlatformApprovers)
	for _, t := range teams {
		known = append(known, t.MemberGroup, t.ApproverGroup)
	}
	if inForce, err := s.InForce(ctx, q); err == nil {
		known = append(known, inForce.Groups()...)
	} else if !errors.Is(err, errUnreadable) {
		return err
	}
	if group, other, ok := names.AnyMistaken(draft.Groups(), known); ok {
		return portal.Invalid(portal.FieldError{Field: "text", Message: fmt.Sprintf(
			"Group “%s” looks like “%s”, which is another one; write it as the identity provider has it.", group, other)})
	}
	return nil
}

// record puts on the trail what became of a version, and all that it says.
func (s *Service) record(ctx context.Context, tx pgx.Tx, a portal.Actor, p portal.PolicyVersion, kind portal.EventKind, consequences []policy.Consequence, summary string) error {
	var effects []string
	for _, c := range consequences {
		effects = append(effects, c.List...)
	}
	return audit.Append(ctx, tx, portal.Event{
		At: s.Now(), Kind: kind, Actor: a.Person(), Summary: fmt.Sprintf(summary, a.Name, p.Version), Reason: p.Note,
		Target: portal.EventTarget{Kind: portal.TargetPolicy, ID: strconv.Itoa(p.Version)},
		Data:   map[string]any{"version": p.Version, "base": p.Base, "note": p.Note, "text": p.Text, "author": p.Author, "effects": effects},
	})
}

// read reads a version as it was typed.
func (s *Service) read(text, note string) (*policy.Policy, error) {
	var fields []portal.FieldError
	draft, faults := policy.Parse([]byte(text))
	for _, f := range faults {
		said := f.String()
		first, size := utf8.DecodeRuneInString(said)
		fields = append(fields, portal.FieldError{Field: "text", Message: strings.ToUpper(string(first)) + said[size:]})
	}
	if n := utf8.RuneCountInString(note); n == 0 || n > maxNote {
		fields = append(fields, portal.FieldError{Field: "note", Message: fmt.Sprintf("Say in 1 to %d characters what changes and why.", maxNote)})
	} else if hidden, ok := names.Hidden(note); ok {
		fields = append(fields, portal.FieldError{Field: "note", Message: fmt.Sprintf("This has a character that cannot be seen (U+%04X); type it again.", hidden)})
	}
	if len(fields) > 0 {
		return nil, portal.Invalid(fields...)
	}
	draft.PlatformApprovers = s.PlatformApprovers
	return draft, nil
}
