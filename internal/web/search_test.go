package web_test

import (
	"strings"
	"testing"
)

// A search finds what its reader may see, and nothing else.
func TestSearch(t *testing.T) {
	b := setup(t)
	number := b.pending()
	tests := []struct {
		account, text string
		want, not     []string
	}{
		{"member", "LED", []string{"ledger"}, []string{"index", "legacy"}},
		{"member", "edge", []string{"ledger"}, nil},
		{"member", "shop", []string{"#" + number, "Mia Member"}, nil},
		{"member", "%23" + number, []string{"#" + number}, nil},
		{"member", number, []string{"#" + number}, nil},
		{"other", number, nil, []string{"#" + number}},
		{"other", "shop", nil, []string{"#" + number}},
		{"other", "led", nil, []string{"ledger"}},
		{"auditor", "le", []string{"ledger", "legacy"}, nil},
		{"member", "%25", []string{"Nothing that you can see"}, nil},
		{"member", "inb", []string{"Inbox"}, nil},
		{"member", "polic", nil, []string{"Policy"}},
		{"admin", "polic", []string{"Policy"}, nil},
		{"member", "mia", nil, []string{"Mia"}},
		{"auditor", "mia", []string{"Mia Member"}, nil},
		{"auditor", "member", []string{"Mia Member"}, nil},
		{"member", strings.Repeat("x", 5000), []string{"Nothing that you can see"}, nil},
		{"member", "", []string{"Type a part"}, nil},
	}
	for _, tt := range tests {
		got := b.as(tt.account).Get("/search?q=" + tt.text).Text("[data-testid=found]")
		if found := b.as(tt.account).Get("/search/found?q=" + tt.text); strings.TrimSpace(found.Text("#palette-found")) != strings.TrimSpace(got) || found.Find("main").Length() > 0 {
			t.Errorf("the palette shows %q, the page %q", found.Text("body"), got)
		}
		for _, want := range tt.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s finds no %q by %.20q: %q", tt.account, want, tt.text, got)
			}
		}
		for _, not := range tt.not {
			if strings.Contains(got, not) {
				t.Errorf("%s finds %q by %.20q: %q", tt.account, not, tt.text, got)
			}
		}
	}
}
