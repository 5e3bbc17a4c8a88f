package main

import (
	"strings"
	"testing"

	"doksportal/internal/db/dbtest"
	"doksportal/internal/db/pgembed"
)

const (
	notSafe = "the audit trail is not safe from this process"
	isClean = "serves:   portal_runtime may not change the trail or the schema"
)

// runs runs the portal to its end and returns what it said.
func runs(t *testing.T, env []string, args ...string) string {
	t.Helper()
	p := start(t, env, args...)
	if code := p.ends(); code != 0 {
		t.Fatalf("%q: exit %d: %s", args, code, p.text())
	}
	return p.text()
}

// Who gives one role is told at every step that it could change the trail, and
// is served.
func TestOneRole(t *testing.T) {
	t.Parallel()
	s := newSite(t, dbtest.Empty(t))
	if said := runs(t, s.env, "migrate", "up"); strings.Count(said, "PORTAL_DATABASE_OWNER_URL is not set") != 1 {
		t.Errorf("migrate up: %s", said)
	}
	if said := runs(t, s.env, "migrate", "status"); !strings.Contains(said, "owner:    portal\nserves:   portal is a superuser\n          is a superuser: ALTER ROLE portal NOSUPERUSER\n") {
		t.Errorf("migrate status: %s", said)
	}
	p := s.replica(s.listen)
	if !strings.Contains(p.text(), notSafe+": the database role portal is a superuser") {
		t.Errorf("serve: %s", p.text())
	}
}

// With two roles `portal migrate up` makes the one that serves and says nothing
// against it, neither does the portal, unless it is given the owner's URL too.
func TestTwoRoles(t *testing.T) {
	t.Parallel()
	owner := dbtest.Empty(t)
	s := newSite(t, pgembed.RuntimeURL(owner))
	ownerToo := append([]string{"PORTAL_DATABASE_OWNER_URL=" + owner}, s.env...)
	for range 2 {
		if said := runs(t, ownerToo, "migrate", "up"); !strings.Contains(said, isClean) || strings.Contains(said, "is not set") {
			t.Errorf("migrate up: %s", said)
		}
	}
	for _, env := range [][]string{s.env, ownerToo} {
		if said := runs(t, env, "migrate", "status"); !strings.Contains(said, "owner:    portal\n"+isClean+"\n") {
			t.Errorf("migrate status: %s", said)
		}
	}
	forgotten := start(t, s.env, "migrate", "up")
	if code := forgotten.ends(); code != 1 || !strings.Contains(forgotten.text(), "set PORTAL_DATABASE_OWNER_URL to migrate as portal") {
		t.Errorf("migrate up as the role that serves: exit %d: %s", code, forgotten.text())
	}
	p := s.replica(s.listen)
	s.env = ownerToo
	careless := s.replica(freeAddress(t))
	if strings.Contains(p.text(), notSafe) || strings.Contains(p.text(), "PORTAL_DATABASE_OWNER_URL") {
		t.Errorf("serve: %s", p.text())
	}
	if !strings.Contains(careless.text(), "take it from the environment") {
		t.Errorf("serve with the owner's URL: %s", careless.text())
	}
}
