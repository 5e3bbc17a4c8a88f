package web

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"doksportal/internal/portal"
	"doksportal/internal/store"
	"doksportal/views"
)

// mostClusters is how many clusters a list filters and sorts. DigitalOcean allows
// an account far fewer.
const mostClusters = 5000

// clusters is the list of all clusters that the reader may see. They are few
// enough to be read at once, with all that can be filtered and sorted by.
func (s *Server) clusters(c *gin.Context, v viewer) error {
	ctx := c.Request.Context()
	p := views.ClustersPage{Page: s.page(c, v, "Clusters"), CanCreate: len(v.memberTeams()) > 0, Filter: clusterFilter(c), Selected: query(c, "select") == "all"}
	p.Live = followTeams(v, v.teams)
	list, err := store.Clusters(ctx, s.Pool, store.ClusterFilter{All: v.actor.SeesAll(), TeamIDs: v.teamIDs(), Limit: mostClusters})
	if err != nil {
		return err
	}
	offer, err := store.Offer(ctx, s.Pool)
	if err != nil {
		return err
	}
	if p.Freshness, err = s.freshness(c); err != nil {
		return err
	}
	rows := clusterRows(list, offer.Options)
	p.All, p.Facets = len(rows), facets(rows)
	rows = slices.DeleteFunc(rows, func(r views.ClusterRow) bool { return !matches(p.Filter, r) })
	sortClusters(rows, p.Filter.Sort)
	p.Found = len(rows)
	for _, r := range rows {
		p.Nodes += r.Nodes()
		p.MonthlyCents += r.MonthlyCents
	}
	first := min((p.Filter.Page-1)*pageSize, len(rows))
	p.Clusters = rows[first:min(first+pageSize, len(rows))]
	s.render(c, http.StatusOK, views.Clusters(p))
	return nil
}

// clusterFilter is what the address narrows the list to.
func clusterFilter(c *gin.Context) views.ClusterFilter {
	f := views.ClusterFilter{
		Text: strings.TrimSpace(query(c, "q")), Team: query(c, "team"), Environment: query(c, "environment"), Region: query(c, "region"),
		Version: query(c, "version"), State: query(c, "state"), Tag: query(c, "tag"), Sort: query(c, "sort"), Page: 1,
	}
	if n, ok := portal.ParseNumber(query(c, "page"), 1, mostClusters/pageSize); ok {
		f.Page = n
	}
	return f
}

func clusterRows(list []portal.ClusterSummary, offer portal.Options) []views.ClusterRow {
	rows := make([]views.ClusterRow, len(list))
	for i, c := range list {
		rows[i] = views.ClusterRow{ClusterSummary: c, UpgradeTo: offer.UpgradeTo(c.Version)}
		rows[i].MonthlyCents, rows[i].PriceKnown = c.MonthlyCents(offer)
	}
	return rows
}

// facet is what a list can be narrowed to by one field of its form.
type facet struct {
	name    string
	chosen  func(views.ClusterFilter) string
	values  func(views.ClusterRow) []string
	compare func(a, b string) int
}

var clusterFacets = []facet{
	{"team", func(f views.ClusterFilter) string { return f.Team }, func(r views.ClusterRow) []string { return []string{cmp.Or(r.TeamName, views.Nobody)} }, strings.Compare},
	{"environment", func(f views.ClusterFilter) string { return f.Environment }, func(r views.ClusterRow) []string { return []string{cmp.Or(string(r.Environment), views.NoEnvironment)} }, strings.Compare},
	{"region", func(f views.ClusterFilter) string { return f.Region }, func(r views.ClusterRow) []string { return []string{r.Region} }, strings.Compare},
	{"version", func(f views.ClusterFilter) string { return f.Version }, func(r views.ClusterRow) []string {
		if r.UpgradeTo != "" {
			return []string{views.Upgradable, r.Version}
		}
		return []string{r.Version}
	}, func(a, b string) int { return portal.CompareVersions(b, a) }},
	{"state", func(f views.ClusterFilter) string { return f.State }, func(r views.ClusterRow) []string { return []string{r.State} }, strings.Compare},
	{"tag", func(f views.ClusterFilter) string { return f.Tag }, func(r views.ClusterRow) []string { return portal.OwnTags(r.Tags) }, strings.Compare},
}

