package portal

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"
)

// AccessReviewEvery is how soon after one review of access, or after the portal was
// installed, the next is due: half a year.
const AccessReviewEvery = 182 * 24 * time.Hour

// MostAccessMarks is of how many people a review can say that they should lose access.
const MostAccessMarks = 50

// AccessKind is a kind of what somebody may do.
type AccessKind string

// The kinds of right.
const (
	AccessRole     AccessKind = "role"     // for the whole portal
	AccessMember   AccessKind = "member"   // of a team
	AccessApprover AccessKind = "approver" // of a team's requests
	AccessPolicy   AccessKind = "policy"   // gives approvals that the policy in force asks a group for
	AccessStandIn  AccessKind = "stand-in" // decides for somebody else
)

// AccessRight is something that somebody may do, and what gives it.
type AccessRight struct {
	Kind  AccessKind `json:"kind"`
	Of    string     `json:"of"`              // the role, the slug of the team, the group, or who has the stand-in
	Name  string     `json:"name"`            // what people call that
	Group string     `json:"group,omitempty"` // of the identity provider, that gives it
	Until string     `json:"until,omitempty"` // when it ends, RFC 3339; empty: never
}

// Text says what the right is, without what gives it.
func (r AccessRight) Text() string {
	switch r.Kind {
	case AccessRole:
		return r.Name
	case AccessMember:
		return "member of team " + r.Name
	case AccessApprover:
		return "approver of team " + r.Name
	case AccessPolicy:
		return "approvals that the policy asks of " + r.Name
	}
	return "stands in for " + r.Name
}

// key tells a right from others, whatever people call it.
func (r AccessRight) key() string {
	return strings.Join([]string{string(r.Kind), r.Of, r.Group, r.Until}, "\x00")
}

// AccessPerson is somebody whom the portal knows, with what they may do.
type AccessPerson struct {
	Issuer        string        `json:"issuer"`
	Subject       string        `json:"subject"`
	Name          string        `json:"name"`
	Email         string        `json:"email"`
	Rights        []AccessRight `json:"rights"`
	Unproven      bool          `json:"unproven,omitempty"`       // the database has other groups than the identity provider gave; they give nothing
	GroupsAt      time.Time     `json:"groups_at"`                // when it said which groups they are in
	GroupsProblem string        `json:"groups_problem,omitempty"` // why it did not
	SeenAt        time.Time     `json:"seen_at"`                  // when they last opened a page; zero: not known
	Sessions      int           `json:"sessions"`                 // that have not ended
	Askable       bool          `json:"askable"`                  // tokens are kept by which the provider is asked about them
	Channels      int           `json:"channels"`                 // of notifications, each with a secret target
}

// Person is who it is.
func (p AccessPerson) Person() Person { return Person{Identity{p.Issuer, p.Subject}, p.Name} }

// Key names the person in forms and addresses.
func (p AccessPerson) Key() string {
	const enough = 8 // bytes, of many thousand people
	sum := sha256.Sum256([]byte(p.Issuer + "\x00" + p.Subject))
	return hex.EncodeToString(sum[:enough])
}

// AccessGroup is a group of the identity provider that gives something.
type AccessGroup struct {
	Group  string        `json:"group"`
	Gives  []AccessRight `json:"gives"`
	People int           `json:"people"` // who are known to be in it
}

// TeamChannels is how many channels of notifications a team has.
type TeamChannels struct {
	Team     string `json:"team"`
	Channels int    `json:"channels"`
}

// AccessSnapshot is who may do what at a moment.
type AccessSnapshot struct {
	At       time.Time      `json:"at"`
	Policy   int            `json:"policy"` // version that is in force
	People   []AccessPerson `json:"people"` // by name
	Groups   []AccessGroup  `json:"groups"` // by name
	Channels []TeamChannels `json:"channels"`
	Secrets  []string       `json:"secrets"` // names of the portal's settings that hold secrets
}

