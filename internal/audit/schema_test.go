package audit_test

import (
	"testing"

	"doksportal/internal/portal"
)

// What makes the tables of the trail show something else than they have is found,
// though every row is as it was.
func TestTablesThatLieAreFound(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ sql, where, what string }{
		"row level security":     {`ALTER TABLE events ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON events FOR SELECT USING (kind <> 'break_glass')`, "events", "Row level security"},
		"a rule":                 {`CREATE RULE r AS ON INSERT TO event_queue DO ALSO NOTHING`, "event_queue", "rule r"},
		"a trigger":              {`CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; CREATE TRIGGER t BEFORE INSERT ON event_queue FOR EACH ROW EXECUTE FUNCTION f()`, "event_queue", "trigger t"},
		"a trigger that is off":  {`ALTER TABLE events DISABLE TRIGGER events_are_stamped`, "events", "events_are_stamped"},
		"a trigger that is gone": {`DROP TRIGGER checkpoints_append_only ON checkpoints`, "checkpoints", "lacks the trigger"},
		"no stamp":               {`DROP TRIGGER events_are_stamped ON events`, "events", "lacks the trigger that says when"},
		"another schema":         {`CREATE SCHEMA portal_runtime; CREATE VIEW portal_runtime.events AS SELECT * FROM public.events`, "portal_runtime.events", "another schema"},
		"a search path":          {`DO $$ BEGIN EXECUTE format('ALTER ROLE portal_runtime IN DATABASE %I SET search_path = elsewhere, public', current_database()); END $$`, "role portal_runtime", "search_path"},
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
