package auth

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// Current returns a person as the provider last described them, and when that
// was. It returns KindNotFound for somebody who never signed in.
func (a *Auth) Current(ctx context.Context, id portal.Identity) (portal.Actor, time.Time, error) {
	actor := portal.Actor{Identity: id}
	var groupsAt time.Time
	err := a.Pool.QueryRow(ctx, `SELECT name, email, groups, groups_at FROM people WHERE issuer = $1 AND subject = $2`,
		id.Issuer, id.Subject).Scan(&actor.Name, &actor.Email, &actor.Groups, &groupsAt)
	actor.Roles = a.roles(actor.Groups)
	return actor, groupsAt, db.Wrap(err)
}

// meet writes down what the provider says of a person now.
func (a *Auth) meet(ctx context.Context, tx pgx.Tx, who profile) error {
	groups := who.Groups
	if groups == nil {
		groups = []string{}
	}
	_, err := tx.Exec(ctx, `INSERT INTO people (issuer, subject, name, email, groups, groups_at)
		VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (issuer, subject) DO UPDATE SET name = $3, email = $4, groups = $5, groups_at = $6`,
		who.Issuer, who.Subject, who.Name, who.Email, groups, a.Now())
	return db.Wrap(err)
}

// lockStale locks a person's row and reports whether the provider should be
// asked about them, which somebody else may have done meanwhile.
func (a *Auth) lockStale(ctx context.Context, tx pgx.Tx, id portal.Identity) (bool, error) {
	var groupsAt time.Time
	err := tx.QueryRow(ctx, `SELECT groups_at FROM people WHERE issuer = $1 AND subject = $2 FOR UPDATE`,
		id.Issuer, id.Subject).Scan(&groupsAt)
	return a.Now().Sub(groupsAt) >= refreshAfter, db.Wrap(err)
}
