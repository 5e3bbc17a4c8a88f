package auth

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
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

func (a *Auth) old(groupsAt time.Time) bool { return a.Now().Sub(groupsAt) >= refreshAfter }

func (a *Auth) person(ctx context.Context, id portal.Identity) (person, error) {
	who := person{actor: portal.Actor{Identity: id}}
	err := a.Pool.QueryRow(ctx, `SELECT name, email, groups, groups_at, groups_problem, coalesce(tokens_until > $3, false)
		FROM people WHERE issuer = $1 AND subject = $2`, id.Issuer, id.Subject, a.Now()).
		Scan(&who.actor.Name, &who.actor.Email, &who.actor.Groups, &who.groupsAt, &who.problem, &who.askable)
	who.actor.Roles = a.RoleGroups().Of(who.actor.Groups)
	return who, db.Wrap(err)
}

// upsertPerson writes down what the provider says of a person now.
func (a *Auth) upsertPerson(ctx context.Context, tx pgx.Tx, who profile) error {
	groups := who.Groups
	if groups == nil {
		groups = []string{}
	}
	_, err := tx.Exec(ctx, `INSERT INTO people (issuer, subject, name, email, groups, groups_at, groups_problem)
		VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (issuer, subject) DO UPDATE SET name = $3, email = $4, groups = $5, groups_at = $6, groups_problem = $7`,
		who.Issuer, who.Subject, who.Name, who.Email, groups, a.Now(), who.Problem)
	return db.Wrap(err)
}

// grant is what the portal asks the provider about a person by.
type grant struct {
	id       portal.Identity
	sealed   []byte    // the tokens of the last sign-in or their successors, sealed
	until    time.Time // they may be used
	groupsAt time.Time // when it was last asked
	problem  string    // with the groups then
}

// owner is whom sealed tokens belong to.
func owner(id portal.Identity) string { return id.Issuer + "\x00" + id.Subject }

// lockGrant locks a person's row and returns their grant. Whoever holds the
// lock is the only one who uses the tokens, in all replicas.
func (a *Auth) lockGrant(ctx context.Context, tx pgx.Tx, id portal.Identity) (*grant, error) {
	g := &grant{id: id}
	err := tx.QueryRow(ctx, `SELECT tokens, coalesce(tokens_until, $3), groups_at, groups_problem
		FROM people WHERE issuer = $1 AND subject = $2 FOR UPDATE`, id.Issuer, id.Subject, a.Now()).
		Scan(&g.sealed, &g.until, &g.groupsAt, &g.problem)
	return g, db.Wrap(err)
}

// save keeps the tokens in the place of older ones.
func (g *grant) save(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `UPDATE people SET tokens = $3, tokens_until = $4 WHERE issuer = $1 AND subject = $2`,
		g.id.Issuer, g.id.Subject, g.sealed, g.until)
	return db.Wrap(err)
}
