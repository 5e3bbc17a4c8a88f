package db

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Runtime is the last step for Migrate to take: it gives the role that url names
// what serving needs and takes back whatever else the role, or PUBLIC, has. It
// makes the role when there is none. Where url names the role that migrates there
// is one role alone, and nothing to give.
func Runtime(url string) func(context.Context, *pgxpool.Pool) error {
	return func(ctx context.Context, pool *pgxpool.Pool) error {
		cfg, err := pgx.ParseConfig(url)
		if err != nil {
			return errors.New("the database's URL cannot be read") // err would show the password
		}
		var owner string
		if err := pool.QueryRow(ctx, `SELECT session_user`).Scan(&owner); err != nil || owner == cfg.User {
			return err
		}
		if err := ensureRole(ctx, pool, owner, cfg.User, cfg.Password); err != nil {
			return err
		}
		return grant(ctx, pool, cfg.User)
	}
}

// ensureRole makes a role that can sign in. One that is there stays as it is,
// with its password.
func ensureRole(ctx context.Context, pool *pgxpool.Pool, owner, role, password string) error {
	var exists bool
	err := pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = @role)`, pgx.StrictNamedArgs{"role": role}).Scan(&exists)
	if err != nil || exists {
		return err
	}
	statement := createRole(role)
	if password != "" {
		verifier, err := scramVerifier(password)
		if err != nil {
			return fmt.Errorf("make the role %s: %w", role, err)
		}
		statement += " PASSWORD '" + verifier + "'"
	}
	_, err = pool.Exec(ctx, statement)
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		return err
	}
	switch pgErr.Code {
	case "42710", "23505": // duplicate_object, unique_violation: whoever migrates another database has made it
		return nil
	case "42501": // insufficient_privilege
		return fmt.Errorf("the schema is up to date, but there is no role %s to serve as, and %s may not make one: have an administrator run `%s PASSWORD '…'` with the password in PORTAL_DATABASE_URL, then run `portal migrate up` again",
			role, owner, createRole(role))
	}
	return fmt.Errorf("make the role %s: %w", role, err)
}

func createRole(role string) string {
	return "CREATE ROLE " + pgx.Identifier{role}.Sanitize() + " LOGIN"
}

// grant does everything in one transaction, so that replicas that serve meanwhile
// miss nothing.
func grant(ctx context.Context, pool *pgxpool.Pool, role string) error {
	rows, err := pool.Query(ctx, objects)
	if err != nil {
		return fmt.Errorf("read what there is to give privileges on: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[object])
	if err != nil {
		return fmt.Errorf("read what there is to give privileges on: %w", err)
	}
	quoted := pgx.Identifier{role}.Sanitize()
	return WithTx(ctx, pool, func(tx pgx.Tx) error {
		for _, o := range list {
			if _, err := tx.Exec(ctx, strings.Join(o.statements(quoted), "; ")); err != nil {
				return fmt.Errorf("set the privileges of %s on %s: %w", role, o.Spec, err)
			}
		}
		return nil
	})
}

// checkOwner fails when somebody else owns what is to be migrated, and says who.
func checkOwner(ctx context.Context, pool *pgxpool.Pool) error {
	var me, owner string
	err := pool.QueryRow(ctx, `SELECT session_user, pg_get_userbyid(relowner)::text FROM pg_class
		WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
			AND relname = 'goose_db_version' AND NOT pg_has_role(relowner, 'USAGE')`).Scan(&me, &owner)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read who owns the tables: %w", err)
	}
	return fmt.Errorf("the portal's tables belong to the role %s, and %s may not change them: set PORTAL_DATABASE_OWNER_URL to migrate as %s; docs/operating.md says how they get another owner", owner, me, owner)
}
