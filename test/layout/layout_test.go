// Package layout holds the packages to the directions in which they may import
// each other, and libraries to the packages that alone may know them. Whoever
// adds a package or an import that it does not like decides here whether the
// table or the import is wrong.
package layout

import (
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "doksportal/"

// arrows are the project's packages that each package may import, tests aside.
// Whoever adds a package decides here what it may know.
var arrows = map[string]string{
	"cmd/portal": "internal/audit internal/audit/anchor internal/audit/stream internal/auditors internal/auth internal/config internal/db internal/delegation internal/demo internal/doapi internal/doapi/budget internal/doapi/dosim internal/events internal/execute " +
		"internal/inventory internal/jobs internal/names internal/notify internal/orphans internal/pauses internal/policy internal/portal internal/request internal/rulebook internal/store internal/teams internal/templates internal/unusual internal/web static",
	"cmd/dev":                  "internal/config internal/demo",
	"internal/portal":          "",
	"internal/quota":           "internal/portal",
	"internal/names":           "",
	"internal/shares":          "internal/portal",
	"internal/seal":            "",
	"internal/rulebook":        "internal/audit internal/db internal/names internal/policy internal/portal internal/shares internal/store",
	"internal/policy":          "internal/portal",
	"internal/db":              "internal/portal migrations",
	"internal/db/pgembed":      "",
	"internal/db/dbtest":       "internal/db internal/db/pgembed internal/jobs",
	"internal/store":           "internal/db internal/portal",
	"internal/audit":           "internal/audit/anchor internal/db internal/names internal/portal internal/store",
	"internal/audit/audittest": "internal/audit",
	"internal/audit/export":    "internal/audit internal/names internal/portal",
	"internal/auditors":        "internal/audit internal/audit/export internal/db internal/names internal/portal internal/rulebook internal/store",
	"internal/audit/anchor":    "internal/audit/remote internal/portal",
	"internal/audit/remote":    "",
	"internal/audit/stream":    "internal/audit internal/audit/export internal/audit/remote internal/db internal/portal",
	"internal/events":          "internal/db internal/portal",
	"internal/doapi":           "internal/names internal/portal",
	"internal/doapi/budget":    "internal/db internal/doapi",
	"internal/doapi/dosim":     "",
	"internal/operation":       "internal/doapi internal/names internal/portal",
	"internal/config":          "",
	"internal/auth":            "internal/audit internal/db internal/events internal/names internal/portal internal/seal internal/store",
	"internal/auth/devidp":     "",
	"internal/teams":           "internal/audit internal/db internal/events internal/names internal/notify internal/portal internal/quota internal/store",
	"internal/templates":       "internal/audit internal/db internal/names internal/operation internal/portal internal/store",
	"internal/orphans":         "internal/audit internal/db internal/names internal/portal internal/store",
	"internal/unusual":         "internal/audit internal/db internal/portal internal/store",
	"internal/delegation":      "internal/audit internal/db internal/events internal/names internal/notify internal/portal internal/rulebook internal/store",
	"internal/notify":          "internal/audit internal/db internal/portal internal/seal internal/store",
	"internal/pauses":          "internal/audit internal/db internal/events internal/names internal/notify internal/portal internal/store",
	"internal/request":         "internal/audit internal/db internal/doapi internal/events internal/names internal/notify internal/operation internal/policy internal/portal internal/quota internal/rulebook internal/store",
	"internal/execute":         "internal/audit internal/db internal/doapi internal/events internal/operation internal/pauses internal/portal internal/quota internal/request internal/rulebook internal/store",
	"internal/jobs":            "internal/db internal/portal internal/shares internal/store",
	"internal/inventory":       "internal/audit internal/db internal/doapi internal/events internal/notify internal/operation internal/pauses internal/portal internal/store",
	"views":                    "internal/portal views/ui",
	"views/ui":                 "internal/portal",
	"internal/web/webtest":     "internal/auth/devidp",
	"internal/web":             "internal/audit internal/audit/export internal/audit/stream internal/auditors internal/auth internal/db internal/delegation internal/events internal/names internal/notify internal/operation internal/orphans internal/pauses internal/portal internal/quota internal/request internal/rulebook internal/shares internal/store internal/teams internal/templates static views views/ui",
	"internal/demo/story":      "internal/auth/devidp internal/db internal/doapi internal/doapi/dosim internal/execute internal/inventory internal/notify internal/orphans internal/pauses internal/portal internal/request internal/rulebook internal/store internal/teams",
	"internal/demo":            "internal/audit internal/auth internal/auth/devidp internal/config internal/db internal/db/pgembed internal/demo/story internal/doapi internal/doapi/dosim internal/inventory internal/jobs internal/policy internal/portal internal/store",
	"migrations":               "",
	"static":                   "",
	"test/browser":             "",
	"test/crash":               "",
	"test/layout":              "",
	"test/makefile":            "",
	"test/mutate":              "",
}

// only says who alone may import a package of others, and those beneath it.
var only = map[string][]string{
	"github.com/riverqueue/river":             {"internal/jobs"},
	"github.com/gin-gonic/gin":                {"internal/web"},
	"github.com/alecthomas/kong":              {"cmd/portal"},
	"github.com/caarlos0/env/v11":             {"internal/config"},
	"github.com/zitadel/oidc/v3/pkg/op":       {"internal/auth/devidp"},
	"github.com/coreos/go-oidc/v3/oidc":       {"internal/auth"},
	"github.com/pressly/goose/v3":             {"internal/db"},
	"github.com/a-h/templ":                    {"cmd/dev", "internal/web", "views", "views/ui"},
	"github.com/alexedwards/scs/v2":           {"internal/auth"},
	"github.com/parquet-go/parquet-go":        {"internal/audit/export"},
	"github.com/wneessen/go-mail":             {"internal/notify"},
	"github.com/emersion/go-smtp":             {"internal/demo"},
	"github.com/aymanbagabas/go-udiff":        {"internal/rulebook"},
	"cel.dev/cel-go/cel":                      {"internal/policy"},
	"k8s.io/apimachinery/pkg/util/validation": {"internal/operation"},
	"testing": {"internal/audit/audittest", "internal/db/dbtest", "internal/web/webtest"},
}

// imports lists what each package of the project imports.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	cmd := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...")
	cmd.Dir = "../.."
	output, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := map[string][]string{}
	for line := range strings.Lines(string(output)) {
		words := strings.Fields(line)
		packages[strings.TrimPrefix(words[0], module)] = words[1:]
	}
	return packages
}

func TestArrows(t *testing.T) {
	for name, list := range imports(t) {
		allowed, listed := arrows[name]
		if !listed {
			t.Errorf("package %s is not in the table of arrows", name)
		}
		for _, imported := range list {
			inner, ours := strings.CutPrefix(imported, module)
			if ours && !slices.Contains(strings.Fields(allowed), inner) {
				t.Errorf("%s imports %s", name, inner)
			}
			if name == "internal/portal" && strings.Contains(imported, ".") {
				t.Errorf("%s imports %s, and may import the standard library only", name, imported)
			}
			for other, who := range only {
				if (imported == other || strings.HasPrefix(imported, other+"/")) && !slices.Contains(who, name) {
					t.Errorf("%s imports %s, which is for %v", name, imported, who)
				}
			}
		}
	}
}

// An entry that nothing matches any more would protect nothing.
func TestTablesAreTrue(t *testing.T) {
	packages := imports(t)
	for name := range arrows {
		if _, ok := packages[name]; !ok {
			t.Errorf("there is no package %s", name)
		}
	}
	all := slices.Concat(slices.Collect(maps.Values(packages))...)
	for name := range only {
		if !slices.Contains(all, name) {
			t.Errorf("nobody imports %s", name)
		}
	}
}
