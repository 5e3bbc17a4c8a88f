package db

// What the runtime role may do with the rows of a table.
const (
	everyRow   = "SELECT, INSERT, UPDATE, DELETE"
	appendOnly = "SELECT, INSERT"
	selectOnly = "SELECT"
	keepAll    = "SELECT, INSERT, UPDATE"
)

// privileges lists the tables whose rows the runtime role may not all change; on
// any other table it has everyRow. A table of the audit trail belongs here, and a
// partition does not: it has no privileges of its own, and is reached through its
// table.
var privileges = map[string]string{
	"events":      appendOnly,
	"event_log":   selectOnly, // number_events puts in
	"tree_nodes":  appendOnly,
	"checkpoints": appendOnly,
	"event_queue": selectOnly, // queue_event puts in, number_events takes out

	"audit_streams":  keepAll,
	"unusual_events": appendOnly,
	"daily_reviews":  appendOnly,
	"unusual_watch":  keepAll,

	"reconciliations": appendOnly,
	"access_reviews":  appendOnly,

	// What was asked for, decided and sent is never removed.
	"campaigns":         keepAll,
	"requests":          keepAll,
	"request_revisions": keepAll,
	"reviews":           keepAll,
	"comments":          keepAll,
	"break_glasses":     keepAll,
	"executions":        keepAll,

	"installation":     selectOnly, // in its first week one admin may adopt clusters
	"goose_db_version": selectOnly,
	"river_migration":  selectOnly,
}

// routines lists the functions that the runtime role calls. What a trigger runs
// needs no privilege.
var routines = map[string]bool{
	"make_event_partitions":      true, // as the owner, so that no right to make tables is needed
	"number_events":              true, // as the owner, so that nothing is numbered in another order, or left out
	"river_job_state_in_bitmask": true, // in an index of the queue
}

// object is something in the database that privileges are given on.
type object struct {
	Kind string // database, schema, table, partition, view, sequence or routine
	Name string
	Spec string // what GRANT calls it, quoted: TABLE public.events
}

// objects reads what the role that asks may give privileges on. What belongs to
// an extension is the extension's.
const objects = `
WITH n AS (SELECT oid, nspname, nspowner FROM pg_namespace WHERE nspname = current_schema())
SELECT 'database' AS kind, datname::text AS name, format('DATABASE %I', datname) AS spec
	FROM pg_database WHERE datname = current_database() AND pg_has_role(datdba, 'USAGE')
UNION ALL
SELECT 'schema', nspname::text, format('SCHEMA %I', nspname) FROM n WHERE pg_has_role(nspowner, 'USAGE')
UNION ALL
SELECT CASE WHEN relkind = 'S' THEN 'sequence' WHEN relispartition THEN 'partition' WHEN relkind IN ('r', 'p') THEN 'table' ELSE 'view' END,
		relname::text, format('%s %I.%I', CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, nspname, relname)
	FROM pg_class c JOIN n ON relnamespace = n.oid
	WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND pg_has_role(relowner, 'USAGE')
		AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')
UNION ALL
SELECT 'routine', proname::text, format('ROUTINE %s', p.oid::regprocedure)
	FROM pg_proc p JOIN n ON pronamespace = n.oid
	WHERE pg_has_role(proowner, 'USAGE')
		AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = p.oid AND deptype = 'e')`

// statements give a role, which is quoted, what it needs of the object, and take
// from it and from PUBLIC what they have.
func (o object) statements(role string) []string {
	list := []string{"REVOKE ALL ON " + o.Spec + " FROM " + role + " CASCADE", "REVOKE " + o.closed() + " ON " + o.Spec + " FROM PUBLIC CASCADE"}
	if give := o.given(); give != "" {
		list = append(list, "GRANT "+give+" ON "+o.Spec+" TO "+role)
	}
	return list
}

// closed is what nobody has unasked. Others may go on to connect, and to look
// names up.
func (o object) closed() string {
	switch o.Kind {
	case "database":
		return "CREATE, TEMPORARY"
	case "schema":
		return "CREATE"
	}
	return "ALL"
}

func (o object) given() string {
	switch o.Kind {
	case "database":
		return "CONNECT"
	case "schema", "sequence":
		return "USAGE"
	case "table":
		if p, ok := privileges[o.Name]; ok {
			return p
		}
		return everyRow
	case "view": // runs with its owner's privileges
		return selectOnly
	case "routine":
		if routines[o.Name] {
			return "EXECUTE"
		}
	}
	return ""
}
