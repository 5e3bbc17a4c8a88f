package portal

import (
	"slices"
	"time"
)

// Delegation has a stand-in decide for an approver until a date.
type Delegation struct {
	ID        string // UUIDv7
	Delegator Person
	StandIn   Person
	Reason    string
	StartsAt  time.Time
	Until     time.Time // exclusive
	EndedAt   time.Time // before that, by EndedBy; zero: it was not
	EndedBy   Person
}

// Active reports whether the stand-in may decide on it at a time.
func (d Delegation) Active(now time.Time) bool {
	return d.EndedAt.IsZero() && !now.Before(d.StartsAt) && now.Before(d.Until)
}

// Length is how long the delegation was made for, whether or not it has ended
// since.
func (d Delegation) Length() time.Duration { return d.Until.Sub(d.StartsAt) }

// Mandate is a delegation with both people as they are known now. What the
// delegator may decide as somebody's stand-in is no part of it.
type Mandate struct {
	Delegation
	DelegatorGroups []string  // of the identity provider
	GroupsAt        time.Time // when it last said so
	StandInGroups   []string
}

// delegator is who lends their groups.
func (m Mandate) delegator() Actor {
	return Actor{Identity: m.Delegator.Identity, Name: m.Delegator.Name, Groups: m.DelegatorGroups}
}

// Word is by whose right somebody decides on a request.
type Word struct {
	Delegation Delegation // that they decide by as a stand-in; zero: by their own right
	Groups     []string   // of those that the verdict names
}

// For is for whom it is given; zero: for themselves.
func (w Word) For() Person { return w.Delegation.Delegator }

// WordOf says by whose right a may decide on r at a time, or why they may not.
// Their own groups go first, whatever comes of them: only who has none that
// counts decides for somebody else. Of the mandates those count of which a is
// the stand-in.
func (r Request) WordOf(a Actor, mandates []Mandate, now time.Time) (Word, error) {
	refusal := r.ReviewRefusal(a)
	if refusal == nil || r.refuseOwn(a) != nil || r.MayApprove(a) {
		return Word{Groups: r.ApproverGroups(a)}, refusal
	}
	for _, m := range mandates {
		if m.StandIn.Identity != a.Identity || !m.Active(now) || !r.MayApprove(m.delegator()) {
			continue
		}
		if refusal = r.standInRefusal(a, m); refusal == nil {
			return Word{Delegation: m.Delegation, Groups: r.ApproverGroups(m.delegator())}, nil
		}
	}
	return Word{}, refusal
}

// standInRefusal says why a may not decide on r for a delegator whose approval
// it asks for, nil when they may. Whatever one of the two has had to do with it
// counts for both: together they are one.
func (r Request) standInRefusal(a Actor, m Mandate) error {
	delegator := m.Delegator.Name
	switch {
	case !r.VisibleTo(a):
		return E(KindForbidden, "a stand-in decides only on what they may see by their own groups")
	case m.Delegator.Identity == r.Requester.Identity:
		return E(KindForbidden, "this is the request of "+delegator+", for whom you stand in; somebody else has to decide")
	case r.refuseGain(a, nil) != nil:
		return r.refuseGain(a, nil)
	case r.refuseGain(m.delegator(), nil) != nil:
		return E(KindForbidden, delegator+", for whom you stand in, would gain from this; somebody else has to decide")
	case m.Length() > r.Plan.Verdict.StandIn:
		return E(KindForbidden, r.tooLong(delegator))
	case r.State != Pending:
		return E(KindConflict, "this request is "+string(r.State)+" and no longer waits for a decision")
	case r.reviewedBy(a.Identity):
		return E(KindConflict, "you have decided on this request already")
	case r.reviewedBy(m.Delegator.Identity):
		return E(KindConflict, delegator+", for whom you stand in, has decided on this request already")
	}
	return nil
}

// tooLong says that the policy lets nobody stand in for somebody for so long.
func (r Request) tooLong(delegator string) string {
	if r.Plan.Verdict.StandIn == 0 {
		return "the policy lets no stand-in decide on this; " + delegator + " or another approver has to"
	}
	return "you stand in for " + delegator + " for longer than the " + DurationText(r.Plan.Verdict.StandIn) + " for which the policy lets a stand-in decide on this"
}

// GainedBy is by what somebody gains something: as a member of a group, or as a
// stand-in for one. The zero GainedBy says that they do not.
type GainedBy struct {
	Group string
	For   Person
}

// IsZero reports whether nothing is gained.
func (g GainedBy) IsZero() bool { return g.Group == "" }

// Text says it to whoever gains, like "as a member of group pay".
func (g GainedBy) Text(labels GroupLabels) string {
	if g.For.IsZero() {
		return "as a member of group " + labels.Of(g.Group)
	}
	return "as a stand-in for " + g.For.Name + ", who is a member of group " + labels.Of(g.Group)
}

// GainsBy says by what a gains what the members of the groups gain: who stands in
// for somebody gains what that person gains.
func (a Actor) GainsBy(groups []string, mandates []Mandate) GainedBy {
	if i := slices.IndexFunc(groups, a.InGroup); i >= 0 {
		return GainedBy{Group: groups[i]}
	}
	for _, m := range mandates {
		if i := slices.IndexFunc(groups, m.delegator().InGroup); i >= 0 && m.StandIn.Identity == a.Identity {
			return GainedBy{Group: groups[i], For: m.Delegator}
		}
	}
	return GainedBy{}
}

// StoodIn is how long after a delegation has ended its stand-in still counts as
// one where they would gain by it: or it could be ended for a moment.
const StoodIn = 24 * time.Hour
