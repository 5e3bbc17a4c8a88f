package db_test

import (
	"errors"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"doksportal/internal/db"
	"doksportal/internal/db/dbtest"
)

// attempts are what somebody would try who has taken over the process that
// serves, and its connections to the database.
var attempts = []string{
	// The trail.
	`UPDATE events SET summary = 'nothing happened'`,
	`UPDATE events SET at = at WHERE false`,
	`DELETE FROM events`,
	`TRUNCATE events`,
	`TRUNCATE teams CASCADE`,
	`SELECT 1 FROM events FOR UPDATE`,
	`DELETE FROM events_other`,
	`SELECT FROM events_other`,
	`INSERT INTO events_other SELECT * FROM events`,
	`UPDATE event_log SET number = number + 1`,
	`DELETE FROM event_log`,
	`INSERT INTO event_log SELECT 0, id, sha256('') FROM events`,
	`DELETE FROM tree_nodes`,
	`UPDATE checkpoints SET note = ''`,
	`DELETE FROM checkpoints`,
	`TRUNCATE event_log, tree_nodes, checkpoints`,
	`UPDATE event_queue SET queued_at = now()`,
	`INSERT INTO event_queue (event_id) SELECT id FROM events`,
	`DELETE FROM event_queue`,
	`SELECT setval('event_queue_place_seq', 1)`,
	`CREATE OR REPLACE FUNCTION number_events(ids uuid[], hashes bytea[]) RETURNS bigint LANGUAGE sql AS 'SELECT 0'`,
	`ALTER TABLE events DISABLE TRIGGER events_are_queued`,
	`TRUNCATE event_queue`,
	`ALTER TABLE events DETACH PARTITION events_other`,
	`CREATE TABLE events_of_mine PARTITION OF events FOR VALUES FROM ('ffffffff-0000-0000-0000-000000000000') TO (MAXVALUE)`,
	`CREATE OR REPLACE FUNCTION make_event_partitions() RETURNS void LANGUAGE sql AS ''`,
	`SELECT 1; LOCK TABLE events IN ACCESS EXCLUSIVE MODE`,
	`INSERT INTO events SELECT * FROM events ON CONFLICT (id) DO UPDATE SET summary = 'another'`,
	`MERGE INTO events e USING (SELECT 1) s ON true WHEN MATCHED THEN DELETE`,

	// What guards it.
	`SET session_replication_role = replica`,
	`ALTER TABLE events DISABLE TRIGGER ALL`,
	`ALTER TABLE events DISABLE TRIGGER events_append_only`,
	`ALTER TABLE events DISABLE TRIGGER events_are_stamped`,
	`CREATE OR REPLACE FUNCTION stamp_event() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'`,
	`DROP TRIGGER events_append_only ON events`,
	`CREATE TRIGGER t BEFORE INSERT ON events FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()`,
	`CREATE RULE r AS ON INSERT TO events DO INSTEAD NOTHING`,
	`CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`,
	`ALTER FUNCTION refuse_change() RENAME TO refuse_nothing`,
	`DROP FUNCTION refuse_change CASCADE`,
	`ALTER TABLE events ENABLE ROW LEVEL SECURITY`,
	`CREATE POLICY p ON events`,
	`UPDATE pg_trigger SET tgenabled = 'D'`,
	`UPDATE pg_class SET relacl = NULL`,
	`DO $$ BEGIN EXECUTE 'ALTER TABLE events DISABLE TRIGGER ALL'; END $$`,
	`ALTER DATABASE portal SET session_replication_role = replica`,
	`ALTER SYSTEM SET fsync = off`,

	// The schema.
	`DROP TABLE events`,
	`DROP TABLE teams CASCADE`,
	`DROP SCHEMA public CASCADE`,
	`ALTER TABLE events RENAME TO elsewhere`,
	`ALTER TABLE events ADD COLUMN more text`,
	`ALTER TABLE events ADD CONSTRAINT full_disk CHECK (false) NOT VALID`,
	`ALTER TABLE events OWNER TO portal_runtime`,
	`CREATE INDEX i ON events (summary)`,
	`DROP INDEX events_by_kind`,
	`REINDEX TABLE events`,
	`CREATE TABLE events_of_mine (id int)`,
	`CREATE TABLE events_of_mine AS SELECT * FROM events`,
	`CREATE TEMPORARY TABLE events (id int)`,
	`CREATE VIEW v AS SELECT 1`,
	`CREATE SEQUENCE s`,
	`CREATE TYPE t AS (id int)`,
	`CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'`,
	`CREATE SCHEMA mine`,
	`CREATE EXTENSION pgcrypto`,
	`CREATE PUBLICATION p FOR TABLE events`,
	`COMMENT ON TABLE events IS 'mine'`,
	`INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, true)`,
	`DELETE FROM goose_db_version`,
	`DELETE FROM river_migration`,
	`SELECT setval('requests_number_seq', 1)`,

	// Other roles, and the server.
	`SET ROLE portal`,
	`SET SESSION AUTHORIZATION portal`,
	`GRANT portal TO portal_runtime`,
	`GRANT pg_write_all_data TO portal_runtime`,
	`REASSIGN OWNED BY portal TO portal_runtime`,
	`DROP OWNED BY portal`,
	`ALTER DEFAULT PRIVILEGES FOR ROLE portal GRANT ALL ON TABLES TO PUBLIC`,
	`ALTER ROLE portal_runtime SUPERUSER`,
	`ALTER ROLE portal_runtime CREATEROLE`,
	`ALTER ROLE portal PASSWORD 'mine'`,
	`CREATE ROLE mine`,
	`CREATE DATABASE mine`,
	`COMMENT ON ROLE portal IS 'mine'`,
	`COPY events TO PROGRAM 'true'`,
	`COPY events FROM PROGRAM 'true'`,
	`COPY events TO '/dev/null'`,
	`SELECT pg_read_file('PG_VERSION')`,
	`SELECT lo_import('/dev/null')`,
}

