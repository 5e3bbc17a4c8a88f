package request

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/operation"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// SubmitInput is what somebody asks for: an operation, what it is about, and what they
// typed.
type SubmitInput struct {
	Operation portal.OperationID
	ClusterID string
	PoolID    string
	NodeID    string
	Form      portal.Form // nil: the form is opened first
	Live      bool        // DigitalOcean is asked how the target is, whatever the operation

	// What a form for a new cluster is opened with, at most one of these.
	Like        string // id of a cluster
	LikeRequest int64  // number of a request for one
	Template    string // id of a template of the team's

	// What a form for a larger quota is opened with.
	Team   string            // short name
	Wanted map[string]string // by the fields of limits

	campaign *portal.CampaignMember // that the request is part of; nil: it stands by itself
	revises  portal.Request         // that is planned again; zero for a new one
	ended    portal.Lease           // for whose end the portal asks; zero: a person asks
}

// Plan says what an operation would do, from what has been typed so far. When
// something is wrong with that, the draft speaks of what can be understood and
// names the fields. It returns KindNotFound for what a may not see,
// KindForbidden when a may not ask for it, KindConflict for a target that is
// gone, and KindUnavailable when a live look was needed and DigitalOcean does
// not answer. Even then the draft says what it is about.
func (s *Service) Plan(ctx context.Context, a portal.Actor, ask SubmitInput) (portal.Draft, error) {
	d, err := s.prepare(ctx, a, ask, ask.Live)
	if err != nil {
		return d, err
	}
	return d, s.judge(ctx, s.Pool, a, &d)
}

// Submit makes a request, once for a given submit key. A request that the
// policy allows is carried out at once. Its errors are those of Plan; besides
// KindInvalid names faulty fields, also over quota, KindConflict says that the
// target has changed since the form was opened, and KindStepUp that all is well
// but a's sign-in is too old for it.
func (s *Service) Submit(ctx context.Context, a portal.Actor, ask SubmitInput) (portal.Request, error) {
	if a.IsZero() {
		return portal.Request{}, portal.E(portal.KindUnauthorized, "sign in first")
	}
	key := ask.Form.Get("submit_key")
	if own := ask.ended != (portal.Lease{}); !own && isDerived(key) {
		return portal.Request{}, portal.E(portal.KindInvalid, "this form is incomplete; open it again")
	}
	if r, err := store.RequestBySubmitKey(ctx, s.Pool, a.Identity, key); !portal.Is(err, portal.KindNotFound) {
		return r, cmp.Or(err, sentAlready(r, ask.Form))
	}
	d, err := s.prepare(ctx, a, ask, true)
	if err != nil {
		return portal.Request{}, err
	}
	if _, err := uuid.Parse(key); err != nil {
		return portal.Request{}, portal.E(portal.KindInvalid, "this form is incomplete; open it again", err)
	}
	if seen := ask.Form.Get("seen"); seen != "" && seen != d.ETag {
		return portal.Request{}, portal.E(portal.KindConflict, "this has changed since you opened the form; look at the plan again")
	}
	return s.submit(ctx, a, &d, key)
}

// isDerived reports whether a submit key is one that the portal works out for what it
// asks for by itself: nobody else can take it first.
func isDerived(key string) bool {
	id, err := uuid.Parse(key)
	return err == nil && id.Version() == 5
}

// sentAlready keeps what was typed after a form had made a request from being
// taken for that request. The same, sent twice, is one.
func sentAlready(r portal.Request, form portal.Form) error {
	if r.FormHash == "" || r.FormHash == form.Hash() {
		return nil
	}
	return portal.E(portal.KindConflict, fmt.Sprintf("this form has already created request #%d; to make a second request, check the form and submit it again", r.Number))
}

