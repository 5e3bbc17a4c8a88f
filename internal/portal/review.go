package portal

import (
	"errors"
	"slices"
	"strings"
	"time"
)

// ReviewDecision is what an approver says of a request.
type ReviewDecision string

// The decisions of a review.
const (
	ReviewApprove ReviewDecision = "approve"
	ReviewReject  ReviewDecision = "reject"
	ReviewChanges ReviewDecision = "changes" // it should be asked for differently
)

// Review is an approver's decision on a request at a digest.
type Review struct {
	Reviewer  Person
	For       Person   // for whom the reviewer stood in; zero: for nobody
	Groups    []string // of those that the verdict names, the reviewer's, or For's, at that time
	Decision  ReviewDecision
	Comment   string
	Digest    string
	Revision  int
	CreatedAt time.Time
}

// By names the reviewer, and for whom they stood in.
func (v Review) By() string {
	if v.For.IsZero() {
		return v.Reviewer.Name
	}
	return v.Reviewer.Name + ", standing in for " + v.For.Name + ","
}

// by reports whether somebody gave the review, or had it given.
func (v Review) by(id Identity) bool {
	return v.Reviewer.Identity == id || !v.For.IsZero() && v.For.Identity == id
}

// Comment is what somebody said about a request, without deciding.
type Comment struct {
	ID        string // UUID, made with the form
	Author    Person
	Text      string
	CreatedAt time.Time
}

// BreakGlass tells that an admin had a request carried out without its approvals.
// It stays open until somebody else has reviewed that.
type BreakGlass struct {
	Revision   int
	By         Person
	Reason     string
	At         time.Time
	Reviewer   Person // zero while the review is pending
	Comment    string // of the reviewer
	ReviewedAt time.Time
}

// Approvals are the reviews that count for the request as it is now: each
// person's once, whether they gave it or had a stand-in give it, the requester's
// never.
func (r Request) Approvals() []Review {
	var list []Review
	for _, v := range r.Reviews {
		counted := slices.ContainsFunc(list, func(w Review) bool {
			return w.by(v.Reviewer.Identity) || !v.For.IsZero() && w.by(v.For.Identity)
		})
		if v.Decision == ReviewApprove && v.Revision == r.Revision && v.Digest == r.Digest && !v.by(r.Requester.Identity) && !counted {
			list = append(list, v)
		}
	}
	return list
}

// Outstanding are the approvals that are still missing.
func (r Request) Outstanding() []ApprovalRule { return r.Plan.Verdict.Outstanding(r.approverGroups()) }

// Missing is, for each need of the verdict, how many approvals are still
// missing.
func (r Request) Missing() []int { return r.Plan.Verdict.Missing(r.approverGroups()) }

// approverGroups are the groups of those whose approvals count.
func (r Request) approverGroups() [][]string {
	var people [][]string
	for _, v := range r.Approvals() {
		people = append(people, v.Groups)
	}
	return people
}

// ReviewRefusal says why a may not review r, nil when they may. It is the one
// check for four eyes: by identity, whatever groups or roles a holds.
func (r Request) ReviewRefusal(a Actor) error {
	if err := r.refuseOwn(a); err != nil {
		return err
	}
	if err := r.refuseGain(a, nil); err != nil {
		return err
	}
	switch {
	case !r.MayApprove(a):
		return E(KindForbidden, "only members of "+strings.Join(r.Plan.Verdict.Groups(), " or ")+" can decide on this")
	case r.State != Pending:
		return E(KindConflict, "this request is "+string(r.State)+" and no longer waits for a decision")
	case r.reviewedBy(a.Identity):
		return E(KindConflict, r.decidedAlready(a))
	}
	return nil
}

// reviewedBy reports whether somebody has decided on the request as it is planned
// now, themselves, for somebody else, or through a stand-in.
func (r Request) reviewedBy(id Identity) bool {
	return slices.ContainsFunc(r.Reviews, func(v Review) bool { return v.Revision == r.Revision && v.by(id) })
}

// decidedAlready says who has decided for a, who may not decide again.
func (r Request) decidedAlready(a Actor) string {
	for _, v := range r.Reviews {
		if v.Revision == r.Revision && !v.For.IsZero() && v.For.Identity == a.Identity {
			return v.Reviewer.Name + " has decided on this request for you already"
		}
	}
	return "you have decided on this request already"
}

// stoodIn reports whether a has decided on the request as a stand-in, as it is
// planned now.
func (r Request) stoodIn(a Actor) bool {
	return slices.ContainsFunc(r.Reviews, func(v Review) bool {
		return v.Revision == r.Revision && v.Reviewer.Identity == a.Identity && !v.For.IsZero()
	})
}

// refuseOwn keeps people from deciding on what they asked for, and the portal
// from deciding by itself.
func (r Request) refuseOwn(a Actor) error {
	switch {
	case a.IsZero() || a.Issuer == SystemIssuer:
		return E(KindForbidden, "only people can review requests")
	case a.Identity == r.Requester.Identity:
		return E(KindForbidden, "this is your own request; somebody else has to decide", ErrOwnRequest)
	}
	return nil
}

