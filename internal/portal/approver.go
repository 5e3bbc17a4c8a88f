package portal

import (
	"slices"
	"time"
)

// Approver is somebody whom the portal knows to be in a group whose approvals
// count.
type Approver struct {
	Person
	Groups []string  // of those that were asked about
	SeenAt time.Time // when they last used the portal; zero when that is not known

	Mandate *Mandate // by which they stand in for somebody; nil: they decide by their own groups
	Roles   []Role   // of a stand-in
}

// Title names the person, and for whom they stand in.
func (p Approver) Title() string {
	if p.Mandate == nil {
		return p.Name
	}
	return p.Name + ", standing in for " + p.Mandate.Delegator.Name
}

// standIn is a stand-in as an actor.
func (p Approver) standIn() Actor {
	return Actor{Identity: p.Identity, Name: p.Name, Groups: p.Mandate.StandInGroups, Roles: p.Roles}
}

// CanGive are those of the people who can give an approval that a rule asks for:
// never the requester, and nobody who has decided on this revision already. A
// stand-in is among them who may decide for somebody.
func (r Request) CanGive(n ApprovalRule, people []Approver) []Approver {
	var list []Approver
	for _, p := range people {
		if p.Mandate != nil {
			if a := p.standIn(); r.refuseOwn(a) == nil && !r.MayApprove(a) && r.standInRefusal(a, *p.Mandate) == nil &&
				slices.ContainsFunc(n.Groups, p.Mandate.delegator().InGroup) {
				list = append(list, p)
			}
			continue
		}
		a := Actor{Identity: p.Identity, Name: p.Name, Groups: p.Groups}
		if r.refuseOwn(a) == nil && r.refuseGain(a, nil) == nil && !r.reviewedBy(a.Identity) && slices.ContainsFunc(n.Groups, a.InGroup) {
			list = append(list, p)
		}
	}
	return list
}

// ChangesBetween says how the before/after diff of one plan differs from that of
// another: what would have come of each line, and what comes of it now.
func ChangesBetween(before, after []Change) []Change {
	result := func(list []Change, what string) string {
		i := slices.IndexFunc(list, func(c Change) bool { return c.What == what })
		if i < 0 {
			return ""
		}
		return list[i].After
	}
	var list []Change
	for _, c := range before {
		if now := result(after, c.What); now != c.After {
			list = append(list, Change{What: c.What, Before: c.After, After: now})
		}
	}
	for _, c := range after {
		if result(before, c.What) == "" && c.After != "" && !slices.ContainsFunc(list, func(d Change) bool { return d.What == c.What }) {
			list = append(list, Change{What: c.What, After: c.After})
		}
	}
	return list
}
