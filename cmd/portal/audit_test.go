package main

import (
	"strings"
	"testing"

	"doksportal/internal/audit/audittest"
	"doksportal/internal/db/dbtest"
)

// Scripts can go by the exit status of verifying, and people by what it says that it
// could not look at.
func TestAuditVerifyCannotLook(t *testing.T) {
	t.Parallel()
	database := "PORTAL_DATABASE_URL=" + dbtest.URL(t)
	key := audittest.NewKey(t).Public
	for _, test := range []struct {
		arguments []string
		says      string
	}{
		{[]string{"--bogus"}, "unknown flag"},
		{[]string{"--key", key, "--anchor", "/nowhere/at.all"}, "/nowhere/at.all: no such file"},
		{[]string{"--key", key, "--archive", "/nowhere/at.all"}, "/nowhere/at.all: no such file"},
		{[]string{"--key", "none"}, "the key \"none\""},
	} {
		p := start(t, []string{database}, append([]string{"audit", "verify"}, test.arguments...)...)
		if status := p.ends(); status != 2 || !strings.Contains(p.text(), test.says) || strings.Contains(p.text(), "not responding") {
			t.Errorf("%v: status %d, %s", test.arguments, status, p.text())
		}
	}
	if status := start(t, []string{database}, "audit", "verify", "--key", key).ends(); status != 0 {
		t.Errorf("a trail of which nothing is wrong: status %d", status)
	}
}