// ErrOwnRequest is the cause of refusing somebody to decide on what they asked for.
var ErrOwnRequest = errors.New("own request")

// GainedBy are the groups whose members gain by the request itself, and so do not
// decide on it, whatever the policy says.
func (r Request) GainedBy() []string {
	if r.Operation != RaiseQuota {
		return nil
	}
	return []string{r.Team.MemberGroup}
}

// refuseGain keeps those who gain by a request from deciding on it. By the mandates
// a stands in for others, or has lately.
func (r Request) refuseGain(a Actor, mandates []Mandate) error {
	if gain := a.GainsBy(r.GainedBy(), mandates); !gain.IsZero() {
		return E(KindForbidden, "you would gain from this "+gain.Text(nil)+"; somebody else has to decide")
	}
	return nil
}

// RefuseGains is KindForbidden when a, or for whom they would decide, gains by the
// request. Each has the mandates by which they stand in for others, or have lately.
func (r Request) RefuseGains(a Actor, mandates []Mandate, delegator Actor, delegators []Mandate) error {
	if err := r.refuseGain(a, mandates); err != nil {
		return err
	}
	if !delegator.IsZero() && !delegator.GainsBy(r.GainedBy(), delegators).IsZero() {
		return E(KindForbidden, delegator.Name+", for whom you stand in, would gain from this; somebody else has to decide")
	}
	return nil
}

// MayApprove reports whether a's approval counts by the groups they are in,
// whoever asked: groups that the verdict names, and that still give the right.
func (r Request) MayApprove(a Actor) bool {
	return slices.ContainsFunc(r.Plan.Verdict.Groups(), a.InGroup)
}

// ApproverGroups are a's groups whose approvals the verdict asks for.
func (r Request) ApproverGroups(a Actor) []string {
	return slices.DeleteFunc(r.Plan.Verdict.Groups(), func(g string) bool { return !a.InGroup(g) })
}

// StopRefusal says why a may not stop r before it is carried out, nil when they
// may: those who could have approved it, and admins. Who has approved it may
// have second thoughts while other approvals are still missing.
func (r Request) StopRefusal(a Actor) error {
	switch {
	case a.IsZero() || a.Issuer == SystemIssuer:
		return E(KindForbidden, "only people can stop requests")
	case a.Identity == r.Requester.Identity:
		return E(KindForbidden, "this is your own request; withdraw it instead")
	case !r.MayApprove(a) && !a.ApproverOf(r.Team) && !a.HasRole(RoleAdmin) && !r.stoodIn(a):
		return E(KindForbidden, "only approvers and admins can stop this")
	case r.State == Pending && !r.reviewedBy(a.Identity):
		return E(KindConflict, "this request waits for your decision; reject it instead")
	case r.State != Approved && r.State != Pending:
		return E(KindConflict, "this request is "+string(r.State)+" and can no longer be stopped")
	}
	return nil
}

// BreakGlassRefusal says why a may not have r carried out without its approvals, nil
// when they may.
func (r Request) BreakGlassRefusal(a Actor) error {
	if err := r.refuseOwn(a); err != nil {
		return err
	}
	switch {
	case r.Operation.Own():
		return E(KindForbidden, "approvals for a larger quota cannot be bypassed")
	case !a.HasRole(RoleAdmin):
		return E(KindForbidden, "only admins of the portal can bypass approvals")
	case r.State != Pending:
		return E(KindConflict, "this request is "+string(r.State)+" and is not waiting for approval")
	}
	return nil
}

// ActiveBreakGlass is the break-glass of the current revision, nil
// when none was.
func (r Request) ActiveBreakGlass() *BreakGlass {
	for i := range r.BreakGlasses {
		if r.BreakGlasses[i].Revision == r.Revision {
			return &r.BreakGlasses[i]
		}
	}
	return nil
}

// PendingReview is the break-glass whose review is pending and is not by a, nil
// when there is none.
func (r Request) PendingReview(a Actor) *BreakGlass {
	for i, g := range r.BreakGlasses {
		if g.Reviewer.IsZero() && g.By.Identity != a.Identity {
			return &r.BreakGlasses[i]
		}
	}
	return nil
}

// BreakGlassReviewRefusal says why a may not give the pending review, nil when
// they may: admins and those who could have approved, but for the two whose
// word it ran on.
func (r Request) BreakGlassReviewRefusal(a Actor) error {
	if err := r.refuseOwn(a); err != nil {
		return err
	}
	own := slices.ContainsFunc(r.BreakGlasses, func(g BreakGlass) bool { return g.Reviewer.IsZero() && g.By.Identity == a.Identity })
	switch {
	case !a.HasRole(RoleAdmin) && !r.MayApprove(a):
		return E(KindForbidden, "only admins and those who could have approved it can review this")
	case r.PendingReview(a) == nil && own:
		return E(KindForbidden, "you did this yourself; somebody else has to review it")
	case r.PendingReview(a) == nil:
		return E(KindConflict, "no review is pending")
	}
	return nil
}

// Revision is an earlier plan of a request.
type Revision struct {
	Number        int
	Summary       string // of the plan
	Changes       []Change
	Digest        string
	Justification string
	Reason        string // why it was planned again
	PlannedAt     time.Time
}
