// Package db connects to Postgres, brings its schema up to date, runs
// transactions and turns Postgres' errors into kinds that people can act on.
// It knows none of the tables: the SQL is in store and, for tables of their own, in
// audit, auth, notify and doapi/budget.
package db

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/portal"
)

// maxConns is the size of a process' pool, unless the URL says otherwise.
const maxConns = 20

// AcquireFor is how long anybody waits for a free connection.
const AcquireFor = 5 * time.Second

// sessionSettings bound what a connection may wait for. They are set once
// connected, because PgBouncer refuses them as startup parameters.
const sessionSettings = `SET statement_timeout = '30s'; SET lock_timeout = '5s'; SET idle_in_transaction_session_timeout = '60s'`

// Open returns a pool of connections. It does not connect yet. Whatever is
// asked of the pool waits for a connection for AcquireFor, and for a lock not
// much longer; then it fails with an error that Wrap makes KindUnavailable.
func Open(ctx context.Context, url string, options ...func(*pgxpool.Config)) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("the database's URL cannot be read") // err would show the password
	}
	if !strings.Contains(url, "pool_max_conns") {
		cfg.MaxConns = maxConns
	}
	cfg.ConnConfig.ConnectTimeout = 5 * time.Second
	params := cfg.ConnConfig.RuntimeParams
	params["timezone"] = "UTC"
	params["application_name"] = "doks-portal"
	cfg.ConnConfig.Tracer = acquireBound{AcquireFor}
	onError := cfg.ConnConfig.OnPgError
	cfg.ConnConfig.OnPgError = func(conn *pgconn.PgConn, err *pgconn.PgError) bool {
		return err.Code != readOnly && onError(conn, err) // the primary is another server now
	}
	cfg.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.PgConn().Exec(ctx, sessionSettings).ReadAll()
		return err
	}
	for _, set := range options {
		set(cfg)
	}
	return pgxpool.NewWithConfig(ctx, cfg)
}

// CheckSession makes sure that a connection keeps what is set on it, as LISTEN,
// advisory locks and the settings above need. Behind a pooler that hands out
// connections by transaction it does not; the error says what to do.
func CheckSession(ctx context.Context, pool *pgxpool.Pool) error {
	one, err := pool.Acquire(ctx)
	if err != nil {
		return Wrap(err)
	}
	defer one.Release()
	other, err := pool.Acquire(ctx)
	if err != nil {
		return Wrap(err)
	}
	defer other.Release()
	const setting = "doks_portal.connection"
	for _, conn := range []struct {
		*pgxpool.Conn
		name string
	}{{one, "one"}, {other, "other"}} {
		if _, err := conn.Conn.Conn().PgConn().Exec(ctx, "SET "+setting+" = '"+conn.name+"'").ReadAll(); err != nil {
			return Wrap(err)
		}
	}
	results, err := one.Conn().PgConn().Exec(ctx, "SELECT current_setting('"+setting+"', true)").ReadAll()
	if err != nil {
		return Wrap(err)
	}
	if len(results) != 1 || len(results[0].Rows) != 1 || string(results[0].Rows[0][0]) != "one" {
		return portal.E(portal.KindUnavailable, "the database's URL leads to a pooler in transaction mode, which the portal cannot work behind: give it a pool in session mode, or the address of Postgres itself")
	}
	return nil
}

// AcquireWithin is an option of Open: how long anybody waits for a free
// connection, instead of AcquireFor.
func AcquireWithin(d time.Duration) func(*pgxpool.Config) {
	return func(cfg *pgxpool.Config) { cfg.ConnConfig.Tracer = acquireBound{d} }
}

// patient is an option of Open for migrations, which may take their time.
func patient(cfg *pgxpool.Config) { cfg.AfterConnect = nil }

// WithTx runs fn in a transaction at READ COMMITTED and commits, or rolls back
// when fn fails or panics.
func WithTx(ctx context.Context, pool *pgxpool.Pool, fn func(pgx.Tx) error) error {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return portal.E(portal.KindUnavailable, unavailable, err)
	}
	defer conn.Release()
	return Wrap(pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, fn))
}

// readOnly is read_only_sql_transaction.
const readOnly = "25006"

const unavailable = "the portal's database is not responding; try again in a moment"

// Wrap gives an error of Postgres the kind that people can act on, and says
// where it came up. Errors that have a kind stay as they are; those that people
// can do nothing about only get their place.
func Wrap(err error) error { return wrap(err) }

// wrap is Wrap for functions of this package: where it came up is whoever calls
// them.
func wrap(err error) error {
	if err == nil || portal.KindOf(err) != portal.KindUnknown {
		return err
	}
	site := portal.Site(2)
	if kind, message := kindOf(err); kind != portal.KindUnknown {
		return &portal.Error{Kind: kind, Message: message, Err: err, Site: site}
	}
	return fmt.Errorf("%s: %w", site, err)
}

// kindOf goes by SQLSTATE where Postgres has answered. See "PostgreSQL Error
// Codes" in its manual.
func kindOf(err error) (portal.Kind, string) {
	var pgErr *pgconn.PgError
	var netErr net.Error
	var connectErr *pgconn.ConnectError
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return portal.KindNotFound, "there is no such thing"
	case errors.As(err, &pgErr):
	case errors.As(err, &connectErr), errors.As(err, &netErr), pgconn.SafeToRetry(err):
		return portal.KindUnavailable, unavailable
	default:
		return portal.KindUnknown, ""
	}
	switch pgErr.Code {
	case "23505": // unique_violation
		return portal.KindConflict, "this already exists"
	case "40001", "40P01": // serialization_failure, deadlock_detected
		return portal.KindConflict, "somebody else changed this at the same time; try again"
	case "22P02": // invalid_text_representation: an identifier of the wrong form names nothing
		return portal.KindNotFound, "there is no such thing"
	case readOnly, "53300", "55P03", "57P01", "57P02", "57P03", "57014": // read only after a failover, too many connections, locked for too long, shutting down, starting up, cancelled
		return portal.KindUnavailable, unavailable
	}
	if strings.HasPrefix(pgErr.Code, "08") { // connection_exception
		return portal.KindUnavailable, unavailable
	}
	return portal.KindUnknown, ""
}

// IsUnique reports whether err says that a unique constraint or index was
// violated.
func IsUnique(err error, constraint string) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == "23505" && pgErr.ConstraintName == constraint
}

// Ping reports whether the database answers, in plain words if not.
func Ping(ctx context.Context, pool *pgxpool.Pool) error {
	if err := pool.Ping(ctx); err != nil {
		return fmt.Errorf("the database is not responding: %w", err)
	}
	return nil
}