// Digest is the SHA-256 of who may do what, in hexadecimal. When somebody was last seen,
// and what else comes and goes by itself, is no part of it.
func (s AccessSnapshot) Digest() string {
	var lines []string
	for who, rights := range s.holders() {
		lines = append(lines, who)
		for _, r := range rights {
			lines = append(lines, who+"\x00"+r.key())
		}
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:])
}

// holders are the rights of each person and of each group.
func (s AccessSnapshot) holders() map[string][]AccessRight {
	all := make(map[string][]AccessRight, len(s.People)+len(s.Groups))
	for _, p := range s.People {
		all[personHolder(p)] = p.Rights
	}
	for _, g := range s.Groups {
		all[groupHolder(g)] = g.Gives
	}
	return all
}

func personHolder(p AccessPerson) string { return "person\x00" + p.Issuer + "\x00" + p.Subject }
func groupHolder(g AccessGroup) string   { return "group\x00" + g.Group }

// FindPerson returns the person of a key, false when there is none.
func (s AccessSnapshot) FindPerson(key string) (AccessPerson, bool) {
	i := slices.IndexFunc(s.People, func(p AccessPerson) bool { return p.Key() == key })
	if i < 0 {
		return AccessPerson{}, false
	}
	return s.People[i], true
}

// AccessChange is what changed of what a person may do, or of what a group gives.
type AccessChange struct {
	Person Person // zero for a group
	Group  string // empty for a person
	Added  bool   // they were not known, or it gave nothing
	Gone   bool   // they are not known any more, or it gives nothing
	Gained []AccessRight
	Lost   []AccessRight
}

// AccessChanges are what changed from one snapshot to another: of people first, each by
// name. There are none exactly where the digests are the same.
func AccessChanges(before, after AccessSnapshot) []AccessChange {
	was, is := before.holders(), after.holders()
	var list []AccessChange
	change := func(holder string, c AccessChange) {
		old, known := was[holder]
		now, knows := is[holder]
		c.Added, c.Gone = !known, !knows
		c.Gained, c.Lost = missing(old, now), missing(now, old)
		if c.Added || c.Gone || len(c.Gained)+len(c.Lost) > 0 {
			list = append(list, c)
		}
	}
	for _, p := range after.People {
		change(personHolder(p), AccessChange{Person: p.Person()})
	}
	for _, p := range before.People {
		if _, knows := is[personHolder(p)]; !knows {
			change(personHolder(p), AccessChange{Person: p.Person()})
		}
	}
	for _, g := range after.Groups {
		change(groupHolder(g), AccessChange{Group: g.Group})
	}
	for _, g := range before.Groups {
		if _, knows := is[groupHolder(g)]; !knows {
			change(groupHolder(g), AccessChange{Group: g.Group})
		}
	}
	slices.SortStableFunc(list, func(a, b AccessChange) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Person.Name, b.Person.Name))
	})
	return list
}

// missing are the rights of now that there were not before.
func missing(before, now []AccessRight) []AccessRight {
	var list []AccessRight
	for _, r := range now {
		if !slices.ContainsFunc(before, func(o AccessRight) bool { return o.key() == r.key() }) {
			list = append(list, r)
		}
	}
	return list
}

// AccessMark is that somebody should lose access, by a review.
type AccessMark struct {
	Issuer  string `json:"issuer"`
	Subject string `json:"subject"`
	Name    string `json:"name"`
	Reason  string `json:"reason"`
}

// AccessReview is that an auditor has looked at who may do what. Nothing of it is ever
// changed.
type AccessReview struct {
	ID      string // UUIDv7
	Number  int    // from 1 on
	By      Person
	Admin   bool // who signed it was an admin, too
	At      time.Time
	Note    string
	Marks   []AccessMark
	Digest  string // SHA-256 of the snapshot as it is kept, in hexadecimal
	People  int    // whom the snapshot has
	Changes int    // since the review before
}

// AccessDue is when the next review of access is due.
func AccessDue(installed time.Time, last *AccessReview) time.Time {
	if last != nil {
		return last.At.Add(AccessReviewEvery)
	}
	return installed.Add(AccessReviewEvery)
}
