package db_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/db/dbtest"
	"doksportal/internal/portal"
)

// Operators read where an error of the database came up, whatever its kind.
func TestErrorsNameTheirSite(t *testing.T) {
	t.Parallel()
	pool := dbtest.New(t)
	for query, kind := range map[string]portal.Kind{
		"SELECT 1 WHERE false":  portal.KindNotFound,
		"SELECT 'x'::uuid":      portal.KindNotFound,
		"SELECT * FROM nowhere": portal.KindUnknown,
	} {
		var s string
		_, one := db.One(t.Context(), pool, pgx.RowTo[string], query)
		for _, err := range []error{one, db.Wrap(pool.QueryRow(t.Context(), query).Scan(&s))} {
			if err == nil || portal.KindOf(err) != kind {
				t.Errorf("%s: kind %v of %v, want %v", query, portal.KindOf(err), err, kind)
			}
			const here = "TestErrorsNameTheirSite (wrap_test.go:"
			if place := portal.SiteOf(err) + err.Error(); !strings.Contains(place, here) {
				t.Errorf("%s: %q does not name its place", query, place)
			}
		}
	}
}

func TestSiteOfAnError(t *testing.T) {
	t.Parallel()
	if site := portal.SiteOf(portal.E(portal.KindConflict, "taken")); !strings.HasPrefix(site, "db_test.TestSiteOfAnError (wrap_test.go:") {
		t.Error(site)
	}
}
