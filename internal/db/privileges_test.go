package db_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/db"
	"doksportal/internal/db/dbtest"
	"doksportal/internal/jobs"
)

// expected says for everything in the schema what the role that serves may do
// with it. Whoever adds a table decides here, and where it is one of the trail
// also in the table of privileges.go.
func expected() map[string]string {
	list := map[string]string{
		"events":           "SELECT, INSERT",
		"event_log":        "SELECT",
		"tree_nodes":       "SELECT, INSERT",
		"checkpoints":      "SELECT, INSERT",
		"audit_streams":    "SELECT, INSERT, UPDATE",
		"campaigns":        "SELECT, INSERT, UPDATE",
		"event_queue":      "SELECT",
		"installation":     "SELECT",
		"goose_db_version": "SELECT",
		"river_migration":  "SELECT",

		"campaigns_number_seq":      "USAGE",
		"event_queue_place_seq":     "USAGE",
		"goose_db_version_id_seq":   "USAGE",
		"requests_number_seq":       "USAGE",
		"river_job_id_seq":          "USAGE",
		"river_notification_id_seq": "USAGE",

		"refuse_change()":                                 "",
		"stamp_event()":                                   "",
		"queue_event()":                                   "",
		"number_events(uuid[],bytea[])":                   "EXECUTE",
		"event_id_at(timestamp without time zone)":        "",
		"make_event_partitions()":                         "EXECUTE",
		"river_job_state_in_bitmask(bit,river_job_state)": "EXECUTE",
	}
	for _, table := range strings.Fields(`teams ownership_rules admin_changes policies people group_labels sessions rate_limits refusals do_budgets
		clusters node_pools inventory_state reservations quota_grants leases delegations
		notifications channels mail_choices deliveries anchors templates visits team_usage default_quota orphans saved_searches access_readings execution_pauses replicas
		river_job river_leader river_queue river_notification`) {
		list[table] = "SELECT, INSERT, UPDATE, DELETE"
	}
	for _, table := range strings.Fields(`unusual_events daily_reviews reconciliations access_reviews`) {
		list[table] = "SELECT, INSERT"
	}
	for _, table := range strings.Fields(`requests request_revisions reviews comments break_glasses executions unusual_watch`) {
		list[table] = "SELECT, INSERT, UPDATE"
	}
	for _, partition := range partitions(time.Now()) {
		list[partition] = ""
	}
	return list
}

// partitions are those of the trail that there are from the start.
func partitions(now time.Time) []string {
	list := []string{"events_other"}
	month := time.Date(now.UTC().Year(), now.UTC().Month(), 1, 0, 0, 0, 0, time.UTC)
	for ahead := range 3 {
		list = append(list, "events_"+month.AddDate(0, ahead, 0).Format("2006_01"))
	}
	return list
}

// effective reads what a role may do with everything in the schema, whether by
// itself, by PUBLIC or by a role that it belongs to, also with single columns.
const effective = `
SELECT c.relname::text, concat_ws(', ', VARIADIC ARRAY(
		SELECT p FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS p
		WHERE has_table_privilege(@role, c.oid, p) OR p IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES') AND has_any_column_privilege(@role, c.oid, p)))
	FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind NOT IN ('i', 'I', 'S', 'c')
UNION ALL
SELECT c.relname::text, concat_ws(', ', VARIADIC ARRAY(SELECT p FROM unnest(ARRAY['USAGE', 'SELECT', 'UPDATE']) AS p WHERE has_sequence_privilege(@role, c.oid, p)))
	FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind = 'S'
UNION ALL
SELECT p.oid::regprocedure::text, CASE WHEN has_function_privilege(@role, p.oid, 'EXECUTE') THEN 'EXECUTE' ELSE '' END
	FROM pg_proc p WHERE pronamespace = 'public'::regnamespace`

