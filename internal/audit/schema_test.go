package audit_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"doksportal/internal/audit"
	"doksportal/internal/db/dbtest"
	"doksportal/internal/portal"
)

// What verifying expects of the tables is what the migrations make of them.
func TestSchemaIsWhatMigrationsMake(t *testing.T) {
	t.Parallel()
	have, expected, err := audit.SchemaFacts(t.Context(), dbtest.New(t))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(strings.TrimSpace(expected), "\n"), have); diff != "" {
		t.Errorf("schema.txt has to be (-had +has):\n%s\n%s", diff, strings.Join(have, "\n"))
	}
}

// What makes the tables of the trail show something else than they have is found,
// though every row is as it was.
func TestTablesThatLieAreFound(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ sql, where, what string }{
		"row level security":     {`ALTER TABLE events ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON events FOR SELECT USING (kind <> 'break_glass')`, "events", "Row level security"},
		"a rule":                 {`CREATE RULE r AS ON INSERT TO event_queue DO ALSO NOTHING`, "event_queue", "rule r"},
		"a trigger":              {`CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; CREATE TRIGGER t BEFORE INSERT ON event_queue FOR EACH ROW EXECUTE FUNCTION f()`, "event_queue", "not made: CREATE TRIGGER t"},
		"a trigger that is off":  {`ALTER TABLE events DISABLE TRIGGER events_are_stamped`, "events", "events_are_stamped"},
		"a trigger that is gone": {`DROP TRIGGER checkpoints_append_only ON checkpoints`, "checkpoints", "lacks what the portal has made: CREATE TRIGGER"},
		"no stamp":               {`DROP TRIGGER events_are_stamped ON events`, "events", "lacks what the portal has made: CREATE TRIGGER events_are_stamped"},
		"another schema":         {`CREATE SCHEMA portal_runtime; CREATE VIEW portal_runtime.events AS SELECT * FROM public.events`, "portal_runtime.events", "another schema"},
		"a search path":          {`DO $$ BEGIN EXECUTE format('ALTER ROLE portal_runtime IN DATABASE %I SET search_path = elsewhere, public', current_database()); END $$`, "role portal_runtime", "search_path"},
		"a setting":              {`DO $$ BEGIN EXECUTE format('ALTER ROLE portal_runtime IN DATABASE %I SET session_replication_role = replica', current_database()); END $$`, "role portal_runtime", "past triggers"},
		"a check":                {`CREATE FUNCTION f(u uuid) RETURNS boolean LANGUAGE sql AS 'SELECT true'; ALTER TABLE event_queue ADD CONSTRAINT looks_fine CHECK (f(event_id)) NOT VALID`, "event_queue", "f(event_id)"},
		"a check of a month":     {`DO $$ BEGIN EXECUTE 'ALTER TABLE events_' || to_char(now(), 'YYYY_MM') || ' ADD CHECK (kind <> ''break_glass'')'; END $$`, "events_2", "break_glass"},
		"a check that is gone":   {`ALTER TABLE event_log DROP CONSTRAINT event_log_number_check`, "event_log", "lacks what the portal has made: constraint"},
		"a default":              {`CREATE FUNCTION f() RETURNS timestamptz LANGUAGE sql AS 'SELECT now()'; ALTER TABLE event_queue ALTER queued_at SET DEFAULT f()`, "event_queue", "DEFAULT f()"},
		"a column":               {`ALTER TABLE checkpoints ADD computed text GENERATED ALWAYS AS (md5(note)) STORED`, "checkpoints", "column computed"},
		"a domain":               {`CREATE DOMAIN d AS bigint; ALTER TABLE anchors ALTER size TYPE d`, "anchors", "another type"},
		"an index":               {`CREATE FUNCTION f(u uuid) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true'; CREATE INDEX i ON event_queue (f(event_id))`, "event_queue", "f(event_id)"},
		"an internal trigger":    {`CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; CREATE TRIGGER evil AFTER INSERT ON event_queue FOR EACH ROW EXECUTE FUNCTION f(); SET allow_system_table_mods = on; UPDATE pg_trigger SET tgisinternal = true WHERE tgname = 'evil'`, "event_queue", "TRIGGER evil"},
		"another stamp":          {`CREATE OR REPLACE FUNCTION stamp_event() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'`, "stamp_event()", "with the source"},
		"a part of the queue":    {`CREATE TABLE part () INHERITS (event_queue)`, "event_queue", "child part"},
		"a part of the events":   {`CREATE TABLE events_2001_01 PARTITION OF events FOR VALUES FROM ('00000000-0000-0000-0000-000000000000') TO ('00000000-0000-0000-0000-000000000009')`, "events_2001_01", "FOR VALUES FROM"},
		"a view of its name":     {`ALTER TABLE event_queue RENAME TO q; CREATE VIEW event_queue AS SELECT * FROM q; GRANT SELECT, INSERT, DELETE ON event_queue TO PUBLIC`, "event_queue", "table v"},
		"a policy":               {`CREATE POLICY p ON checkpoints USING (true)`, "checkpoints", "policy p"},
		"the catalogue's name":   {`CREATE VIEW public.pg_class AS SELECT oid, relname, relnamespace, relkind, relpersistence, relam, relowner, relispartition, relpartbound, false AS relrowsecurity, false AS relforcerowsecurity FROM pg_catalog.pg_class; ALTER TABLE anchors ENABLE ROW LEVEL SECURITY`, "anchors", "Row level security"},
		"and told of":            {`CREATE VIEW public.pg_class AS SELECT * FROM pg_catalog.pg_class`, "public.pg_class", "Postgres' own catalogue"},
		"a function's name":      {`CREATE FUNCTION public.format(text, uuid) RETURNS text LANGUAGE sql AS 'SELECT $1'`, "public.format()", "called instead"},
		"an operator":            {`CREATE FUNCTION f_eq(name, uuid) RETURNS boolean LANGUAGE sql AS 'SELECT true'; CREATE OPERATOR public.= (LEFTARG = name, RIGHTARG = uuid, FUNCTION = f_eq)`, "public.=", "used instead"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupTrail(t)
			b.fill(3)
			_, err := b.owner().Exec(t.Context(), test.sql)
			b.must(err)
			r := b.verify()
			b.wantFault(r, test.where, test.what)
			if found := len(b.search(portal.EventFilter{Limit: 10})); found != 3 && name != "row level security" {
				t.Errorf("%d events", found)
			}
		})
	}
}
