// Package portal holds the words of the product as types: actors, teams,
// operations, requests and their state machine, and the kinds of error that
// every other package speaks in. It imports the standard library only.
package portal

import (
	"cmp"
	"regexp"
	"slices"
	"time"
)

// Role is something an Actor may be besides a member of a team.
type Role string

// The roles that hold for the whole portal. Membership and approval rights of
// a single team follow from the team's groups.
const (
	RoleAdmin            Role = "admin"
	RolePlatformApprover Role = "platform approver"
	RoleAuditor          Role = "auditor"
)

// RoleGroups are the groups of the identity provider that give roles; empty where
// nobody has the role.
type RoleGroups map[Role]string

// Of are the roles that the groups give, always in the same order.
func (g RoleGroups) Of(groups []string) []Role {
	var roles []Role
	for _, role := range []Role{RoleAdmin, RolePlatformApprover, RoleAuditor} {
		if group := g[role]; group != "" && slices.Contains(groups, group) {
			roles = append(roles, role)
		}
	}
	return roles
}

// Identity names a person: the issuer that vouched for them and the subject it
// gave them. An e-mail address is never an identity, because it can be
// reassigned.
type Identity struct {
	Issuer  string
	Subject string
}

// IsZero reports whether the identity names nobody.
func (i Identity) IsZero() bool { return i.Issuer == "" || i.Subject == "" }

// Actor is a person (or the portal itself, see System) with what is known of
// them now.
type Actor struct {
	Identity
	Name   string
	Email  string
	Groups []string
	Roles  []Role
	// SignedInAt is when the person last proved to the identity provider who
	// they are, by the provider's own word; zero when that is not known.
	SignedInAt time.Time
	// TimeZone is the name of the zone in which the person reads times; empty: that
	// of their browser.
	TimeZone string
}

// KnownFor is how long what the identity provider said of somebody who has not
// come back is good enough to tell them of what may concern them.
const KnownFor = 30 * 24 * time.Hour

// FreshFor is how long a sign-in counts as fresh unless the portal is configured
// otherwise.
const FreshFor = 5 * time.Minute

// ClockSkew is how far the clocks of others may be ahead of the portal's.
const ClockSkew = time.Minute

// Fresh reports whether the person signed in within that time before now.
func (a Actor) Fresh(now time.Time, within time.Duration) bool {
	age := now.Sub(a.SignedInAt)
	return !a.SignedInAt.IsZero() && age <= within && age >= -ClockSkew
}

// CheckSignIn returns KindStepUp unless the person signed in within that time
// before now; zero stands for FreshFor. Use cases call it last, so that nobody
// signs in again for what is refused anyway.
func (a Actor) CheckSignIn(now time.Time, within time.Duration) error {
	if a.Fresh(now, cmp.Or(within, FreshFor)) {
		return nil
	}
	return E(KindStepUp, "sign in again to confirm that it is you")
}

// SystemIssuer is the issuer of actors that are the portal's own jobs.
const SystemIssuer = "portal"

// System is the actor of work that the portal does by itself, such as the
// inventory job. part names the part of the portal that acts.
func System(part string) Actor {
	return Actor{Identity: Identity{Issuer: SystemIssuer, Subject: part}, Name: "portal " + part}
}

// HasRole reports whether the actor holds the role.
func (a Actor) HasRole(r Role) bool { return slices.Contains(a.Roles, r) }

// RequireAdmin returns KindForbidden unless the actor is an admin.
func (a Actor) RequireAdmin() error {
	if a.IsZero() || !a.HasRole(RoleAdmin) {
		return E(KindForbidden, "only admins of the portal can do this")
	}
	return nil
}

// RequireAuditor returns KindForbidden unless the actor may read all that auditors may.
func (a Actor) RequireAuditor() error {
	if a.IsZero() || !a.HasRole(RoleAuditor) && !a.HasRole(RoleAdmin) {
		return E(KindForbidden, "only auditors and admins of the portal can do this")
	}
	return nil
}

// InGroup reports whether the identity provider lists the actor in the group.
// Nobody is in the empty group.
func (a Actor) InGroup(group string) bool {
	return group != "" && slices.Contains(a.Groups, group)
}

// MemberOf reports whether the actor may ask for operations on behalf of t.
// Approvers of a team are not members by that alone.
func (a Actor) MemberOf(t Team) bool { return a.InGroup(t.MemberGroup) }

// ApproverOf reports whether the actor may review requests of t.
func (a Actor) ApproverOf(t Team) bool {
	return a.InGroup(t.ApproverGroup) || a.HasRole(RolePlatformApprover)
}

// SeesAll reports whether the actor may read the clusters and requests of
// every team.
func (a Actor) SeesAll() bool {
	return a.HasRole(RoleAdmin) || a.HasRole(RoleAuditor) || a.HasRole(RolePlatformApprover)
}

// CanSee reports whether the actor may read what belongs to t.
func (a Actor) CanSee(t Team) bool {
	return a.SeesAll() || a.MemberOf(t) || a.ApproverOf(t)
}

var slugForm = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$`)

// IsSlug reports whether s can be the short name of a team.
func IsSlug(s string) bool { return slugForm.MatchString(s) }