// wantPrivileges checks what a role may do, and that it owns nothing.
func wantPrivileges(t *testing.T, pool *pgxpool.Pool, role string) {
	t.Helper()
	got, name, may := map[string]string{}, "", ""
	rows, err := pool.Query(t.Context(), effective, pgx.NamedArgs{"role": role})
	must(t, err)
	_, err = pgx.ForEachRow(rows, []any{&name, &may}, func() error { got[name] = may; return nil })
	must(t, err)
	if diff := cmp.Diff(expected(), got); diff != "" {
		t.Errorf("%s may do (-what it should, +what it can): %s", role, diff)
	}
	var owned, beyond int
	must(t, pool.QueryRow(t.Context(), `SELECT
			(SELECT count(*) FROM pg_shdepend WHERE deptype = 'o' AND refobjid = r.oid),
			(SELECT count(*) FROM pg_namespace n WHERE has_schema_privilege(r.oid, n.oid, 'CREATE'))
				+ has_database_privilege(r.oid, current_database(), 'CREATE')::int + has_database_privilege(r.oid, current_database(), 'TEMPORARY')::int
				+ (r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls)::int
				+ (SELECT count(*) FROM pg_auth_members WHERE member = r.oid)
		FROM pg_roles r WHERE rolname = @role`, pgx.NamedArgs{"role": role}).Scan(&owned, &beyond))
	if owned != 0 || beyond != 0 {
		t.Errorf("%s owns %d objects, and has %d privileges beyond those on tables", role, owned, beyond)
	}
}

// Nothing in the schema is forgotten.
func TestPrivileges(t *testing.T) {
	t.Parallel()
	wantPrivileges(t, dbtest.New(t), "portal_runtime")
}

// What a trigger keeps from being changed the role that serves has no privilege
// to change.
func TestTriggersAreTheSecondLine(t *testing.T) {
	t.Parallel()
	rows, err := dbtest.New(t).Query(t.Context(), `SELECT DISTINCT relname::text FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid
		WHERE tgfoid = 'refuse_change'::regproc AND NOT relispartition`)
	must(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err)
	if !slices.Contains(tables, "events") {
		t.Errorf("a trigger keeps %q", tables)
	}
	for _, table := range tables {
		if may := expected()[table]; may != "SELECT, INSERT" && may != "SELECT" {
			t.Errorf("the role that serves may %s on %s", may, table)
		}
	}
}

// A partition is reached through its table and has no privileges of its own,
// neither has anybody else what a database gives everybody at first.
func TestPrivilegesAreTakenBack(t *testing.T) {
	t.Parallel()
	pool := dbtest.New(t)
	owner := dbtest.Owner(t)
	for _, sql := range []string{
		`GRANT UPDATE (summary), TRUNCATE ON events TO portal_runtime WITH GRANT OPTION`,
		`GRANT DELETE ON events TO PUBLIC`,
		`GRANT ALL ON teams, goose_db_version TO portal_runtime`,
		`GRANT ALL ON SEQUENCE requests_number_seq TO PUBLIC`,
		`GRANT EXECUTE ON FUNCTION refuse_change() TO PUBLIC`,
		`GRANT CREATE ON SCHEMA public TO PUBLIC`,
		fmt.Sprintf(`GRANT ALL ON DATABASE %s TO PUBLIC, portal_runtime`, owner.Config().ConnConfig.Database),
	} {
		_, err := owner.Exec(t.Context(), sql)
		must(t, err)
	}
	for range 2 {
		must(t, db.Migrate(t.Context(), owner.Config().ConnString(), jobs.Migrate, db.Runtime(pool.Config().ConnString())))
		wantPrivileges(t, pool, "portal_runtime")
	}
}

func TestPartitionsHaveNoPrivilegesOfTheirOwn(t *testing.T) {
	t.Parallel()
	pool := dbtest.New(t)
	owner := dbtest.Owner(t)
	_, err := owner.Exec(t.Context(), `CREATE TABLE parts (id int) PARTITION BY RANGE (id);
		CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10); GRANT ALL ON parts_1 TO portal_runtime, PUBLIC`)
	must(t, err)
	must(t, db.Migrate(t.Context(), owner.Config().ConnString(), jobs.Migrate, db.Runtime(pool.Config().ConnString())))
	if _, err := pool.Exec(t.Context(), `INSERT INTO parts VALUES (1)`); err != nil {
		t.Errorf("through the table: %v", err)
	}
	for _, sql := range []string{`INSERT INTO parts_1 VALUES (2)`, `SELECT * FROM parts_1`, `DELETE FROM parts_1`} {
		if _, err := pool.Exec(t.Context(), sql); err == nil || !strings.Contains(err.Error(), "permission denied") {
			t.Errorf("%s: %v", sql, err)
		}
	}
}
