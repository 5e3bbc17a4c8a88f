package doapi_test

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	"doksportal/internal/doapi/dosim"
)

// A list of several pages is read as a whole.
func TestPages(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const many = 401
	for i := range many {
		b.sim.Add(dosim.Seed{Name: fmt.Sprintf("c-%d", i), Region: "fra1", Size: "s-2vcpu-4gb", Count: 1})
	}
	list, err := b.ListClusters(t.Context())
	if err != nil || len(list) != many || b.sim.CallCount("list_clusters") != 3 {
		t.Errorf("%d clusters in %d calls, %v", len(list), b.sim.CallCount("list_clusters"), err)
	}
	b.sim.Inject(dosim.Fault{Operation: "list_clusters", Page: "2", Times: 3, Kind: dosim.FaultStatus, Status: 500, ID: "server_error", Message: "oops"})
	if list, err := b.ListClusters(t.Context()); err == nil {
		t.Errorf("a page fails, and the list has %d clusters", len(list))
	}
}

// A list whose pages do not add up is no list.
func TestListThatChanges(t *testing.T) {
	t.Parallel()
	for name, bodies := range map[string][2]string{
		"too few":            {`{"kubernetes_clusters":[{"id":"a"}],"meta":{"total":2}}`, `{"kubernetes_clusters":[],"meta":{"total":2}}`},
		"too many":           {`{"kubernetes_clusters":[{"id":"a"},{"id":"b"}],"meta":{"total":1}}`, ``},
		"a total that moves": {`{"kubernetes_clusters":[{"id":"a"}],"meta":{"total":3}}`, `{"kubernetes_clusters":[{"id":"b"}],"meta":{"total":2}}`},
		"no total":           {`{"kubernetes_clusters":[{"id":"a"}]}`, ``},
	} {
		server := answering(t, func(w http.ResponseWriter, r *http.Request) {
			page := 0
			if r.URL.Query().Get("page") != "1" {
				page = 1
			}
			_, _ = io.WriteString(w, bodies[page])
		})
		if list, err := client(t, server, token).ListClusters(t.Context()); err == nil {
			t.Errorf("%s: %v", name, list)
		}
	}
}
