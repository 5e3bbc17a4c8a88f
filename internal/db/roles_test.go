package db_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/db"
	"doksportal/internal/db/dbtest"
	"doksportal/internal/db/pgembed"
	"doksportal/internal/jobs"
)

// managed is a database as a provider gives it: its owner is no superuser. Its
// roles are called after it.
type managed struct {
	t             *testing.T
	superuser     *pgxpool.Pool
	owner, served string // roles
}

// newManaged makes the database and its owner, with attributes like CREATEROLE.
func newManaged(t *testing.T, attributes string) *managed {
	t.Helper()
	superuser, err := db.Open(t.Context(), dbtest.Empty(t))
	must(t, err)
	name := superuser.Config().ConnConfig.Database
	m := &managed{t: t, superuser: superuser, owner: name + "_admin", served: name + ` "serves" it's`}
	t.Cleanup(func() {
		m.drop()
		superuser.Close()
	})
	m.exec(fmt.Sprintf(`CREATE ROLE %s LOGIN %s`, m.owner, attributes))
	m.exec(fmt.Sprintf(`ALTER DATABASE %s OWNER TO %s`, name, m.owner))
	return m
}

// drop removes the roles, which other databases would keep.
func (m *managed) drop() {
	for _, role := range []string{m.served, m.owner} {
		quoted := pgx.Identifier{role}.Sanitize()
		_, _ = m.superuser.Exec(context.Background(), `DROP OWNED BY `+quoted+` CASCADE`) // there may be none
		_, _ = m.superuser.Exec(context.Background(), `ALTER DATABASE `+m.superuser.Config().ConnConfig.Database+` OWNER TO portal`)
		_, _ = m.superuser.Exec(context.Background(), `DROP ROLE `+quoted)
	}
}

func (m *managed) exec(sql string) {
	m.t.Helper()
	_, err := m.superuser.Exec(m.t.Context(), sql)
	must(m.t, err)
}

// as is the database's URL for a role.
func (m *managed) as(role, password string) string {
	m.t.Helper()
	u, err := url.Parse(m.superuser.Config().ConnString())
	must(m.t, err)
	q := u.Query()
	q.Set("user", role)
	if password != "" {
		q.Set("password", password)
	}
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20") // as libpq reads it
	return u.String()
}

func (m *managed) migrate(password string) error {
	return db.Migrate(m.t.Context(), m.as(m.owner, ""), jobs.Migrate, db.Runtime(m.as(m.served, password)))
}

// wantNoFaults checks the role that serves by what Postgres says, and by what db
// says of it.
func (m *managed) wantNoFaults() {
	m.t.Helper()
	wantPrivileges(m.t, m.superuser, m.served)
	role, err := db.RoleOf(m.t.Context(), m.superuser, m.as(m.served, ""))
	must(m.t, err)
	if role.Owner != m.owner || len(role.Faults) > 0 {
		m.t.Errorf("%+v", role)
	}
}

// Where the owner may make roles, as an administrator of a provider's database
// may, it makes the one that serves, whatever that is called.
func TestOwnerWhoIsNoSuperuser(t *testing.T) {
	t.Parallel()
	m := newManaged(t, "CREATEROLE CREATEDB")
	for range 2 {
		must(t, m.migrate("canary"))
		m.wantNoFaults()
	}
	owner, err := db.RoleOf(t.Context(), m.superuser, m.as(m.owner, ""))
	must(t, err)
	for _, what := range []string{"may create roles", "owns ", "may create objects in the schema public", "may UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER on events"} {
		if !strings.Contains(owner.Text(), what) {
			t.Errorf("it is not said that the owner %s: %s", what, owner.Text())
		}
	}
}

// Where it may not, one line says what an administrator does, without the
// password; after that it only gives privileges.
func TestOwnerWhoMayNotMakeRoles(t *testing.T) {
	t.Parallel()
	m := newManaged(t, "")
	err := m.migrate("canary")
	create := `CREATE ROLE ` + pgx.Identifier{m.served}.Sanitize() + ` LOGIN`
	if err == nil || !strings.Contains(err.Error(), create+" PASSWORD") || strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "\n") {
		t.Fatalf("it says %v", err)
	}
	role, err := db.RoleOf(t.Context(), m.superuser, m.as(m.served, ""))
	must(t, err)
	if len(role.Faults) != 1 || role.Faults[0].Remedy != create {
		t.Errorf("before: %+v", role)
	}
	m.exec(create)
	must(t, m.migrate("canary"))
	m.wantNoFaults()
}

// One role alone migrates and is left as it is.
func TestOneRole(t *testing.T) {
	t.Parallel()
	m := newManaged(t, "")
	must(t, db.Migrate(t.Context(), m.as(m.owner, ""), jobs.Migrate, db.Runtime(m.as(m.owner, ""))))
	role, err := db.RoleOf(t.Context(), m.superuser, m.as(m.owner, ""))
	must(t, err)
	if !strings.Contains(role.Text(), "owns ") {
		t.Errorf("%+v", role)
	}
}

