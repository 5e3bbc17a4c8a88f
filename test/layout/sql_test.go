package layout

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"doksportal/internal/portal"
)

// SQL in Go has arguments by name, and takes the names of states and operations
// from their constants.
func TestSQL(t *testing.T) {
	statement, numbered := regexp.MustCompile(`\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|WHERE|AND)\b`), regexp.MustCompile(`\$[0-9]`)
	quoted := regexp.MustCompile(`'([a-z_ ]+)'`)
	names := constants()
	found := 0
	for text, at := range literals(t) {
		if !statement.MatchString(text) {
			continue
		}
		found++
		if numbered.MatchString(text) {
			t.Errorf("%s: arguments by number", at)
		}
		for _, m := range quoted.FindAllStringSubmatch(text, -1) {
			if slices.Contains(names, m[1]) {
				t.Errorf("%s: %s has a constant", at, m[0])
			}
		}
	}
	if found < 100 {
		t.Errorf("only %d statements were found", found)
	}
}

// constants are the names of states and operations.
func constants() []string {
	names := []string{string(portal.PolicyProposed), string(portal.PolicyInForce), string(portal.PolicySuperseded), string(portal.PolicyDropped),
		string(portal.AdminChangeAccepted), string(portal.DeliveryWaiting), string(portal.DeliverySent), string(portal.DeliveryGivenUp),
		string(portal.DeliveryOvertaken), string(portal.OutcomeAccepted), string(portal.OutcomeRefused), string(portal.OutcomeDeferred)}
	for _, s := range portal.States {
		names = append(names, string(s))
	}
	for _, o := range portal.Operations() {
		names = append(names, string(o.ID))
	}
	return names
}

// literals are the strings in the Go files of internal, tests aside, with where
// they are.
func literals(t *testing.T) map[string]string {
	t.Helper()
	fset, list := token.NewFileSet(), map[string]string{}
	err := filepath.WalkDir("../../internal", func(path string, entry os.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "pgembed") {
			return err
		}
		file, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
				if text, err := strconv.Unquote(l.Value); err == nil {
					list[text] = fset.Position(l.Pos()).String()
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}
