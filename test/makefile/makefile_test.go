// Package makefile tests that what `make` builds is what the sources say.
package makefile

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../.."

// Whatever is changed of what the program embeds or is made of, the next
// `make build`, and so `make demo`, has it.
func TestBuildIsNeverStale(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves out what builds the program twice; make test does not")
	}
	t.Parallel()
	dir := t.TempDir()
	clone(t, dir)
	runMake(t, dir)
	for file, text := range map[string]string{
		"views/home.templ":                 "\ntempl marker() { <p>marker-templ</p> }\n\nvar Marker = marker()\n\nfunc init() { _ = Marker.Render }\n",
		"internal/policy/builtin.yaml":     "\n# marker-yaml\n",
		"migrations/00001_initial.sql":     "\n-- marker-sql\n",
		"static/src/app.css":               "\n.marker-css { color: red }\n",
		"static/src/app.js":                "\n// marker-js\n",
		"internal/auth/devidp/signin.html": "\n<!-- marker-html -->\n",
		"cmd/portal/main.go":               "\nvar marker = \"marker-go\"\n\nfunc init() { _ = os.Getenv(marker) }\n",
	} {
		appendTo(t, filepath.Join(dir, file), text)
	}
	runMake(t, dir)
	program, err := os.ReadFile(filepath.Join(dir, "bin", "portal"))
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"templ", "yaml", "sql", "css", "js", "html", "go"} {
		if !bytes.Contains(program, []byte("marker-"+kind)) {
			t.Errorf("a changed .%s file is not in the program", kind)
		}
	}
}

// clone copies the sources, and what takes long to make.
func clone(t *testing.T, dir string) {
	t.Helper()
	list, err := exec.Command("git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		t.Skip("this is no git checkout")
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		content, err := os.ReadFile(filepath.Join(root, name))
		if os.IsNotExist(err) {
			continue // deleted and not yet committed
		}
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		target := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(target, content, info.Mode()); err != nil {
			t.Fatal(err)
		}
	}
	modules, err := filepath.Abs(filepath.Join(root, "node_modules"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	// npm need not run again: its mark is newer than what it is made from.
	for _, name := range []string{"package.json", "package-lock.json"} {
		old, err := os.Stat(filepath.Join(modules, ".package-lock.json"))
		if err != nil {
			t.Fatalf("run `make build` first: %v", err)
		}
		if err := os.Chtimes(filepath.Join(dir, name), old.ModTime(), old.ModTime()); err != nil {
			t.Fatal(err)
		}
	}
}

func runMake(t *testing.T, dir string) {
	t.Helper()
	cmd := exec.Command("make", "build")
	cmd.Dir = dir
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make build: %v\n%s", err, output)
	}
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(text)
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		t.Fatal(err)
	}
}
