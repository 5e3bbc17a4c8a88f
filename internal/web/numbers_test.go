package web_test

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"doksportal/internal/portal"
	"doksportal/internal/store"
	"doksportal/internal/web/webtest"
)

// numbers are those that a careless reading of them fails at.
var numbers = []string{"0", "-1", "2147483647", "2147483648", "9223372036854775807", "9223372036854775808",
	"99999999999999999999", "1e9", "2.5", "0x10", " 7", "７", "+5", "x", "", "\x00", "a\x00b", "\xff\xfe"}

func TestParseNumber(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]int64{"1": 1, "9223372036854775807": portal.MaxNumber} {
		if n, ok := portal.ParseNumber[int64](typed, 1, portal.MaxNumber); !ok || n != want {
			t.Errorf("%q: %d, %t", typed, n, ok)
		}
	}
	for _, typed := range []string{"0", "-1", "9223372036854775808", "1e9", "2.5", "0x10", "７", "x", "", "1 2", "1_0", " 7 ", "07", "+7"} {
		if n, ok := portal.ParseNumber[int64](typed, 1, portal.MaxNumber); ok || n != 0 {
			t.Errorf("%q is taken for %d", typed, n)
		}
	}
	for typed, fits := range map[string]bool{"2": false, "3": true, "5": true, "6": false} {
		if _, ok := portal.ParseNumber(typed, 3, 5); ok != fits {
			t.Errorf("%s from 3 to 5: %t", typed, ok)
		}
	}
}

// queries are the names of all parameters that an address may have, taken from
// the code, so that none is forgotten.
func queries(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	name := regexp.MustCompile(`(?:[qQ]uery\(c, |queryForm\(c\)\.\w+\()"(\w+)"\)`)
	var names []string
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range name.FindAllStringSubmatch(string(source), -1) {
			names = append(names, m[1])
		}
	}
	slices.Sort(names)
	if names = slices.Compact(names); len(names) < 10 {
		t.Fatalf("too few: %q", names)
	}
	return names
}

// What an address says is cleaned where it is read.
func TestAddressesAreReadInOnePlace(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	read := regexp.MustCompile(`URL\.Query\(\)|\bc\.(Default|Get)?Query(Array|Map)?\(|RawQuery`)
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(file, "_test.go") && file != "viewer.go" && read.Match(source) {
			t.Errorf("%s reads the query of an address past queryForm", file)
		}
	}
}

// Nothing in an address or a form makes the portal fail, on any route.
func TestNumbersFromOutside(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves out what takes long; make test does not")
	}
	b := setup(t)
	number := b.pending()
	ledger, err := store.Cluster(t.Context(), b.pool, b.ledger)
	b.must(err)
	b.must(b.requests.Rules.Ensure(t.Context()))
	pool := ledger.Pools[0]
	valid := map[string]string{":id": b.ledger, ":pool": pool.ID, ":node": pool.Nodes[0].ID, ":number": number, ":slug": "pay", ":version": "1", ":channel": b.ledger, ":session": b.ledger}
	parameter := regexp.MustCompile(`:\w+`)
	path := func(route, other, value string) string {
		return parameter.ReplaceAllStringFunc(route, func(p string) string {
			if p == other {
				return url.PathEscape(value)
			}
			return valid[p]
		})
	}
	names := queries(t)
	check := func(p webtest.Page, what string) {
		if p.Status >= http.StatusInternalServerError {
			t.Errorf("%q: %d", what, p.Status)
		}
	}
	for _, r := range b.pages.Routes() {
		if r.Method == http.MethodHead || strings.HasPrefix(r.Path, "/static") || r.Path == "/logout" || r.Path == "/login" || r.Path == "/events" {
			continue
		}
		for _, value := range numbers {
			for _, p := range parameter.FindAllString(r.Path, -1) {
				if r.Method == http.MethodGet {
					check(b.as("admin").Get(path(r.Path, p, value)), r.Path+" with "+value)
				} else {
					check(b.as("admin").Post(path(r.Path, p, value), url.Values{"decision": {"reject"}}), r.Path+" with "+value)
				}
			}
		}
		if r.Method != http.MethodGet {
			continue
		}
		for _, value := range numbers {
			q := url.Values{}
			for _, name := range names {
				if name != "run" { // asks DigitalOcean
					q.Set(name, value)
				}
			}
			check(b.as("admin").Get(path(r.Path, "", "")+"?"+q.Encode()), r.Path+"?…="+value)
			q = url.Values{"before": {value}, "request": {value}}
			check(b.as("admin").Get(path(r.Path, "", "")+"?"+q.Encode()), r.Path+"?before="+value)
		}
		for _, reader := range []string{"admin", "member"} {
			b.tryForms(reader, path(r.Path, "", ""), check)
		}
	}
}

// tryForms sends each form of a page with a number in each of its fields.
func (b *bundle) tryForms(reader, path string, check func(webtest.Page, string)) {
	page := b.as(reader).Get(path)
	if page.Status != http.StatusOK {
		return
	}
	page.Find("form[method=post]").Each(func(_ int, form *goquery.Selection) {
		action, _ := form.Attr("action")
		if action == "" || action == "/logout" {
			return
		}
		fields := url.Values{}
		form.Find("[name]").Each(func(_ int, field *goquery.Selection) {
			value, _ := field.Attr("value")
			if goquery.NodeName(field) == "select" {
				value, _ = field.Find("option[selected]").Attr("value")
			}
			fields.Set(field.AttrOr("name", ""), value)
		})
		for name := range fields {
			for _, value := range []string{"-1", "2147483648", "9223372036854775808", "1e9", "x"} {
				changed := url.Values{}
				for other, values := range fields {
					changed[other] = values
				}
				changed.Set(name, value)
				check(b.as(reader).Post(action, changed), action+": "+name+"="+value)
			}
		}
	})
}