// submit makes a request of a draft, in one transaction that has locked the
// team. The same key gives the same request, so a double click does no harm.
func (s *Service) submit(ctx context.Context, a portal.Actor, d *portal.Draft, key string) (portal.Request, error) {
	var result portal.Request
	err := db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		if err := s.lock(ctx, tx, a, d); err != nil {
			return err
		}
		var err error
		result, err = store.RequestBySubmitKey(ctx, tx, a.Identity, key)
		if !portal.Is(err, portal.KindNotFound) {
			return err
		}
		if err := s.judge(ctx, tx, a, d); err != nil {
			return err
		}
		if err := s.refusal(a, d); err != nil {
			return err
		}
		result, err = s.insert(ctx, tx, a, d, key)
		return err
	})
	if portal.Is(err, portal.KindConflict) {
		// Without a team there is nothing to lock; the first of two clicks has made it.
		if r, readErr := store.RequestBySubmitKey(ctx, s.Pool, a.Identity, key); readErr == nil {
			return r, nil
		}
	}
	if err != nil && d.Plan.Verdict.Decision == portal.Deny {
		if recordErr := s.refuse(ctx, a, d); recordErr != nil {
			return result, recordErr
		}
	}
	return result, err
}

// refusal says why a cannot submit a judged draft, nil when they can.
func (s *Service) refusal(a portal.Actor, d *portal.Draft) error {
	v := d.Plan.Verdict
	switch {
	case d.Ended && v.Decision != portal.Deny && (v.FreshSignIn || v.TypedName):
		return mustConfirm
	case len(d.Errors) > 0:
		return portal.Invalid(d.Errors...)
	case v.Decision == portal.Deny:
		return portal.E(portal.KindDenied, "the policy does not allow this: "+v.Reason)
	case d.Ended:
		return nil
	}
	return s.checkSignIn(a, d)
}

// lock keeps others from reserving the team's quota, and makes sure that the
// team is still the one that may ask.
func (s *Service) lock(ctx context.Context, tx pgx.Tx, a portal.Actor, d *portal.Draft) error {
	if d.Team.ID == "" {
		return nil
	}
	var err error
	if d.Team, err = store.LockTeam(ctx, tx, d.Team.ID); err != nil {
		return err
	}
	if !a.MemberOf(d.Team) {
		return portal.E(portal.KindForbidden, "you are no longer a member of this team")
	}
	if p := d.Params.Raise; p != nil && portal.Drift(d.Params.Target, operation.QuotaFacts(*p, d.Team)) != "" {
		return portal.E(portal.KindConflict, "the quota of team "+d.Team.Name+" has changed since you opened the form; look at the plan again")
	}
	if d.Cluster.ID == "" {
		return nil
	}
	now, err := store.Cluster(ctx, tx, d.Cluster.ID)
	if err != nil {
		return err
	}
	if now.TeamID != d.Team.ID {
		return portal.E(portal.KindConflict, "this cluster has been given to another team in the meantime")
	}
	d.Cluster.Environment, d.Cluster.Protected = now.Environment, now.Protected
	if d.Ended {
		return refuseEnd(ctx, tx, d)
	}
	if d.Operation == portal.ExtendLease {
		if l, err := store.Lease(ctx, tx, d.Cluster.ID); err != nil || portal.Drift(d.Params.Target, operation.LeaseFacts(d.Cluster, l)) != "" {
			return portal.E(portal.KindConflict, "the lease has changed since you opened the form; look at the plan again", err)
		}
	}
	return nil
}

// insert keeps a new request with its reservation and its event, and starts it
// if it needs no approval.
func (s *Service) insert(ctx context.Context, tx pgx.Tx, a portal.Actor, d *portal.Draft, key string) (portal.Request, error) {
	r, err := s.complete(a, d, key)
	if err != nil {
		return r, err
	}
	if !d.Ended && r.Params.Campaign == nil {
		if err := s.checkRate(ctx, tx, a, d.Form); err != nil {
			return r, err
		}
	}
	if r.Number, err = store.InsertRequest(ctx, tx, r); err != nil {
		return r, err
	}
	if err := store.Reserve(ctx, tx, r.ID, r.Team.ID, r.TargetID, d.Usage); err != nil {
		return r, err
	}
	step := Step{
		At: r.CreatedAt, Actor: asks(a, d), Kind: portal.EventSubmitted,
		Summary: submitted(r, d) + ": " + r.Plan.Verdict.Reason,
		Said:    r.Justification,
		Data:    planData(r),
	}
	if d.Ended {
		step.Data["lease"] = d.Lease.RequestID // by which its requester has asked for it
	}
	err = Record(ctx, tx, r, step)
	if err != nil {
		return r, err
	}
	return r, s.start(ctx, tx, r)
}

