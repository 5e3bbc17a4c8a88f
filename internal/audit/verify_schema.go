package audit

import (
	"context"
	_ "embed"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
)

// schemaText is what the tables of the trail are like once they are migrated, and the
// functions that belong to them: one fact a line, after what it is of. It has to be
// changed with the migrations.
//
//go:embed schema.txt
var schemaText string

// schemaFacts reads what the tables of the trail are like: all that can make them
// show, or take, something else than they have. What is of a partition is said as
// of events_YYYY_MM, its month as the month. Of indexes only those count that
// compute something. Postgres' own triggers, for what refers to a table, are left out.
const schemaFacts = `
WITH own AS (
	SELECT t.oid, c.relname AS root, t.relname::text AS place, CASE WHEN t.relname ~ '^events_[12]\d{3}_(0[1-9]|1[0-2])$' THEN 'events_YYYY_MM' ELSE t.relname::text END AS kind, t.relowner
	FROM pg_class c CROSS JOIN LATERAL (SELECT c.oid AS relid UNION SELECT inhrelid FROM pg_inherits WHERE inhparent = c.oid) i JOIN pg_class t ON t.oid = relid
	WHERE c.relnamespace = 'public'::regnamespace AND c.relname IN ('events', 'event_log', 'tree_nodes', 'checkpoints', 'event_queue', 'anchors', 'audit_streams')),
month AS (
	SELECT oid, make_timestamp(substr(place, 8, 4)::int, substr(place, 13, 2)::int, 1, 0, 0, 0) AS first FROM own WHERE kind = 'events_YYYY_MM'),
bound AS (
	SELECT oid, format('FOR VALUES FROM (%L) TO (%L)', min(id), max(id)) AS of_month FROM month CROSS JOIN LATERAL (VALUES (first), (first + interval '1 month')) v (at)
		CROSS JOIN LATERAL (SELECT rpad(lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0'), 32, '0')::uuid::text AS id) i GROUP BY oid),
fact (place, kind, what) AS (
	SELECT place, kind, concat_ws(' ', 'table', relkind::text, relpersistence::text, (SELECT amname FROM pg_am WHERE pg_am.oid = relam),
			CASE WHEN relnamespace <> 'public'::regnamespace THEN 'in ' || relnamespace::regnamespace::text END,
			CASE WHEN own.relowner <> (SELECT relowner FROM pg_class WHERE pg_class.oid = to_regclass('public.events')) THEN 'of another owner' END)
		FROM own JOIN pg_class USING (oid)
	UNION ALL
	SELECT place, kind, 'Row level security is on: pages may not show all of it.' FROM own JOIN pg_class USING (oid) WHERE relrowsecurity OR relforcerowsecurity
	UNION ALL
	SELECT place, kind, 'policy ' || polname FROM own JOIN pg_policy ON polrelid = own.oid
	UNION ALL
	SELECT place, kind, concat('partition of ', inhparent::regclass, ' ', CASE WHEN pg_get_expr(relpartbound, own.oid) = of_month THEN 'for its month' ELSE coalesce(pg_get_expr(relpartbound, own.oid), 'without bounds') END)
		FROM own JOIN pg_inherits ON inhrelid = own.oid JOIN pg_class c ON c.oid = own.oid LEFT JOIN bound ON bound.oid = own.oid
	UNION ALL
	SELECT place, kind, concat('child ', inhrelid::regclass) FROM own JOIN pg_inherits ON inhparent = own.oid JOIN pg_class c ON c.oid = inhrelid WHERE NOT relispartition OR root <> place
	UNION ALL
	SELECT place, kind, concat_ws(' ', 'column', attname, format_type(atttypid, atttypmod), CASE WHEN attnotnull THEN 'NOT NULL' END, CASE WHEN typnamespace <> 'pg_catalog'::regnamespace OR typtype <> 'b' THEN 'of another type' END,
			nullif(attgenerated::text, ''), nullif(attidentity::text, ''), (SELECT 'COLLATE ' || collname FROM pg_collation WHERE pg_collation.oid = attcollation AND attcollation <> typcollation), 'DEFAULT ' || pg_get_expr(adbin, adrelid))
		FROM own JOIN pg_attribute ON attrelid = own.oid AND attnum > 0 AND NOT attisdropped JOIN pg_type ON pg_type.oid = atttypid LEFT JOIN pg_attrdef ON adrelid = own.oid AND adnum = attnum
	UNION ALL
	SELECT place, kind, concat_ws(' ', 'constraint', pg_get_constraintdef(c.oid), CASE WHEN condeferrable THEN 'deferrable' END) FROM own JOIN pg_constraint c ON conrelid = own.oid WHERE contype NOT IN ('n', 't')
	UNION ALL
	SELECT place, kind, replace(regexp_replace(pg_get_indexdef(i.indexrelid), ' INDEX \S+ ON (ONLY )?', ' INDEX ON '), place, kind) FROM own JOIN pg_index i ON indrelid = own.oid JOIN pg_class c ON c.oid = indexrelid
		WHERE indexprs IS NOT NULL OR indpred IS NOT NULL OR EXISTS (SELECT FROM unnest(indclass) o JOIN pg_opclass p ON p.oid = o WHERE opcnamespace <> 'pg_catalog'::regnamespace)
			OR EXISTS (SELECT FROM pg_am a JOIN pg_proc p ON p.oid = amhandler WHERE a.oid = c.relam AND pronamespace <> 'pg_catalog'::regnamespace)
	UNION ALL
	SELECT place, kind, concat_ws(' ', replace(pg_get_triggerdef(t.oid), place, kind), CASE WHEN pronamespace <> 'public'::regnamespace THEN 'of ' || pronamespace::regnamespace::text END, CASE WHEN tgenabled <> 'O' THEN 'which is off or set otherwise' END)
		FROM own JOIN pg_trigger t ON tgrelid = own.oid JOIN pg_proc p ON p.oid = tgfoid WHERE NOT (tgisinternal AND tgconstraint <> 0 AND pronamespace = 'pg_catalog'::regnamespace)
	UNION ALL
	SELECT place, kind, 'rule ' || rulename FROM own JOIN pg_rewrite ON ev_class = own.oid
	UNION ALL
	SELECT proname || '()', proname || '()', concat_ws(' ', 'function', pg_get_function_identity_arguments(p.oid), pg_get_function_result(p.oid), lanname, CASE WHEN prosecdef THEN 'SECURITY DEFINER' END, proconfig::text,
			CASE WHEN lanowner <> 10 THEN 'of a language of somebody' END, CASE WHEN proowner <> (SELECT relowner FROM pg_class WHERE pg_class.oid = to_regclass('public.events')) THEN 'of another owner' END, 'with the source', encode(sha256(convert_to(prosrc, 'UTF8')), 'hex'))
		FROM pg_proc p JOIN pg_language l ON l.oid = prolang WHERE pronamespace = 'public'::regnamespace AND proname IN ('refuse_change', 'stamp_event', 'queue_event', 'number_events', 'make_event_partitions', 'event_id_at'))
SELECT place, kind, replace(what, E'\n', '\n') AS what FROM fact ORDER BY kind, place, what COLLATE "C"`

