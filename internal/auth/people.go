package auth

import (
	"context"
	"errors"
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
	return person{
		actor:    portal.Actor{Identity: id, Name: p.Name, Email: p.Email, Groups: p.Groups, Roles: a.RoleGroups().Of(p.Groups), TimeZone: p.TimeZone},
		groupsAt: p.GroupsAt, problem: p.GroupsProblem, askable: p.Askable,
	}, err
}

// setPerson writes down what the provider says of a person now.
func (a *Auth) setPerson(ctx context.Context, tx pgx.Tx, who profile) error {
	return store.SetPerson(ctx, tx, store.Person{Identity: who.identity(), Name: who.Name, Email: who.Email,
		Groups: who.Groups, GroupsAt: a.Now(), GroupsProblem: who.Problem})
}

// owner is whom sealed tokens belong to.
func owner(id portal.Identity) string { return id.Issuer + "\x00" + id.Subject }
