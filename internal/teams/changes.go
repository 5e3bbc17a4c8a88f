package teams

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/notify"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// proposedFor is how long after it was proposed a change may be accepted.
const proposedFor = 7 * 24 * time.Hour

// mostProposed is how many changes of one admin wait at a time, so that those of
// others are found among them.
const mostProposed = 20

// Outcome says what came of a change that an admin asked for.
type Outcome struct {
	Proposed bool   // it waits for a second admin
	Title    string // of the change, for people
}

// change is a change of a team or of an ownership.
type change interface {
	subject() string
	title() string
	// load locks what is changed and reads it. It returns KindConflict when that
	// is not as it was when the change was made up.
	load(ctx context.Context, tx pgx.Tx) error
	gains() []portal.Gain
	// adopts reports whether the change sets up what is new to the portal.
	adopts(ctx context.Context, tx pgx.Tx) (bool, error)
	groups() []string // of the teams that are concerned
	apply(ctx context.Context, tx pgx.Tx, by decision) error
}

// decision says on whose word a change takes effect.
type decision struct {
	Actor      portal.Actor
	proposedBy portal.Person // zero: by Actor alone
	gains      []portal.Gain
	at         time.Time
}

func (d decision) suffix() string {
	if d.proposedBy.IsZero() {
		return ""
	}
	return ", as " + d.proposedBy.Name + " had proposed"
}

func (d decision) data() map[string]any {
	data := map[string]any{"gains": d.gains}
	if !d.proposedBy.IsZero() {
		data["proposed_by"] = d.proposedBy
	}
	return data
}

// submit makes a change by which nobody gains anything, and proposes any other.
func (s *Service) submit(ctx context.Context, a portal.Actor, c change) (Outcome, error) {
	var out Outcome
	err := db.WithTx(ctx, s.Pool, func(tx pgx.Tx) (err error) {
		out, err = s.submitIn(ctx, tx, a, c)
		return err
	})
	return out, err
}

// submitIn is submit in a transaction, of which others may be a part.
func (s *Service) submitIn(ctx context.Context, tx pgx.Tx, a portal.Actor, c change) (Outcome, error) {
	if err := c.load(ctx, tx); err != nil {
		return Outcome{}, err
	}
	out := Outcome{Title: c.title()}
	gains := c.gains()
	by := decision{Actor: a, gains: gains, at: s.Now()}
	if len(gains) == 0 {
		return out, c.apply(ctx, tx, by)
	}
	if err := a.CheckSignIn(s.Now(), s.StepUpWithin); err != nil {
		return out, err
	}
	alone, err := s.mayAlone(ctx, tx, a, c)
	if err != nil {
		return out, err
	}
	if alone {
		return out, c.apply(ctx, tx, by)
	}
	out.Proposed = true
	return out, s.propose(ctx, tx, a, c, gains)
}

// mayAlone reports whether an admin sets up a portal that has just been
// installed, and has no part in any team. Two admins may not be there yet.
func (s *Service) mayAlone(ctx context.Context, tx pgx.Tx, a portal.Actor, c change) (bool, error) {
	installed, err := store.InstalledAt(ctx, tx)
	if err != nil || !s.Now().Before(installed.Add(portal.AdoptionPeriod)) {
		return false, err
	}
	adopts, err := c.adopts(ctx, tx)
	if err != nil || !adopts {
		return false, err
	}
	teams, err := store.Teams(ctx, tx)
	if err != nil {
		return false, err
	}
	groups := c.groups()
	for _, t := range teams {
		groups = append(groups, t.MemberGroup, t.ApproverGroup)
	}
	mandates, err := store.MandatesLately(ctx, tx, a.Identity, s.Now())
	return a.GainsBy(groups, mandates).IsZero(), err
}

// propose has a change wait for a second admin.
func (s *Service) propose(ctx context.Context, tx pgx.Tx, a portal.Actor, c change, gains []portal.Gain) error {
	if t, ok := c.(*teamChange); ok && t.After.ID == "" {
		if _, err := store.TeamBySlug(ctx, tx, t.After.Slug); !portal.Is(err, portal.KindNotFound) {
			return slugTaken(err)
		}
	}
	payload, err := json.Marshal(c)
	if err != nil {
		return err
	}
	now := s.Now()
	waiting, err := store.AdminChangesOf(ctx, tx, a.Identity, now, mostProposed)
	if err != nil {
		return err
	}
	if waiting >= mostProposed {
		return portal.E(portal.KindLimited, fmt.Sprintf("%d changes that you proposed wait for another admin; have some decided on or drop them first", waiting))
	}
	p := portal.AdminChange{
		ID: uuid.Must(uuid.NewV7()).String(), Subject: c.subject(), Title: c.title(), Payload: payload, Gains: gains,
		Author: a.Person(), CreatedAt: now, ExpiresAt: now.Add(proposedFor), State: portal.AdminChangeProposed,
	}
	if err := store.InsertAdminChange(ctx, tx, p); err != nil {
		return err
	}
	return s.record(ctx, tx, p, a, portal.EventChangeProposed, fmt.Sprintf("%s proposed: %s", a.Name, p.Title))
}

func slugTaken(err error) error {
	if err != nil {
		return err
	}
	return portal.Invalid(portal.FieldError{Field: "slug", Message: "A team with this short name already exists."})
}

// Proposed lists the changes that wait for a second admin, and those that have
// expired and not been dropped, newest first. Only admins may.
func (s *Service) Proposed(ctx context.Context, a portal.Actor) ([]portal.AdminChange, error) {
	if err := a.RequireAdmin(); err != nil {
		return nil, err
	}
	const most = 200
	return store.ProposedAdminChanges(ctx, s.Pool, most)
}

