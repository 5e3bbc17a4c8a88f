package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"doksportal/internal/audit"
	"doksportal/internal/audit/audittest"
	"doksportal/internal/db"
	"doksportal/internal/db/dbtest"
	"doksportal/internal/portal"
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

// Whoever verifies a bundle reads whether all of it was signed, and what is wrong when
// it was cut.
func TestAuditBundle(t *testing.T) {
	t.Parallel()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	private, err := audit.NewKey("portal.example/audit")
	must(err)
	key, err := audit.ParseKey(private)
	must(err)
	url, dir, today := dbtest.URL(t), t.TempDir(), time.Now().UTC().Format(time.DateOnly)
	pool, err := db.Open(t.Context(), url)
	must(err)
	defer pool.Close()
	trail, err := audit.New(audit.Config{Pool: pool, Signers: []audit.Signer{key}, Now: time.Now})
	must(err)
	must(recordReplica(t.Context(), trail, portal.EventReplicaStarted, "started"))
	_, err = trail.Checkpoint(t.Context())
	must(err)
	database := "PORTAL_DATABASE_URL=" + url
	for name, test := range map[string]struct {
		env  []string
		says string
	}{
		"with a key":    {[]string{database, "PORTAL_AUDIT_KEY=" + private}, "all that were exported, as the portal has signed"},
		"without a key": {[]string{database}, "nobody has signed how many were exported"},
	} {
		file := filepath.Join(dir, name)
		if p := start(t, test.env, "audit", "export", "--from", today, "--to", today, file); p.ends() != 0 {
			t.Fatal(p.text())
		}
		if p := start(t, nil, "audit", "verify", "--bundle", file, "--key", key.Public); p.ends() != 0 || !strings.Contains(p.text(), test.says) || !strings.Contains(p.text(), "recorded_from=") {
			t.Errorf("%s: %s", name, p.text())
		}
		text, err := os.ReadFile(file)
		must(err)
		must(os.WriteFile(file, text[:bytes.LastIndexByte(text[:len(text)-1], '\n')+1], 0o600))
		if p := start(t, nil, "audit", "verify", "--bundle", file, "--key", key.Public); p.ends() != 1 || !strings.Contains(p.text(), "It was cut off: it has 1 of 1 events, and no end.") {
			t.Errorf("%s, cut: %s", name, p.text())
		}
	}
	if p := start(t, []string{database, "PORTAL_AUDIT_KEY=none"}, "audit", "export", "--from", today, "--to", today, filepath.Join(dir, "bad")); p.ends() == 0 || !strings.Contains(p.text(), "PORTAL_AUDIT_KEY") {
		t.Errorf("a key that is none: %s", p.text())
	}
}
