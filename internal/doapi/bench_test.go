package doapi_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"doksportal/internal/doapi"
	"doksportal/internal/doapi/dosim"
)

// simulated serves clusters of five nodes without limits.
func simulated(b *testing.B, clusters int) (url string, sim *dosim.Sim, id string) {
	b.Helper()
	sim = dosim.New(dosim.Config{Token: token, Limits: dosim.Limits{PerHour: -1, PerMinute: -1}})
	for i := range clusters {
		id = sim.Add(dosim.Seed{Name: fmt.Sprintf("c-%d", i), Region: "fra1", Pools: []dosim.SeedPool{
			{Name: "web", Size: "s-2vcpu-4gb", Count: 3, Labels: map[string]string{"a": "b"}}, {Name: "batch", Size: "s-4vcpu-8gb", Count: 2, MaxNodes: 4}}})
	}
	server := httptest.NewServer(sim)
	b.Cleanup(server.Close)
	return server.URL, sim, id
}

// BenchmarkClient compares a call through the client with the same call by
// net/http alone, in turn, and reports how many times as long it takes.
func BenchmarkClient(b *testing.B) {
	url, _, id := simulated(b, 1)
	c, err := doapi.New(url, token)
	if err != nil {
		b.Fatal(err)
	}
	var through, bare time.Duration
	for b.Loop() {
		start := time.Now()
		if _, err := c.GetCluster(b.Context(), id); err != nil {
			b.Fatal(err)
		}
		through += time.Since(start)
		start = time.Now()
		if err := getBare(b, url+"/v2/kubernetes/clusters/"+id); err != nil {
			b.Fatal(err)
		}
		bare += time.Since(start)
	}
	b.ReportMetric(float64(through.Nanoseconds())/float64(b.N), "client-ns")
	b.ReportMetric(float64(bare.Nanoseconds())/float64(b.N), "bare-ns")
	b.ReportMetric(float64(through)/float64(bare), "client/bare")
}

func getBare(b *testing.B, url string) error {
	req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	var answer struct {
		Cluster doapi.Cluster `json:"kubernetes_cluster"`
	}
	return json.Unmarshal(body, &answer, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// BenchmarkList lists 500 clusters. Everything that is allocated meanwhile,
// freed or not, is reported as the extra memory: it cannot be more.
func BenchmarkList(b *testing.B) {
	url, sim, _ := simulated(b, 500)
	pages := map[string][]byte{}
	for page := range 3 {
		query := fmt.Sprintf("/v2/kubernetes/clusters?page=%d&per_page=200", page+1)
		recorder := httptest.NewRecorder()
		req := httptest.NewRequestWithContext(b.Context(), http.MethodGet, url+query, nil)
		req.Header.Set("Authorization", "Bearer "+token)
		sim.ServeHTTP(recorder, req)
		pages[query] = recorder.Body.Bytes()
	}
	calls := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls++
		_, _ = w.Write(pages[r.RequestURI])
	}))
	b.Cleanup(server.Close)
	c, err := doapi.New(server.URL, token)
	if err != nil {
		b.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for b.Loop() {
		if list, err := c.ListClusters(b.Context()); err != nil || len(list) != 500 {
			b.Fatalf("%d clusters, %v", len(list), err)
		}
	}
	runtime.ReadMemStats(&after)
	extra := float64(after.TotalAlloc-before.TotalAlloc) / float64(b.N) / (1 << 20)
	b.ReportMetric(float64(calls)/float64(b.N), "calls")
	b.ReportMetric(extra, "MiB")
	if extra > 64 || calls != 3*b.N {
		b.Errorf("%.1f MiB, %d calls for %d lists", extra, calls, b.N)
	}
}
