package layout

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The words that docs/glossary.md calls retired do not come back as
// identifiers.
func TestRetiredWords(t *testing.T) {
	retired := retiredWords(t)
	if len(retired) < 10 {
		t.Fatalf("the glossary retires only %q", retired)
	}
	fset := token.NewFileSet()
	for _, dir := range []string{"cmd", "internal", "test", "views"} {
		err := filepath.WalkDir(filepath.Join("../..", dir), func(path string, entry os.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" {
				return err
			}
			file, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				id, ok := n.(*ast.Ident)
				if ok && slices.Contains(retired, id.Name) {
					t.Errorf("%s: %s is a retired word; docs/glossary.md has the one for it", fset.Position(id.Pos()), id.Name)
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// retiredWords reads the last column of the glossary's table.
func retiredWords(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../docs/glossary.md")
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 5 || strings.TrimSpace(cells[3]) == "Not" || strings.HasPrefix(cells[1], "---") {
			continue
		}
		for word := range strings.SplitSeq(cells[3], ",") {
			if word = strings.TrimSpace(word); word != "" {
				list = append(list, word)
			}
		}
	}
	return list
}