// The role that serves can neither change the trail, nor take away what guards
// it, nor become somebody who can.
func TestRuntimeRoleIsRefused(t *testing.T) {
	t.Parallel()
	pool := dbtest.New(t)
	if _, err := pool.Exec(t.Context(), `INSERT INTO events (id, at, kind, outcome, issuer, subject, actor_name, summary)
		VALUES ($1, now(), 'sign_in', 'done', 'i', 'ann', 'Ann', 'it happened')`, uuid.Must(uuid.NewV7())); err != nil {
		t.Fatal(err)
	}
	for _, sql := range attempts {
		_, err := pool.Exec(t.Context(), sql)
		var pgErr *pgconn.PgError
		if !errors.As(err, &pgErr) || pgErr.Code != "42501" { // insufficient_privilege
			t.Errorf("%s: %v", sql, err)
		}
	}
	// These Postgres does not refuse; they do nothing.
	for _, sql := range []string{`GRANT ALL ON events TO portal_runtime, PUBLIC`, `VACUUM events`} {
		if _, err := pool.Exec(t.Context(), sql); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	var events int
	if err := pool.QueryRow(t.Context(), `SELECT count(*) FROM events WHERE summary = 'it happened'`).Scan(&events); err != nil || events != 1 {
		t.Errorf("the trail has %d events: %v", events, err)
	}
	wantPrivileges(t, pool, "portal_runtime")
}

// The role that serves the tests and the demo has no fault, and its owner has.
func TestFaultsOfTheTestsRoles(t *testing.T) {
	t.Parallel()
	runtime, err := db.RoleOf(t.Context(), dbtest.New(t), "")
	must(t, err)
	if runtime.Name != "portal_runtime" || runtime.Owner != "portal" || len(runtime.Faults) > 0 {
		t.Errorf("%+v", runtime)
	}
	owner, err := db.RoleOf(t.Context(), dbtest.Owner(t), "")
	must(t, err)
	if owner.Name != "portal" || owner.Text() != "portal is a superuser" {
		t.Errorf("%+v", owner)
	}
}
