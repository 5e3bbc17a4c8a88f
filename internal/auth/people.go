package auth

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// person is what the provider last said of a person.
type person struct {
	actor    portal.Actor
	groupsAt time.Time
	problem  string // with the groups, in plain words
	forged   bool   // the database has somebody else's word
	askable  bool   // there are tokens to ask about them again
}

// Current returns a person as the provider last described them, and when that
// was. It returns KindNotFound for somebody who never signed in.
func (a *Auth) Current(ctx context.Context, id portal.Identity) (portal.Actor, time.Time, error) {
	who, err := a.person(ctx, id)
	return who.actor, who.groupsAt, err
}

// Confirm is Current after the provider was asked again, if the last answer is
// old. It needs neither a session nor a browser, but the tokens of the person's
// last sign-in. When the provider cannot be asked, or no longer vouches for the
// person, the answer stays as old as it is.
func (a *Auth) Confirm(ctx context.Context, id portal.Identity) (portal.Actor, time.Time, error) {
	who, err := a.person(ctx, id)
	if err == nil && a.old(who.groupsAt) {
		if err := a.refresh(ctx, who); err != nil && !errors.Is(err, errEnded) {
			a.Logger.Warn("groups could not be confirmed", "subject", id.Subject, "error", err)
		}
		who, err = a.person(ctx, id)
	}
	return who.actor, who.groupsAt, err
}

func (a *Auth) old(groupsAt time.Time) bool { return a.Now().Sub(groupsAt) >= AskAgainAfter }

func (a *Auth) person(ctx context.Context, id portal.Identity) (person, error) {
	p, err := store.PersonByIdentity(ctx, a.Pool, id, a.Now())
	if err == nil && !a.Proven(p.Person) {
		a.Logger.Warn("what the database has of a person is not what the provider said; nothing is believed", "subject", id.Subject)
		return person{actor: portal.Actor{Identity: id, Name: p.Name, TimeZone: p.TimeZone}, askable: p.Askable, forged: true}, nil
	}
	return person{
		actor:    portal.Actor{Identity: id, Name: p.Name, Email: p.Email, Groups: p.Groups, Roles: a.RoleGroups().Of(p.Groups), TimeZone: p.TimeZone},
		groupsAt: p.GroupsAt, problem: p.GroupsProblem, askable: p.Askable,
	}, err
}

// setPerson writes down what the provider says of a person now.
func (a *Auth) setPerson(ctx context.Context, tx pgx.Tx, who profile) error {
	return a.Describe(ctx, tx, store.Person{Identity: who.identity(), Name: who.Name, Email: who.Email,
		Groups: who.Groups, GroupsAt: a.Now(), GroupsProblem: who.Problem})
}

// Describe writes down what the identity provider says of a person, sealed, so that
// who can write to the database gives nobody groups.
func (a *Auth) Describe(ctx context.Context, tx pgx.Tx, p store.Person) error {
	var err error
	if p.Proof, err = a.seal.Close(saidOf(p), "said of "+owner(p.Identity)); err != nil {
		return err
	}
	return store.SetPerson(ctx, tx, p)
}

// said is what the provider said of a person.
type said struct {
	Name   string    `json:"name"`
	Email  string    `json:"email"`
	Groups []string  `json:"groups"`
	At     time.Time `json:"at"`
}

func saidOf(p store.Person) said {
	return said{p.Name, p.Email, p.Groups, p.GroupsAt.UTC().Truncate(time.Microsecond)}
}

// Proven reports whether the provider has said what the database has of a person, or
// nothing is left of that.
func (a *Auth) Proven(p store.Person) bool {
	if len(p.Groups) == 0 && p.GroupsAt.Unix() == 0 {
		return true // forgotten
	}
	var proven said
	if a.seal.Open(p.Proof, "said of "+owner(p.Identity), &proven) != nil {
		return false
	}
	now := saidOf(p)
	return proven.Name == now.Name && proven.Email == now.Email && proven.At.Equal(now.At) && slices.Equal(proven.Groups, now.Groups)
}

// owner is whom sealed tokens belong to.
func owner(id portal.Identity) string { return id.Issuer + "\x00" + id.Subject }
