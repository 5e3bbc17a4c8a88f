package audit

import (
	"context"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
)

// schemaFaults finds what can make the tables of the trail show, or take, something
// else than they have: what the portal has not made of them, and what it has made
// and is gone. It sees more than the rows, which may all be as they were.
const schemaFaults = `
WITH named (name, guarded) AS (VALUES ('events', true), ('event_log', true), ('tree_nodes', true), ('checkpoints', true), ('event_queue', false), ('anchors', false)),
own AS (
	SELECT t.relid AS oid, guarded, c.relname = 'events' AS stamped FROM named JOIN pg_class c ON c.relname = name AND c.relnamespace = 'public'::regnamespace
		CROSS JOIN LATERAL (SELECT c.oid AS relid UNION SELECT relid FROM pg_partition_tree(c.oid)) t),
trigger AS (
	SELECT tgrelid, tgname::text AS name, tgenabled = 'O' AND p.pronamespace = 'public'::regnamespace AND CASE tgname
		WHEN 'events_are_stamped' THEN proname = 'stamp_event' AND tgtype = 7 ELSE proname = 'refuse_change' AND tgtype = 58 AND tgname ~ '_append_only$' END AS proper
	FROM pg_trigger JOIN pg_proc p ON p.oid = tgfoid WHERE NOT tgisinternal)
SELECT name AS place, 'It is no table of the portal any more.' AS what FROM named
	WHERE NOT EXISTS (SELECT FROM pg_class WHERE relname = name AND relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p'))
UNION ALL
SELECT relname::text, 'Row level security is on: pages may not show all of it.' FROM own JOIN pg_class USING (oid) WHERE relrowsecurity
UNION ALL
SELECT ev_class::regclass::text, 'It has the rule ' || rulename || ': what is read or written may be something else.' FROM own JOIN pg_rewrite ON ev_class = own.oid
UNION ALL
SELECT tgrelid::regclass::text, 'It has the trigger ' || name || ', which is not the portal''s, or is off: what is written may be something else.' FROM own JOIN trigger ON tgrelid = own.oid WHERE NOT proper
UNION ALL
SELECT own.oid::regclass::text, 'It lacks the trigger that refuses changes.' FROM own WHERE guarded AND NOT EXISTS (SELECT FROM trigger WHERE tgrelid = own.oid AND name ~ '_append_only$')
UNION ALL
SELECT own.oid::regclass::text, 'It lacks the trigger that says when an event was recorded.' FROM own WHERE stamped AND NOT EXISTS (SELECT FROM trigger WHERE tgrelid = own.oid AND name = 'events_are_stamped')
UNION ALL
SELECT c.oid::regclass::text, 'It has the name of a table of the trail, in another schema: pages may read it instead.' FROM named JOIN pg_class c ON relname = name
	WHERE relnamespace <> 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')
UNION ALL
SELECT 'role ' || coalesce(r.rolname::text, 'of everybody'), 'It has a search_path of its own: pages may read other tables.' FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = setrole
	WHERE setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database())) AND EXISTS (SELECT FROM unnest(setconfig) c WHERE c ILIKE 'search_path=%')
ORDER BY 1, 2`

// checkSchema looks at the tables themselves.
func (v *verifier) checkSchema(ctx context.Context, tx pgx.Tx) error {
	type fault struct{ Place, What string }
	list, err := db.All(ctx, tx, pgx.RowToStructByName[fault], schemaFaults)
	for _, f := range list {
		v.fault(-1, f.Place, "%s", f.What)
	}
	return err
}