// facets are the values that each field of the form may take, with how many
// clusters each of them has.
func facets(rows []views.ClusterRow) []views.Facet {
	list := make([]views.Facet, len(clusterFacets))
	for i, f := range clusterFacets {
		counts := map[string]int{}
		for _, r := range rows {
			for _, value := range f.values(r) {
				counts[value]++
			}
		}
		list[i].Name = f.name
		for value, n := range counts {
			list[i].Values = append(list[i].Values, views.FacetValue{Value: value, Count: n})
		}
		slices.SortFunc(list[i].Values, func(a, b views.FacetValue) int {
			return cmp.Or(f.compare(a.Value, b.Value), strings.Compare(a.Value, b.Value))
		})
	}
	return list
}

func matches(filter views.ClusterFilter, r views.ClusterRow) bool {
	for _, f := range clusterFacets {
		if chosen := f.chosen(filter); chosen != "" && !slices.Contains(f.values(r), chosen) {
			return false
		}
	}
	return filter.Text == "" || containsFold(r.Name, filter.Text) || strings.HasPrefix(r.ID, filter.Text) ||
		slices.ContainsFunc(r.Tags, func(tag string) bool { return containsFold(tag, filter.Text) })
}

// clusterOrders are what the list can be sorted by. A minus before the name turns
// the order round.
var clusterOrders = map[string]func(a, b views.ClusterRow) int{
	"name":        func(a, b views.ClusterRow) int { return strings.Compare(a.Name, b.Name) },
	"state":       func(a, b views.ClusterRow) int { return strings.Compare(a.State, b.State) },
	"team":        func(a, b views.ClusterRow) int { return strings.Compare(a.TeamName, b.TeamName) },
	"environment": func(a, b views.ClusterRow) int { return strings.Compare(string(a.Environment), string(b.Environment)) },
	"region":      func(a, b views.ClusterRow) int { return strings.Compare(a.Region, b.Region) },
	"version":     func(a, b views.ClusterRow) int { return portal.CompareVersions(a.Version, b.Version) },
	"nodes":       func(a, b views.ClusterRow) int { return cmp.Compare(a.Nodes(), b.Nodes()) },
	"cost":        func(a, b views.ClusterRow) int { return cmp.Compare(a.MonthlyCents, b.MonthlyCents) },
	"created":     func(a, b views.ClusterRow) int { return a.CreatedAt.Compare(b.CreatedAt) },
}

func sortClusters(rows []views.ClusterRow, by string) {
	name, turned := strings.CutPrefix(by, "-")
	order, known := clusterOrders[name]
	if !known {
		return // as they were read, by name
	}
	slices.SortStableFunc(rows, func(a, b views.ClusterRow) int {
		if turned {
			return order(b, a)
		}
		return order(a, b)
	})
}

// listClusters returns the page of clusters by name that the address asks for,
// and the address of the next one.
func (s *Server) listClusters(c *gin.Context, v viewer) ([]portal.ClusterSummary, string, error) {
	list, err := store.Clusters(c.Request.Context(), s.Pool, store.ClusterFilter{
		All: v.actor.SeesAll(), TeamIDs: v.teamIDs(),
		AfterName: query(c, "after"), AfterID: query(c, "id"), Limit: pageSize + 1,
	})
	if err != nil || len(list) <= pageSize {
		return list, "", err
	}
	list = list[:pageSize]
	last := list[pageSize-1]
	return list, c.FullPath() + "?" + url.Values{"after": {last.Name}, "id": {last.ID}}.Encode(), nil
}