// asks is who asks for what a draft is about: the portal itself at the end of a lease.
func asks(a portal.Actor, d *portal.Draft) portal.Person {
	if d.Ended {
		return clock
	}
	return a.Person()
}

func submitted(r portal.Request, d *portal.Draft) string {
	if d.Ended {
		return fmt.Sprintf("The portal requested %s for %s, whose lease has ended", describe(r), r.Requester.Name)
	}
	return r.Requester.Name + " requested " + describe(r)
}

// Limit is how many requests and revisions one person may make. Everybody
// concerned is told of each, and all are kept.
var Limit = store.Rate{Every: 30 * time.Second, Burst: 100}

// checkRate returns KindLimited to who has made too many requests. A large one
// counts as several.
func (s *Service) checkRate(ctx context.Context, tx pgx.Tx, a portal.Actor, form portal.Form) error {
	wait, err := Limit.Admit(ctx, tx, "request "+a.Issuer+" "+a.Subject, 1+form.Size()/(2<<10), s.Now())
	if err == nil && wait > 0 {
		return portal.E(portal.KindLimited, "you have made too many requests; try again in "+portal.RoughDuration(wait))
	}
	return err
}

// planData is what the trail keeps of a plan.
func planData(r portal.Request) map[string]any {
	return map[string]any{"revision": r.Revision, "params": r.Params, "plan": r.Plan, "digest": r.Digest,
		"judged": r.Judged, "justification": r.Justification}
}

// start has an approved request carried out. What hands out a secret waits for
// its requester instead, and a member of a campaign until that releases it.
func (s *Service) start(ctx context.Context, tx pgx.Tx, r portal.Request) error {
	if r.State != portal.Approved || r.Operation.Risk() == portal.RiskSecret || !r.Released() {
		return nil
	}
	return s.Jobs.Enqueue(ctx, tx, r.ID)
}

// complete turns a draft into a request.
func (s *Service) complete(a portal.Actor, d *portal.Draft, key string) (portal.Request, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return portal.Request{}, err
	}
	r := portal.Request{
		ID: id.String(), SubmitKey: key, Team: d.Team, Operation: d.Operation,
		Requester: a.Person(), CreatedAt: s.Now(), Revision: 1, FormHash: d.Form.Hash(),
	}
	return r, s.fill(&r, d)
}

// fill puts what was planned into a request, and the state that follows.
func (s *Service) fill(r *portal.Request, d *portal.Draft) error {
	r.Operation, r.TargetIDs, r.TargetName, r.Params, r.Justification = d.Operation, d.TargetIDs, d.TargetName, d.Params, d.Form.Get("justification")
	r.Plan, r.Judged, r.State = d.Plan, d.Judged, portal.Pending
	r.PlannedAt, r.UpdatedAt = d.JudgedAt, s.Now()
	r.TargetID = ""
	if len(d.TargetIDs) == 1 {
		r.TargetID = d.TargetIDs[0]
	}
	if d.Plan.Verdict.Decision == portal.Allow {
		r.State = portal.Approved
	}
	if err := setTimes(r, r.PlannedAt); err != nil {
		return err
	}
	var err error
	r.Digest, err = r.PlanDigest()
	return err
}

// refuse records that the policy denied what a asked for.
func (s *Service) refuse(ctx context.Context, a portal.Actor, d *portal.Draft) error {
	return db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		return audit.AppendRefusal(ctx, tx, portal.Event{
			At: s.Now(), Kind: portal.EventRefused, Actor: asks(a, d), TeamID: d.Team.ID, Reason: d.Form.Get("justification"),
			Operation: d.Operation, Environment: inputOf(d, portal.Actor{}).Cluster.Environment,
			Target:  targetOf(d.Operation, d.Team, d.Cluster.ID, d.TargetName),
			Summary: d.Operation.Title() + " " + d.TargetName + " was refused: " + d.Plan.Verdict.Reason,
			Data:    map[string]any{"params": d.Params, "quota": d.Plan.Quota},
		}, string(d.Operation))
	})
}

// MemberTeams lists the teams that a may ask on behalf of.
func (s *Service) MemberTeams(ctx context.Context, a portal.Actor) ([]portal.Team, error) {
	teams, err := store.Teams(ctx, s.Pool)
	return slices.DeleteFunc(teams, func(t portal.Team) bool { return !a.MemberOf(t) }), err
}