// Accept has a proposed change take effect. Only an admin may who has just
// signed in (KindStepUp), did not propose it and gains nothing by it
// (KindForbidden). The provider must have confirmed within five minutes that its
// author still is an admin. KindConflict says that the change has been decided
// on or has expired, that its author is no longer an admin, or that what it
// changes is not as it was.
func (s *Service) Accept(ctx context.Context, a portal.Actor, id string) error {
	if err := a.RequireAdmin(); err != nil {
		return err
	}
	proposed, err := store.AdminChange(ctx, s.Pool, id)
	if err != nil {
		return err
	}
	unconfirmed := portal.CheckAdmin(ctx, s.People, proposed.Author, s.Now())
	return db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		p, err := store.LockAdminChange(ctx, tx, id)
		if err != nil {
			return err
		}
		mandates, err := store.MandatesLately(ctx, tx, a.Identity, s.Now())
		if err != nil {
			return err
		}
		if err := s.acceptable(a, p, mandates, unconfirmed); err != nil {
			return err
		}
		c, err := changeOf(p)
		if err != nil {
			return err
		}
		if err := c.load(ctx, tx); err != nil {
			return err
		}
		if !reflect.DeepEqual(c.gains(), p.Gains) {
			return portal.E(portal.KindConflict, "what this change gives has changed since it was proposed; drop it and propose it again")
		}
		p.State, p.DecidedBy, p.DecidedAt = portal.AdminChangeAccepted, a.Person(), s.Now()
		if err := store.DecideAdminChange(ctx, tx, p); err != nil {
			return err
		}
		return c.apply(ctx, tx, decision{Actor: a, proposedBy: p.Author, gains: p.Gains, at: s.Now()})
	})
}

// acceptable says why a may not accept p, nil when they may. By the mandates they
// stand in for others. unconfirmed says why its author's word does not count.
func (s *Service) acceptable(a portal.Actor, p portal.AdminChange, mandates []portal.Mandate, unconfirmed error) error {
	switch gain := p.Benefits(a, mandates); {
	case p.State != portal.AdminChangeProposed:
		return portal.E(portal.KindConflict, "this change has been decided on already")
	case !p.Open(s.Now()):
		return portal.E(portal.KindConflict, "this change has expired; drop it and propose it again")
	case p.Author.Identity == a.Identity:
		return portal.E(portal.KindForbidden, "you proposed this yourself; another admin has to accept it")
	case !gain.IsZero():
		return portal.E(portal.KindForbidden, "you would gain from this "+gain.Text(nil)+"; another admin has to accept it")
	case unconfirmed != nil:
		return unconfirmed
	}
	return a.CheckSignIn(s.Now(), s.StepUpWithin)
}

// Drop ends a proposed change. Any admin may. KindConflict says that it has been
// decided on.
func (s *Service) Drop(ctx context.Context, a portal.Actor, id string) error {
	if err := a.RequireAdmin(); err != nil {
		return err
	}
	return db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		p, err := store.LockAdminChange(ctx, tx, id)
		if err != nil {
			return err
		}
		if p.State != portal.AdminChangeProposed {
			return portal.E(portal.KindConflict, "this change has been decided on already")
		}
		p.State, p.DecidedBy, p.DecidedAt = portal.AdminChangeDropped, a.Person(), s.Now()
		if err := store.DecideAdminChange(ctx, tx, p); err != nil {
			return err
		}
		return s.record(ctx, tx, p, a, portal.EventChangeDropped, fmt.Sprintf("%s dropped a change that %s proposed: %s", a.Name, p.Author.Name, p.Title))
	})
}

// record puts on the trail what became of a proposal, and tells the admins.
func (s *Service) record(ctx context.Context, tx pgx.Tx, p portal.AdminChange, a portal.Actor, kind portal.EventKind, summary string) error {
	e := portal.Event{At: s.Now(), Kind: kind, Actor: a.Person(), Summary: summary,
		Data: map[string]any{"change": p.ID, "payload": json.RawMessage(p.Payload), "gains": p.Gains, "author": p.Author}}
	var err error
	if e.Target, e.TeamID, err = concerned(ctx, tx, p); err != nil {
		return err
	}
	if err := audit.Append(ctx, tx, e); err != nil {
		return err
	}
	return notify.Queue(ctx, tx, notify.Notification{Kind: kind, ClusterID: p.ClusterID(), Actor: e.Actor, Summary: summary, At: e.At})
}

// concerned is what a proposal is about, and the team that has it now, if any.
func concerned(ctx context.Context, tx pgx.Tx, p portal.AdminChange) (portal.EventTarget, string, error) {
	if id := p.ClusterID(); id != "" {
		c, err := store.Cluster(ctx, tx, id)
		return portal.EventTarget{Kind: portal.TargetCluster, ID: id, Name: c.Name}, c.TeamID, err
	}
	t, err := store.TeamBySlug(ctx, tx, p.TeamSlug())
	if portal.Is(err, portal.KindNotFound) { // a new one
		err = nil
	}
	return portal.EventTarget{Kind: portal.TargetTeam, ID: p.TeamSlug(), Name: t.Name}, t.ID, err
}

// changeOf reads a change from its proposal.
func changeOf(p portal.AdminChange) (change, error) {
	var c change = &teamChange{}
	if strings.HasPrefix(p.Subject, "cluster:") {
		c = &ownershipChange{}
	}
	return c, json.Unmarshal(p.Payload, c)
}
