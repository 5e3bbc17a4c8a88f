package web_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"doksportal/internal/doapi/dosim"
)

// The list of clusters is narrowed, sorted and summed up by what its address says.
func TestClusterList(t *testing.T) {
	b := setup(t)
	b.sim.Add(dosim.Seed{Name: "atlas", Region: "nyc1", Size: "s-4vcpu-8gb", Count: 5, Version: "1.33.1-do.0", Tags: []string{"gpu"}})
	b.must(b.syncer.Sync(t.Context()))
	names := func(account, query string) string {
		t.Helper()
		var list []string
		b.as(account).Get("/clusters?" + query).Find("[data-testid=clusters] tbody tr").Each(func(_ int, row *goquery.Selection) {
			list = append(list, strings.TrimSpace(row.Find("td a").First().Text()))
		})
		return strings.Join(list, " ")
	}
	for query, want := range map[string]string{
		"":                                  "atlas index ledger legacy",
		"q=LEG":                             "legacy",
		"q=gpu":                             "atlas",
		"tag=gpu":                           "atlas",
		"team=pay":                          "ledger",
		"team=nobody":                       "atlas legacy",
		"team=" + url.QueryEscape("no one"): "",
		"environment=production":            "index ledger",
		"environment=" + url.QueryEscape("not set"):                        "atlas legacy",
		"region=nyc1&version=1.33.1-do.0":                                  "atlas",
		"version=" + url.QueryEscape("upgrade available") + "&region=nyc1": "atlas",
		"state=running":          "atlas index ledger legacy",
		"state=degraded":         "",
		"sort=-name":             "legacy ledger index atlas",
		"sort=nodes":             "index ledger legacy atlas",
		"sort=-cost&team=nobody": "atlas legacy",
		"sort=-nothing":          "atlas index ledger legacy",
		"page=2":                 "",
		"page=-1":                "atlas index ledger legacy",
	} {
		if got := names("auditor", query); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	if got := names("member", "sort=-name"); got != "ledger" {
		t.Errorf("a member sees %q", got)
	}
	page := b.as("auditor").Get("/clusters?team=nobody")
	if got := page.Text("[data-testid=sum]"); !strings.HasPrefix(got, "2 of 4 clusters, 7 nodes, $") {
		t.Errorf("%q", got)
	}
	if got := page.Find("select[name=team] option[selected]").Text(); got != "nobody (2)" {
		t.Errorf("%q", got)
	}
	if href, _ := page.Find("th a").First().Attr("href"); href != "/clusters?sort=-name&team=nobody" {
		t.Errorf("sorting forgets the filter: %q", href)
	}
}
