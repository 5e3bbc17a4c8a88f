package dosim_test

import (
	"strings"
	"testing"
	"time"

	"doksportal/internal/doapi/dosim"
)

// TestFaults goes through the kinds: what the client of a create sees, and
// whether there is a cluster afterwards.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fault  dosim.Fault
		status int    // 0 when there is no answer
		body   string // a part of it
		broken bool   // the connection, before the end of the answer
		done   bool
	}{
		{fault: dosim.Fault{Kind: dosim.FaultStatus, Status: 503, ID: "service_unavailable", Message: "later"}, status: 503, body: `"message":"later"`},
		{fault: dosim.Fault{Kind: dosim.FaultStatus, Status: 418, ID: "teapot", Message: "short"}, status: 418, body: `"id":"teapot"`},
		{fault: dosim.Fault{Kind: dosim.FaultReset}, broken: true},
		{fault: dosim.Fault{Kind: dosim.FaultLost}, broken: true, done: true},
		{fault: dosim.Fault{Kind: dosim.FaultCut}, status: 201, body: `{"kubernetes_cluster":`, broken: true, done: true},
		{fault: dosim.Fault{Kind: dosim.FaultRubbish}, status: 201, body: "<html>", done: true},
		{fault: dosim.Fault{Kind: dosim.FaultDoneError}, status: 500, body: "Unexpected server-side error", done: true},
		{fault: dosim.Fault{Delay: time.Nanosecond}, status: 201, body: `"name":"shop"`, done: true},
	} {
		b := setup(t)
		c.fault.Operation = "create_cluster"
		b.sim.Inject(c.fault)
		r, err := b.try("POST", clusters, minimal)
		if r.status != c.status || !strings.Contains(r.body, c.body) || (err != nil) != c.broken {
			t.Errorf("%q: %d %s, %v", c.fault.Kind, r.status, r.body, err)
		}
		want := "0"
		if c.done {
			want = "1"
		}
		b.get(clusters).is("meta.total", want)
		if n := b.sim.CallCount("create_cluster"); n != 1 {
			t.Errorf("%q: counted %d times", c.fault.Kind, n)
		}
	}
}

func TestFaultsOnEmptyAnswers(t *testing.T) {
	t.Parallel()
	for kind, broken := range map[dosim.FaultKind]bool{dosim.FaultCut: true, dosim.FaultRubbish: false, dosim.FaultLost: true} {
		b := setup(t)
		path := b.add("shop")
		b.sim.Inject(dosim.Fault{Operation: "delete_cluster", Kind: kind})
		if _, err := b.try("DELETE", path, ""); (err != nil) != broken {
			t.Errorf("%s: %v", kind, err)
		}
		b.get(path).is("kubernetes_cluster.status.state", `"deleting"`)
	}
}

// A fault strikes as often as it says, where it says.
func TestFaultsStrike(t *testing.T) {
	t.Parallel()
	b := setup(t)
	status := func(path string) int { return b.call("GET", path, "").status }
	want := func(what string, got, want int) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %d, want %d", what, got, want)
		}
	}
	b.sim.Inject(dosim.Fault{Operation: "list_clusters", Kind: dosim.FaultStatus, Status: 500, Times: 2})
	want("another operation", status("/v2/sizes"), 200)
	want("the first", status(clusters), 500)
	want("the second", status(clusters), 500)
	want("the third", status(clusters), 200)
	b.sim.Inject(dosim.Fault{Operation: "list_clusters", Page: "2", Kind: dosim.FaultStatus, Status: 502})
	want("page 1", status(clusters+"?page=1"), 200)
	want("page 2", status(clusters+"?page=2"), 502)
	want("page 2 again", status(clusters+"?page=2"), 200)
	b.sim.Inject(dosim.Fault{Operation: "*", Kind: dosim.FaultStatus, Status: 503, Times: -1})
	for range 3 {
		want("every operation", status("/v2/sizes"), 503)
		want("every operation", status(clusterPath("x")), 503)
	}
	b.sim.Heal()
	want("healed", status("/v2/sizes"), 200)
	b.sim.Inject(dosim.Fault{Operation: "list_clusters", Kind: dosim.FaultStatus, Status: 429})
	if got := b.call("GET", clusters, "").want(429).header.Get("retry-after"); got != "1" {
		t.Errorf("retry after %q", got)
	}
}

// Stale reads show what there was when the fault was asked for.
func TestStaleReads(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := b.add("old")
	b.sim.Inject(dosim.Fault{Operation: "list_clusters", Kind: dosim.FaultStale, Times: 2})
	b.call("POST", clusters, minimal).want(201)
	b.call("PUT", path, `{"name":"renamed"}`).want(202)
	for range 2 {
		b.get(clusters).is("meta.total", "1").is("kubernetes_clusters.0.name", `"old"`)
	}
	b.get(clusters).is("meta.total", "2").is("kubernetes_clusters.0.name", `"renamed"`)
	b.sim.Inject(dosim.Fault{Operation: "*", Kind: dosim.FaultStale, Times: 2})
	b.call("PUT", path, `{"name":"again"}`).want(202).is("kubernetes_cluster.name", `"again"`)
	b.get(path).is("kubernetes_cluster.name", `"renamed"`)
	b.get(path).is("kubernetes_cluster.name", `"again"`)
}

func TestParseFault(t *testing.T) {
	t.Parallel()
	got, err := dosim.ParseFault("list_clusters,kind=status,status=503,times=-1,page=2,delay=2s,id=x,message=not now")
	want := dosim.Fault{Operation: "list_clusters", Kind: dosim.FaultStatus, Status: 503, Times: -1, Page: "2", Delay: 2 * time.Second, ID: "x", Message: "not now"}
	if err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	for _, spec := range []string{
		"", "create_cluster", "unknown,kind=lost", "create_cluster,kind=unknown", "create_cluster,kind=status", "create_cluster,kind=status,status=99",
		"create_cluster,kind=stale", "create_cluster,times=x", "create_cluster,delay=2", "create_cluster,delay=-1s", "create_cluster,colour=red",
	} {
		if f, err := dosim.ParseFault(spec); err == nil || !strings.Contains(err.Error(), spec) {
			t.Errorf("%q: %+v, %v", spec, f, err)
		}
	}
}
