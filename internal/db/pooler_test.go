package db_test

import (
	"strings"
	"testing"

	"doksportal/internal/db"
	"doksportal/internal/db/dbtest"
	"doksportal/internal/jobs"
	"doksportal/internal/portal"
)

// Behind PgBouncer in session mode everything works, from the first migration on.
func TestPgBouncerBySession(t *testing.T) {
	t.Parallel()
	address := dbtest.PgBouncer(t, dbtest.Empty(t), "session")
	for range 2 {
		if err := db.Migrate(t.Context(), address, jobs.Migrate); err != nil {
			t.Fatal(err)
		}
	}
	pool, err := db.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	var teams int
	if err := pool.QueryRow(t.Context(), "SELECT count(*) FROM teams").Scan(&teams); err != nil {
		t.Error(err)
	}
	var zone, lock string
	if err := pool.QueryRow(t.Context(), "SELECT current_setting('timezone'), current_setting('lock_timeout')").Scan(&zone, &lock); err != nil || zone != "UTC" || lock != "5s" {
		t.Errorf("zone %q, lock_timeout %q: %v", zone, lock, err)
	}
}

// In a mode that does not keep what is set on a connection nothing begins, and
// one line says what is needed.
func TestPgBouncerByTransaction(t *testing.T) {
	t.Parallel()
	address := dbtest.PgBouncer(t, dbtest.Empty(t), "transaction")
	for range 5 {
		err := db.Migrate(t.Context(), address, jobs.Migrate)
		if !portal.Is(err, portal.KindUnavailable) || !strings.Contains(err.Error(), "session mode") {
			t.Errorf("%v", err)
		}
	}
}