// Somebody who is not the owner is told who is, before anything is tried. Once they
// are, who was the owner serves.
func TestAnotherOwner(t *testing.T) {
	t.Parallel()
	m := newManaged(t, "")
	must(t, db.Migrate(t.Context(), m.as(m.owner, ""), jobs.Migrate))
	was := m.owner
	m.owner = was + "_new"
	t.Cleanup(m.drop)
	m.exec(`CREATE ROLE ` + m.owner)
	m.exec(`ALTER ROLE ` + m.owner + ` LOGIN CREATEROLE`)
	if err := m.migrate(""); err == nil || !strings.Contains(err.Error(), "belong to the role "+was) {
		t.Fatalf("it says %v", err)
	}
	m.exec(fmt.Sprintf("REASSIGN OWNED BY %s TO %s", was, m.owner))
	m.served = was
	must(t, m.migrate(""))
	m.wantNoFaults()
	m.exec(`DROP OWNED BY ` + was)
	m.exec(`DROP ROLE ` + was)
	m.served = ""
}

// Each fault is named, and what is said against it removes it.
func TestFaultsAndTheirRemedies(t *testing.T) {
	t.Parallel()
	m := newManaged(t, "CREATEROLE")
	must(t, m.migrate(""))
	database, served := m.superuser.Config().ConnConfig.Database, pgx.Identifier{m.served}.Sanitize()
	for sql, says := range map[string]string{
		`ALTER ROLE ` + served + ` SUPERUSER`:                                                               "is a superuser",
		`ALTER ROLE ` + served + ` CREATEROLE`:                                                              "may create roles",
		`ALTER ROLE ` + served + ` CREATEDB`:                                                                "may create databases",
		`ALTER ROLE ` + served + ` REPLICATION`:                                                             "may replicate",
		`GRANT ` + m.owner + ` TO ` + served:                                                                "is a member of " + m.owner,
		`GRANT pg_execute_server_program TO ` + served:                                                      "is a member of pg_execute_server_program",
		`ALTER TABLE events OWNER TO ` + served:                                                             "owns table events",
		`GRANT CREATE ON SCHEMA public TO PUBLIC`:                                                           "may create objects in the schema public",
		`GRANT CREATE ON DATABASE ` + database + ` TO ` + served:                                            "may create schemas",
		`GRANT TEMPORARY ON DATABASE ` + database + ` TO PUBLIC`:                                            "may create temporary tables",
		`GRANT UPDATE, DELETE ON events TO ` + served:                                                       "may UPDATE, DELETE on events",
		`GRANT UPDATE (summary) ON events TO PUBLIC`:                                                        "may UPDATE on events",
		`GRANT INSERT, UPDATE ON goose_db_version TO ` + served:                                             "may UPDATE on goose_db_version",
		`GRANT SET ON PARAMETER session_replication_role TO ` + served:                                      "may set session_replication_role",
		`CREATE SCHEMA mine; GRANT CREATE ON SCHEMA mine TO ` + served:                                      "may create objects in the schema mine",
		`CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION f() OWNER TO ` + served: "owns function f()",
	} {
		m.exec(sql)
		role, err := db.RoleOf(t.Context(), m.superuser, m.as(m.served, ""))
		must(t, err)
		if !strings.Contains(role.Text(), m.served+" "+says) && !strings.Contains(role.Text(), ", "+says) {
			t.Errorf("after %s: %s", sql, role.Text())
		}
		for _, fault := range role.Faults {
			m.exec(fault.Remedy)
		}
		if role, err = db.RoleOf(t.Context(), m.superuser, m.as(m.served, "")); err != nil || len(role.Faults) > 0 {
			t.Errorf("%s: its remedy leaves %+v: %v", sql, role, err)
		}
	}
}

// The password of the role that serves lets it in, and is in no log of Postgres.
func TestPasswordOfTheRuntimeRole(t *testing.T) {
	t.Parallel()
	const password = `canary' \ "$1 pass`
	dir := t.TempDir()
	// The owner may come in by the socket alone, everybody else by a password.
	hba := filepath.Join(dir, "hba.conf")
	must(t, os.WriteFile(hba, []byte("local all portal trust\nlocal all all scram-sha-256\n"), 0o644))
	server, err := pgembed.Start(t.Context(), pgembed.Config{Dir: dir, Settings: map[string]string{
		"fsync": "off", "hba_file": hba, "log_statement": "all", "logging_collector": "on", "log_directory": "log", "log_filename": "all.log"}})
	must(t, err)
	t.Cleanup(func() { _ = server.Stop() })
	with := func(password string) string { return server.RuntimeURL() + "&password=" + url.PathEscape(password) }
	must(t, db.Migrate(t.Context(), server.URL(), jobs.Migrate, db.Runtime(with(password))))
	for _, try := range []string{password, "another"} {
		conn, err := pgx.Connect(t.Context(), with(try))
		if (err == nil) != (try == password) {
			t.Errorf("with %s: %v", try, err)
		}
		if err == nil {
			_ = conn.Close(t.Context())
		}
	}
	err = db.Migrate(t.Context(), server.URL(), jobs.Migrate, db.Runtime(strings.Replace(with("Grüße"), "portal_runtime", "other", 1)))
	if err == nil || !strings.Contains(err.Error(), "ASCII") || strings.Contains(err.Error(), "Grüße") {
		t.Errorf("with a password that clients do not agree on: %v", err)
	}
	logs, err := filepath.Glob(filepath.Join(dir, "pg*", "log", "all.log"))
	if err != nil || len(logs) != 1 {
		t.Fatalf("%v %v", logs, err)
	}
	log, err := os.ReadFile(logs[0])
	must(t, err)
	if !strings.Contains(string(log), `CREATE ROLE "portal_runtime"`) || strings.Contains(string(log), "canary") {
		t.Error("the log of Postgres does not show how the role is made, or shows its password")
	}
}