// schemaFaults finds what is not of the tables of the trail, and can have something
// else read in their place.
const schemaFaults = `
SELECT c.oid::regclass::text AS place, 'It has the name of a table of the trail, in another schema: pages may read it instead.' AS what FROM pg_class c
	WHERE relname IN ('events', 'event_log', 'tree_nodes', 'checkpoints', 'event_queue', 'anchors', 'audit_streams') AND relnamespace <> 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')
UNION ALL
SELECT 'role ' || coalesce(r.rolname::text, 'of everybody'), 'It has a setting of its own, ' || c || ': pages may read other tables, or write past triggers.' FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = setrole
	CROSS JOIN unnest(setconfig) c WHERE setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database())) AND c ~* '^(search_path|session_replication_role|(session|local)_preload_libraries)='
UNION ALL
SELECT 'public.' || relname, 'It has a name of Postgres'' own catalogue: it may be read instead.' FROM pg_class c
	WHERE relnamespace = 'public'::regnamespace AND EXISTS (SELECT FROM pg_class o WHERE o.relname = c.relname AND o.relnamespace = 'pg_catalog'::regnamespace)
UNION ALL
SELECT 'public.' || proname || '()', 'It has a name of one of Postgres'' own functions: it may be called instead.' FROM pg_proc p
	WHERE pronamespace = 'public'::regnamespace AND EXISTS (SELECT FROM pg_proc o WHERE o.proname = p.proname AND o.pronamespace = 'pg_catalog'::regnamespace)
UNION ALL
SELECT 'public.' || oprname, 'It is an operator that Postgres did not come with: it may be used instead of one of its own.' FROM pg_operator WHERE oprnamespace = 'public'::regnamespace
UNION ALL
SELECT 'event trigger ' || evtname, 'It runs when somebody signs in to the database, and may have them read other tables.' FROM pg_event_trigger WHERE evtevent = 'login' AND evtenabled <> 'D'
ORDER BY 1, 2`

// schemaFact is something that is so of a place. Places of one kind are alike.
type schemaFact struct{ Place, Kind, What string }

// checkSchema looks at the tables themselves: what the portal has not made of them,
// and what it has made and is gone. It finds what does not show in any row, as far as
// the database tells the truth of itself. Nothing else rests on it.
func (v *verifier) checkSchema(ctx context.Context, tx pgx.Tx) error {
	facts, err := db.All(ctx, tx, pgx.RowToStructByName[schemaFact], schemaFacts)
	if err != nil {
		return err
	}
	v.compareSchema(facts)
	type fault struct{ Place, What string }
	list, err := db.All(ctx, tx, pgx.RowToStructByName[fault], schemaFaults)
	for _, f := range list {
		v.fault(-1, f.Place, "%s", f.What)
	}
	return err
}

// compareSchema holds each table against what is expected of its kind.
func (v *verifier) compareSchema(facts []schemaFact) {
	expected := map[string][]string{}
	for line := range strings.Lines(schemaText) {
		kind, what, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		expected[kind] = append(expected[kind], what)
	}
	have, kinds := map[string][]string{}, map[string]string{}
	for _, f := range facts {
		have[f.Place] = append(have[f.Place], f.What)
		kinds[f.Place] = f.Kind
	}
	for _, kind := range slices.Sorted(maps.Keys(expected)) {
		if kind != "events_YYYY_MM" && kinds[kind] == "" {
			v.fault(-1, kind, "It is not there any more.")
		}
	}
	for _, place := range slices.Sorted(maps.Keys(have)) {
		list := have[place]
		for _, what := range list {
			if !slices.Contains(expected[kinds[place]], what) {
				v.fault(-1, place, "It has what the portal has not made: %s", what)
			}
		}
		for _, what := range expected[kinds[place]] {
			if !slices.Contains(list, what) && !strings.Contains(what, " INDEX ON ") {
				v.fault(-1, place, "It lacks what the portal has made: %s", what)
			}
		}
	}
}
