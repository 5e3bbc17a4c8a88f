package layout

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every test that these pages name exists, in the package that they give.
func TestNamedTestsExist(t *testing.T) {
	var text []byte
	for _, page := range []string{"security.md", "execution.md"} {
		more, err := os.ReadFile("../../docs/" + page)
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, more...)
	}
	found := 0
	// "auth: TestA, TestB; web: TestC", in the last cell of a row
	list := regexp.MustCompile(`([a-z/]+): ((?:Test\w+(?:, )?)+)`)
	for _, m := range list.FindAllStringSubmatch(string(text), -1) {
		dir := m[1]
		if !strings.Contains(dir, "/") || strings.HasPrefix(dir, "audit/") || strings.HasPrefix(dir, "auth/") || strings.HasPrefix(dir, "doapi/") {
			dir = "internal/" + dir
		}
		have := testsOf(t, filepath.Join("../..", dir))
		for name := range strings.SplitSeq(strings.TrimSuffix(m[2], ", "), ", ") {
			if found++; !have[name] {
				t.Errorf("there is no %s in %s", name, dir)
			}
		}
	}
	if named := len(regexp.MustCompile(`\bTest[A-Z]\w+`).FindAll(text, -1)); found != named || found < 100 {
		t.Errorf("%d of %d tests that are named were looked for", found, named)
	}
}

// testsOf are the names of the tests in a directory.
func testsOf(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(string(text), -1) {
			names[m[1]] = true
		}
	}
	return names
}
