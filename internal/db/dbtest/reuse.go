package dbtest

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/db/pgembed"
)

// database is one of the test program's.
type database struct {
	name  string
	owner string        // its address as the owner of its tables
	url   string        // and as the role that the portal serves as
	conn  *pgx.Conn     // to clear it, as the owner; nil until then
	pool  *pgxpool.Pool // that tests use; nil until one does
}

var (
	count atomic.Int64
	free  struct {
		sync.Mutex
		list []*database
	}
)

// take returns a migrated database that nobody uses.
func take() (*database, error) {
	free.Lock()
	defer free.Unlock()
	if n := len(free.list); n > 0 {
		d := free.list[n-1]
		free.list = free.list[:n-1]
		return d, nil
	}
	// What db.Runtime has done to the template as a whole no copy has.
	return create(" TEMPLATE portal STRATEGY file_copy", "REVOKE TEMPORARY ON DATABASE %s FROM PUBLIC")
}

// create makes a database, and then runs statements that name it.
func create(options string, then ...string) (*database, error) {
	s, err := server()
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("test_%d", count.Add(1))
	owner := strings.Replace(s.URL(), "/portal?", "/"+name+"?", 1)
	list := []string{"CREATE DATABASE " + name + options}
	for _, sql := range then {
		list = append(list, fmt.Sprintf(sql, name))
	}
	return &database{name: name, owner: owner, url: pgembed.RuntimeURL(owner)}, statements(owner, list...)
}

// giveBack leaves a database to the next test, if it can be made as it was at
// first.
func (d *database) giveBack() error {
	if clean, err := d.clear(context.Background()); err != nil || !clean {
		return d.drop()
	}
	free.Lock()
	defer free.Unlock()
	free.list = append(free.list, d)
	return nil
}

func (d *database) drop() error {
	d.closePool()
	if d.conn != nil {
		_ = d.conn.Close(context.Background())
	}
	return statements(d.owner, "DROP DATABASE IF EXISTS "+d.name+" WITH (FORCE)")
}

// closePool ends the connections that tests use. The next test opens others.
func (d *database) closePool() {
	if d.pool != nil {
		d.pool.Close()
		d.pool = nil
	}
}

// statements runs those that concern a database from outside it.
func statements(url string, list ...string) error {
	ctx := context.Background()
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return err
	}
	cfg.Database = "postgres"
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, sql := range list {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// atFirst is what the template is like.
var atFirst template

type template struct {
	schema string            // tells whether anything was done to it
	clear  string            // removes all rows, and numbers them from the start again
	rows   map[string][]byte // that tables have from the start, as COPY writes them
}

// A change to the schema leaves newer rows in one of these catalogs, or fewer.
// What is set for the database counts too.
const schema = `SELECT concat_ws(' ',
	(SELECT concat(count(*), '/', max(xmin::text::bigint)) FROM pg_class),
	(SELECT concat(count(*), '/', max(xmin::text::bigint)) FROM pg_attribute),
	(SELECT concat(count(*), '/', max(xmin::text::bigint)) FROM pg_constraint),
	(SELECT concat(count(*), '/', max(xmin::text::bigint)) FROM pg_trigger),
	(SELECT concat(count(*), '/', max(xmin::text::bigint)) FROM pg_proc),
	(SELECT datallowconn FROM pg_database WHERE datname = current_database()),
	(SELECT count(*) FROM pg_db_role_setting WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())))`

// look finds out what a database is like before anybody has used it.
func look(ctx context.Context, url string) (template, error) {
	t := template{rows: map[string][]byte{}}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return t, err
	}
	defer func() { _ = conn.Close(ctx) }()
	if err := conn.QueryRow(ctx, schema).Scan(&t.schema); err != nil {
		return t, err
	}
	// As a replica it lets go of rows that others refer to, and of events.
	err = conn.QueryRow(ctx, `SELECT 'SET session_replication_role = replica; '
		|| (SELECT string_agg(format('DELETE FROM %I', relname), '; ') FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p'))
		|| '; RESET session_replication_role; SELECT '
		|| (SELECT string_agg(format('setval(%L, %s, false)', sequencename, start_value), ', ') FROM pg_sequences WHERE schemaname = 'public')`).Scan(&t.clear)
	if err != nil {
		return t, err
	}
	rows, err := conn.Query(ctx, `SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'`)
	if err != nil {
		return t, err
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return t, err
	}
	for _, table := range tables {
		var content bytes.Buffer
		if _, err := conn.PgConn().CopyTo(ctx, &content, "COPY "+table+" TO STDOUT"); err != nil {
			return t, err
		}
		if content.Len() > 0 {
			t.rows[table] = content.Bytes()
		}
	}
	return t, nil
}

// A database of which more is to be cleared is dropped instead: what is deleted
// leaves its place in the files to be looked through.
const mostRows = 5000

// mostConns is how many connections a database keeps, because all together have
// to be fewer than the server takes.
const mostConns = 4

// closeFor is how long what is under way may take to end.
const closeFor = 5 * time.Second

// clear makes a database as it was at first. It reports false when that cannot
// be done: the schema is another, or somebody still does something or has not
// closed a connection, and could write.
func (d *database) clear(ctx context.Context) (bool, error) {
	if d.pool != nil && (d.pool.Stat().TotalConns() > mostConns || d.pool.Ping(ctx) != nil) {
		d.closePool()
	}
	var err error
	if d.conn == nil {
		if d.conn, err = pgx.Connect(ctx, d.owner); err != nil {
			return false, err
		}
	}
	if quiet, err := d.quiet(ctx); err != nil || !quiet {
		return false, err
	}
	var now string
	if err := d.conn.QueryRow(ctx, schema).Scan(&now); err != nil || now != atFirst.schema {
		return false, err
	}
	results, err := d.conn.PgConn().Exec(ctx, atFirst.clear).ReadAll()
	if err != nil {
		return false, err
	}
	removed := int64(0)
	for _, r := range results {
		if r.CommandTag.Delete() {
			removed += r.CommandTag.RowsAffected()
		}
	}
	for table, content := range atFirst.rows {
		if _, err := d.conn.PgConn().CopyFrom(ctx, bytes.NewReader(content), "COPY "+table+" FROM STDIN"); err != nil {
			return false, err
		}
	}
	return removed < mostRows, nil
}

// quiet waits until nobody is connected but the pool and nobody uses that, and
// reports whether that is so.
func (d *database) quiet(ctx context.Context) (bool, error) {
	for begun := time.Now(); ; time.Sleep(time.Millisecond) {
		var others, locks, mine, used int
		if d.pool != nil {
			mine, used = int(d.pool.Stat().TotalConns()), int(d.pool.Stat().AcquiredConns())
		}
		err := d.conn.QueryRow(ctx, `SELECT
				(SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()),
				(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`).
			Scan(&others, &locks)
		quiet := others == mine && used == 0 && locks == 0
		if err != nil || quiet || time.Since(begun) > closeFor {
			return quiet, err
		}
	}
}
