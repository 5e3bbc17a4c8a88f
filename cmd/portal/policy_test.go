package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"doksportal/internal/policy"
)

// check runs "portal policy check" in a directory with these files.
func check(t *testing.T, files map[string]string, file, against string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := policyCheckCmd{File: filepath.Join(dir, file)}
	if against != "" {
		c.Against = filepath.Join(dir, against)
	}
	var output bytes.Buffer
	err := c.Run(&kong.Context{Kong: &kong.Kong{Stdout: &output}})
	return strings.ReplaceAll(output.String(), dir+string(filepath.Separator), ""), err
}

func TestPolicyCheck(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"builtin": policy.BuiltInText,
		"quick":   strings.Replace(policy.BuiltInText, "cool_off: 15m", "cool_off: 5m", 1),
		"faulty":  "rules:\n  - {name: a, allow: maybe}\n  - {nam: b, deny: x}\n",
	}
	const faults = "faulty:2:22: rule \"a\": This is true or false, not “maybe”.\n"
	tests := []struct {
		file, against, want string
		fails               bool
	}{
		{"builtin", "", "ok: 13 rules\n", false},
		{"builtin", "quick", "ok: 13 rules\n", false},
		{"quick", "builtin", "easier: Delete cluster and all its resources in development, staging, production: a cool-off of 5m, previously 15m (rule “deletions with all data”).\nok: 13 rules\n", false},
		{"faulty", "", faults, true},
		{"builtin", "faulty", faults, true},
		{"none", "", "", true},
	}
	for _, tt := range tests {
		got, err := check(t, files, tt.file, tt.against)
		if !strings.HasPrefix(got, tt.want) || (err != nil) != tt.fails || tt.want == "" && got != "" {
			t.Errorf("%s against %q: %q, %v", tt.file, tt.against, got, err)
		}
	}
}

// TestPolicyCheckProcess makes sure that scripts can go by the exit code.
func TestPolicyCheckProcess(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(file, []byte("rules:"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, nil, "policy", "check", file)
	<-p.done
	if code := p.cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit code %d", code)
	}
}
