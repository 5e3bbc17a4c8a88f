package web_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"doksportal/internal/store"
	"doksportal/internal/web"
)

// Every field that a page asks for is kept while its reader signs in again, and
// nothing else is.
func TestFieldsThatAreKept(t *testing.T) {
	b := setup(t)
	number := b.pending()
	ledger, err := store.Cluster(t.Context(), b.pool, b.ledger)
	b.must(err)
	b.must(b.requests.Rules.Ensure(t.Context()))
	path := strings.NewReplacer(":id", b.ledger, ":pool", ledger.Pools[0].ID, ":node", ledger.Pools[0].Nodes[0].ID, ":number", number, ":slug", "pay", ":version", "1", ":channel", b.ledger)
	seen := 0
	for _, r := range b.pages.Routes() {
		if r.Method != http.MethodGet || regexp.MustCompile(`^/(static|events|login|auth)`).MatchString(r.Path) {
			continue
		}
		for _, reader := range []string{"admin", "member", "approver", "platform"} {
			page := b.as(reader).Get(path.Replace(r.Path))
			page.Find("form[method=post] [name]").Each(func(_ int, field *goquery.Selection) {
				name, _ := field.Attr("name")
				if seen++; !web.KnownField(name) {
					t.Errorf("%s: the field %q is lost", r.Path, name)
				}
			})
		}
	}
	if seen < 100 {
		t.Errorf("only %d fields were seen", seen)
	}
	for _, name := range []string{"", "x", "justification2", "pools[20].name", "pools[0].x", "pools[-1].name", "pools[0].name.name", strings.Repeat("a", 1000)} {
		if web.KnownField(name) {
			t.Errorf("%.40q is kept", name)
		}
	}
}

// What no form has is not kept while its sender signs in again, and of one
// person only so much is.
func TestJunkIsNotKept(t *testing.T) {
	b := setup(t)
	b.pages.AskAgain()
	for range 25 {
		form := createForm("justification", "kept", "junk", strings.Repeat("x", 250<<10))
		b.as("member").Post("/ask-again?path=/clusters/new", form).WantStatus(http.StatusOK)
	}
	if n := b.count("SELECT max(length(data)) FROM sessions"); n > 4<<10 {
		t.Errorf("a row has %d bytes", n)
	}
	if n := b.count("SELECT count(*) FROM sessions WHERE holder LIKE 'person %'"); n != 20 {
		t.Errorf("%d are kept of one person", n)
	}
}
