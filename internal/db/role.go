package db

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Role is what Postgres says about a role of the server.
type Role struct {
	Name   string
	Owner  string // of the portal's tables; empty when there are none
	Faults []Fault
}

// Fault is something that the role that serves should not be or have, because by
// it the trail could be changed or the schema could.
type Fault struct {
	What   string // after the role's name: is a superuser
	Remedy string // SQL that an administrator, or the owner, runs
}

// Text says all faults of a role, or that it has none.
func (r Role) Text() string {
	if len(r.Faults) == 0 {
		return r.Name + " may not change the trail or the schema"
	}
	var list []string
	for _, f := range r.Faults {
		list = append(list, f.What)
	}
	return r.Name + " " + strings.Join(list, ", ")
}

// RoleOf looks at a role in the pool's database: the one that url names, or the
// pool's own when url is empty.
func RoleOf(ctx context.Context, pool *pgxpool.Pool, url string) (Role, error) {
	var r Role
	if url != "" {
		cfg, err := pgx.ParseConfig(url)
		if err != nil {
			return r, errors.New("the database's URL cannot be read") // err would show the password
		}
		r.Name = cfg.User
	}
	var exists bool
	// What a session has become by SET ROLE it can leave again.
	err := pool.QueryRow(ctx, `
		SELECT name, EXISTS (SELECT FROM pg_roles WHERE rolname = name), coalesce((SELECT pg_get_userbyid(relowner)::text FROM pg_class
			WHERE relname = 'goose_db_version' AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())), '')
		FROM coalesce(nullif(@name::text, ''), session_user::text) AS name`, pgx.StrictNamedArgs{"name": r.Name}).Scan(&r.Name, &exists, &r.Owner)
	if err != nil {
		return r, fmt.Errorf("look at the role: %w", err)
	}
	if !exists {
		r.Faults = []Fault{{What: "does not exist", Remedy: createRole(r.Name)}}
		return r, nil
	}
	var tables, allowed []string
	for table, of := range privileges {
		tables, allowed = append(tables, table), append(allowed, of)
	}
	rows, err := pool.Query(ctx, faults, pgx.StrictNamedArgs{"role": r.Name, "owner": r.Owner, "tables": tables, "allowed": allowed})
	if err != nil {
		return r, fmt.Errorf("look at the role: %w", err)
	}
	if r.Faults, err = pgx.CollectRows(rows, pgx.RowToStructByName[Fault]); err != nil {
		return r, fmt.Errorf("look at the role: %w", err)
	}
	if i := slices.IndexFunc(r.Faults, func(f Fault) bool { return f.What == superuser }); i >= 0 {
		r.Faults = r.Faults[i : i+1] // has all the others
	}
	return r, nil
}

const superuser = "is a superuser"

// faults reads what a role has that lets it change the trail or the schema. Of
// other roles that it may become, those matter that have it.
const faults = `
WITH r AS (SELECT * FROM pg_roles WHERE rolname = @role),
d AS (SELECT oid, datname FROM pg_database WHERE datname = current_database()),
owned AS (SELECT refobjid AS owner, pg_describe_object(classid, objid, objsubid) AS what FROM pg_shdepend, d
	WHERE deptype = 'o' AND refclassid = 'pg_authid'::regclass AND (dbid = d.oid OR classid = 'pg_database'::regclass AND objid = d.oid))
SELECT what, format('ALTER ROLE %I NO%s', rolname, attribute) AS remedy
	FROM r, LATERAL (VALUES (rolsuper, 'SUPERUSER', '` + superuser + `'), (rolcreaterole, 'CREATEROLE', 'may create roles'),
		(rolcreatedb, 'CREATEDB', 'may create databases'), (rolreplication, 'REPLICATION', 'may replicate')) AS a (has, attribute, what)
	WHERE has
UNION ALL
SELECT format('owns %s', CASE count(*) WHEN 1 THEN min(owned.what) ELSE count(*) || ' objects, like ' || min(owned.what) END),
		CASE WHEN @owner::text IN ('', rolname::text) THEN 'serve as another role' ELSE format('REASSIGN OWNED BY %I TO %I', rolname, @owner::text) END
	FROM r JOIN owned ON owned.owner = r.oid GROUP BY rolname
UNION ALL
SELECT format('is a member of %s', o.rolname), format('REVOKE %I FROM %I', o.rolname, r.rolname)
	FROM r, pg_roles o
	WHERE o.oid <> r.oid AND pg_has_role(r.oid, o.oid, 'MEMBER') AND (o.rolsuper OR o.rolcreaterole OR o.oid IN (SELECT owner FROM owned)
		OR o.rolname IN ('pg_write_all_data', 'pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program', 'pg_maintain', 'pg_create_subscription'))
UNION ALL
SELECT format('may create objects in the schema %s', nspname), format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC, %I', nspname, rolname)
	FROM r, pg_namespace n WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND has_schema_privilege(r.oid, n.oid, 'CREATE')
UNION ALL
SELECT CASE p WHEN 'CREATE' THEN 'may create schemas' ELSE 'may create temporary tables' END, format('REVOKE %s ON DATABASE %I FROM PUBLIC, %I', p, datname, rolname)
	FROM r, d, unnest(ARRAY['CREATE', 'TEMPORARY']) AS p WHERE has_database_privilege(r.oid, d.oid, p)
UNION ALL
SELECT format('may %s on %s', string_agg(p, ', '), t.relid::regclass), format('REVOKE %s ON %s FROM PUBLIC, %I', string_agg(p, ', '), t.relid::regclass, rolname)
	FROM r, unnest(@tables::text[], @allowed::text[]) AS a (name, allowed)
		JOIN pg_class c ON relname = a.name AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
		CROSS JOIN LATERAL (SELECT c.oid AS relid UNION SELECT relid FROM pg_partition_tree(c.oid)) AS t
		CROSS JOIN unnest(ARRAY['UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS p
	WHERE p <> ALL (string_to_array(allowed, ', '))
		AND (has_table_privilege(r.oid, t.relid, p) OR p IN ('UPDATE', 'REFERENCES') AND has_any_column_privilege(r.oid, t.relid, p))
	GROUP BY rolname, t.relid
UNION ALL
SELECT 'may set session_replication_role', format('REVOKE SET ON PARAMETER session_replication_role FROM PUBLIC, %I', rolname)
	FROM r WHERE has_parameter_privilege(r.oid, 'session_replication_role', 'SET')`
