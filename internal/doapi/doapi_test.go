package doapi_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"doksportal/internal/doapi"
	"doksportal/internal/doapi/dosim"
)

const token = "dop_v1_canary"

// clock is a time that only tests move.
type clock struct{ now atomic.Int64 }

func (c *clock) Now() time.Time          { return time.Unix(0, c.now.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.now.Add(int64(d)) }

type bundle struct {
	*doapi.Client
	sim   *dosim.Sim
	clock *clock
	url   string
}

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{clock: &clock{}}
	b.clock.advance(time.Duration(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixNano()))
	b.sim = dosim.New(dosim.Config{Token: token, Now: b.clock.Now})
	server := httptest.NewServer(b.sim)
	t.Cleanup(server.Close)
	b.url = server.URL
	b.Client = client(t, server.URL, token)
	return b
}

func client(t *testing.T, address, token string) *doapi.Client {
	t.Helper()
	c, err := doapi.New(address, token)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func params(name string) doapi.CreateCluster {
	return doapi.CreateCluster{Name: name, Region: "fra1", Version: "1.35", HA: true, Tags: []string{"mine"},
		NodePools: []doapi.CreateNodePool{{Name: "pool", Size: "s-2vcpu-4gb", Count: 2}}}
}

// TestLifeOfACluster follows one from its creation to its end.
func TestLifeOfACluster(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	made, err := b.CreateCluster(ctx, params("shop"))
	if err != nil {
		t.Fatal(err)
	}
	if made.Status.State != "provisioning" || made.Endpoint != "" || made.Version != "1.35.1-do.0" || !made.HA || made.NodePools[0].Nodes[0].DropletID != "" {
		t.Errorf("just made: %+v", made)
	}
	if want := []string{"k8s", "k8s:" + made.ID, "mine"}; fmt.Sprint(made.Tags) != fmt.Sprint(want) {
		t.Errorf("tags %v, want %v", made.Tags, want)
	}
	if err := b.DeleteCluster(ctx, made.ID); !doapi.IsRefused(err) || !strings.Contains(doapi.Words(err), "provisioning") {
		t.Errorf("deletion while it is made: %v", err)
	}
	b.clock.advance(10 * time.Minute)
	running, err := b.GetCluster(ctx, made.ID)
	if err != nil || running.Status.State != "running" || running.Endpoint == "" || running.NodePools[0].Nodes[0].DropletID == "" {
		t.Errorf("after ten minutes: %+v, %v", running, err)
	}
	if err := b.DeleteCluster(ctx, made.ID); err != nil {
		t.Fatal(err)
	}
	if c, err := b.GetCluster(ctx, made.ID); err != nil || c.Status.State != "deleting" {
		t.Errorf("just deleted: %+v, %v", c, err)
	}
	b.clock.advance(10 * time.Minute)
	if _, err := b.GetCluster(ctx, made.ID); !doapi.IsNotFound(err) || doapi.Words(err) != "cluster not found" {
		t.Errorf("after ten minutes: %v", err)
	}
	if list, err := b.ListClusters(ctx); err != nil || len(list) != 0 {
		t.Errorf("the list has %v, %v", list, err)
	}
}

func TestReads(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.sim.Add(dosim.Seed{Name: "web", Region: "fra1", Size: "s-2vcpu-4gb", Count: 1, Resources: dosim.Resources{
		LoadBalancers: []dosim.Resource{{ID: "1", Name: "lb"}}, Volumes: []dosim.Resource{{ID: "2", Name: "pvc"}}, VolumeSnapshots: []dosim.Resource{{ID: "3", Name: "snap"}},
	}})
	resources, err := b.ListAssociatedResources(t.Context(), id)
	if err != nil || fmt.Sprint(resources.Portal()) != "[{load balancer 1 lb} {volume 2 pvc} {volume snapshot 3 snap}]" {
		t.Errorf("%v, %v", resources.Portal(), err)
	}
	options, err := b.ListOptions(t.Context())
	if err != nil || len(options.Regions) == 0 || len(options.Sizes) == 0 || options.Versions[0].Slug != "1.35.1-do.0" {
		t.Errorf("%+v, %v", options, err)
	}
	sizes, err := b.ListSizes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	size, ok := options.Portal(sizes).Size("s-2vcpu-4gb")
	if !ok || size.MonthlyCents != 2400 || size.VCPUs != 2 || size.MemoryMiB != 4096 {
		t.Errorf("%+v", size)
	}
}

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
		"too few":  {`{"kubernetes_clusters":[{"id":"a"}],"meta":{"total":2}}`, `{"kubernetes_clusters":[],"meta":{"total":2}}`},
		"too many": {`{"kubernetes_clusters":[{"id":"a"},{"id":"b"}],"meta":{"total":1}}`, ``},
		"no total": {`{"kubernetes_clusters":[{"id":"a"}]}`, ``},
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

func answering(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

// class is what the callers of a write do with its error.
func class(err error) string {
	switch {
	case err == nil:
		return "done"
	case doapi.OutcomeUnknown(err):
		return "unknown"
	case doapi.IsRateLimited(err):
		return "rate limited"
	case doapi.IsNotFound(err):
		return "not found"
	case doapi.IsRefused(err):
		return "refused"
	case doapi.IsUnavailable(err):
		return "unavailable"
	}
	return "none"
}

// TestWritesThatFail goes through the ways in which a write fails: each is
// sent once, and what it may have done is known.
func TestWritesThatFail(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fault      dosim.Fault
		want       string
		exists     bool
		words      string
		retryAfter time.Duration
	}{
		{dosim.Fault{}, "done", true, "", 0},
		{dosim.Fault{Kind: dosim.FaultReset}, "unknown", false, "could not be reached", 0},
		{dosim.Fault{Kind: dosim.FaultLost}, "unknown", true, "could not be reached", 0},
		{dosim.Fault{Kind: dosim.FaultCut}, "unknown", true, "cut off", 0},
		{dosim.Fault{Kind: dosim.FaultRubbish}, "unknown", true, "cut off", 0},
		{dosim.Fault{Kind: dosim.FaultDoneError}, "unknown", true, "Unexpected server-side error", 0},
		{dosim.Fault{Kind: dosim.FaultStatus, Status: 500, ID: "server_error", Message: "oops"}, "unknown", false, "oops", 0},
		{dosim.Fault{Kind: dosim.FaultStatus, Status: 503, ID: "unavailable", Message: "later"}, "unknown", false, "later", 0},
		{dosim.Fault{Kind: dosim.FaultStatus, Status: 408, ID: "timeout", Message: "slow"}, "unknown", false, "slow", 0},
		{dosim.Fault{Kind: dosim.FaultStatus, Status: 302, ID: "moved", Message: "elsewhere"}, "unknown", false, "", 0},
		{dosim.Fault{Kind: dosim.FaultStatus, Status: 429, ID: "too_many_requests", Message: "API rate limit exceeded."}, "rate limited", false, "API rate limit exceeded.", time.Second},
		{dosim.Fault{Kind: dosim.FaultStatus, Status: 401, ID: "unauthorized", Message: "Unable to authenticate you."}, "refused", false, "token is not accepted", 0},
		{dosim.Fault{Kind: dosim.FaultStatus, Status: 403, ID: "forbidden", Message: "you do not have access for the attempted action"}, "refused", false, "you do not have access", 0},
		{dosim.Fault{Kind: dosim.FaultStatus, Status: 404, ID: "not_found", Message: "cluster not found"}, "not found", false, "cluster not found", 0},
		{dosim.Fault{Kind: dosim.FaultStatus, Status: 422, ID: "unprocessable_entity", Message: "invalid"}, "refused", false, "invalid", 0},
	} {
		b := setup(t)
		if c.fault.Kind != "" {
			c.fault.Operation = "create_cluster"
			b.sim.Inject(c.fault)
		}
		_, err := b.CreateCluster(t.Context(), params("shop"))
		name := fmt.Sprint(c.fault.Kind, c.fault.Status)
		if got := class(err); got != c.want {
			t.Errorf("%s: %s, want %s: %v", name, got, c.want, err)
		}
		if n := b.sim.CallCount("create_cluster"); n != 1 {
			t.Errorf("%s: sent %d times", name, n)
		}
		if list, err := b.ListClusters(t.Context()); err != nil || (len(list) == 1) != c.exists {
			t.Errorf("%s: %d clusters, %v", name, len(list), err)
		}
		if err != nil && !strings.Contains(doapi.Words(err), c.words) {
			t.Errorf("%s: %q, want %q", name, doapi.Words(err), c.words)
		}
		var e *doapi.Error
		if errors.As(err, &e) && e.RetryAfter != c.retryAfter {
			t.Errorf("%s: retry after %s", name, e.RetryAfter)
		}
	}
}

// What never reached DigitalOcean has certainly not happened.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := "http://" + l.Addr().String()
	_ = l.Close()
	c := client(t, address, token)
	if _, err := c.CreateCluster(t.Context(), params("shop")); class(err) != "unavailable" {
		t.Errorf("%s: %v", class(err), err)
	}
	if err := c.DeleteCluster(t.Context(), "x"); class(err) != "unavailable" {
		t.Errorf("%s: %v", class(err), err)
	}
}

// A call that takes too long is cut off, and nobody knows what it did.
func TestTimeout(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.sim.Inject(dosim.Fault{Operation: "create_cluster", Delay: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := b.CreateCluster(ctx, params("shop")); class(err) != "unknown" || doapi.Words(err) != "it did not answer in time." {
		t.Errorf("%s: %v", class(err), err)
	}
}

// Refusals carry DigitalOcean's own words, as the real API says them.
func TestRealWords(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.sim.Add(dosim.Seed{Name: "taken", Region: "fra1", Size: "s-2vcpu-4gb", Count: 1})
	for words, change := range map[string]func(*doapi.CreateCluster){
		"a cluster with this name already exists":                                                     func(p *doapi.CreateCluster) { p.Name = "taken" },
		"validation error: invalid version slug":                                                      func(p *doapi.CreateCluster) { p.Version = "9.9" },
		"validation error: worker_node_pool_specs[0].invalid droplet size":                            func(p *doapi.CreateCluster) { p.NodePools[0].Size = "xxl" },
		"validation error: 600 additional nodes but not enough available droplet limit":               func(p *doapi.CreateCluster) { p.NodePools[0].Count = 600 },
		"validation error: worker_node_pool_specs[0].pool names cannot be greater than 55 characters": func(p *doapi.CreateCluster) { p.NodePools[0].Name = strings.Repeat("p", 56) },
	} {
		p := params("shop")
		change(&p)
		_, err := b.CreateCluster(t.Context(), p)
		var e *doapi.Error
		if !errors.As(err, &e) || e.Status != 422 || e.ID != "unprocessable_entity" || e.Message != words || e.RequestID == "" {
			t.Errorf("%+v, want %q", err, words)
		}
	}
	if _, err := client(t, b.url, "dop_v1_other").ListClusters(t.Context()); !doapi.IsRefused(err) || !strings.HasPrefix(doapi.Words(err), "Unable to authenticate you.") {
		t.Error(err)
	}
}

// Reads are tried again after what may pass, and not after a refusal.
func TestReadsAreRepeated(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fault dosim.Fault
		calls int
		works bool
	}{
		{dosim.Fault{Times: 2, Kind: dosim.FaultStatus, Status: 500}, 3, true},
		{dosim.Fault{Times: 2, Kind: dosim.FaultReset}, 3, true},
		{dosim.Fault{Times: 2, Kind: dosim.FaultCut}, 3, true},
		{dosim.Fault{Times: 1, Kind: dosim.FaultStatus, Status: 429}, 2, true},
		{dosim.Fault{Times: 9, Kind: dosim.FaultStatus, Status: 503}, 3, false},
		{dosim.Fault{Times: 9, Kind: dosim.FaultStatus, Status: 403}, 1, false},
	} {
		b := setup(t)
		c.fault.Operation = "list_clusters"
		b.sim.Inject(c.fault)
		_, err := b.ListClusters(t.Context())
		if n := b.sim.CallCount("list_clusters"); n != c.calls || (err == nil) != c.works {
			t.Errorf("%v %d: %d calls, %v", c.fault.Kind, c.fault.Status, n, err)
		}
	}
}

// A write that meets a connection which the server is just closing may or may
// not have been heard. Each has a connection of its own, so that no outcome is
// unknown for that reason.
func TestWritesHaveTheirOwnConnection(t *testing.T) {
	t.Parallel()
	var writes atomic.Int64
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serveOnce(conn, &writes)
		}
	}()
	c := client(t, "http://"+l.Addr().String(), token)
	for i := range 3 {
		before := writes.Load()
		err := c.DeleteCluster(t.Context(), "a")
		if sent := writes.Load() - before; err != nil || sent != 1 {
			t.Fatalf("write %d was sent %d times: %v", i, sent, err)
		}
	}
}

// serveOnce answers one request with a promise to keep the connection, and
// closes it as soon as a second one has come.
func serveOnce(conn net.Conn, writes *atomic.Int64) {
	defer func() { _ = conn.Close() }()
	r := bufio.NewReader(conn)
	for first := true; ; first = false {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		writes.Add(1)
		if !first {
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
	}
}

// Redirects would carry the token elsewhere.
func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	var reached atomic.Bool
	elsewhere := answering(t, func(http.ResponseWriter, *http.Request) { reached.Store(true) })
	server := answering(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere, http.StatusTemporaryRedirect)
	})
	c := client(t, server, token)
	_, err := c.GetCluster(t.Context(), "a")
	err2 := c.DeleteCluster(t.Context(), "a")
	if err == nil || err2 == nil || reached.Load() {
		t.Errorf("%v, %v, reached: %v", err, err2, reached.Load())
	}
}

func TestAnswersThatCannotBe(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"another cluster": `{"kubernetes_cluster":{"id":"b"}}`,
		"no cluster":      `{}`,
		"rubbish":         `<html>`,
		"half":            `{"kubernetes_cluster":{"id":"a"`,
		"a wrong type":    `{"kubernetes_cluster":{"id":7}}`,
		"too large":       `{"kubernetes_cluster":{"id":"a","name":"` + strings.Repeat("x", 33<<20) + `"}}`,
	} {
		server := answering(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
		c := client(t, server, token)
		if got, err := c.GetCluster(t.Context(), "a"); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
		if _, err := c.CreateCluster(t.Context(), params("a")); name != "another cluster" && class(err) != "unknown" {
			t.Errorf("%s as the answer to a create: %s", name, class(err))
		}
	}
	server := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"kubernetes_cluster":{"id":"a","status":{"state":"brand-new"},"unheard_of":{"x":1},"node_pools":null,"tags":null}}`)
	})
	if c, err := client(t, server, token).GetCluster(t.Context(), "a"); err != nil || c.Status.State != "brand-new" {
		t.Errorf("a state that nobody has heard of: %+v, %v", c, err)
	}
}

// An identifier cannot name another path.
func TestIdentifiers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, id := range []string{"", ".", "..", "a/b", "../clusters", "a?b", "a#b", "%2e%2e", `a\b`} {
		if err := b.DeleteCluster(t.Context(), id); class(err) != "refused" {
			t.Errorf("%q: %v", id, err)
		}
		if _, err := b.GetCluster(t.Context(), id); err == nil {
			t.Errorf("%q names a cluster", id)
		}
	}
	for _, operation := range []string{"get_cluster", "delete_cluster", "list_clusters"} {
		if n := b.sim.CallCount(operation); n != 0 {
			t.Errorf("%s was called %d times", operation, n)
		}
	}
}

// The token is in nothing that is printed.
func TestTokenIsNotShown(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, nil))
	logger.Info("client", "client", b.Client)
	_, err := client(t, "http://127.0.0.1:1", token).ListClusters(canceled())
	logger.Error("call", "error", err)
	log.WriteString(fmt.Sprintf("%v %+v %#v %s", b.Client, b.Client, b.Client, err))
	if strings.Contains(log.String(), token) {
		t.Error(log.String())
	}
	for _, wrong := range []string{"", " ", "with\nbreak-canary"} {
		if _, err := doapi.New("http://127.0.0.1", wrong); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// The API takes 250 requests a minute, and says how many are left.
func TestRateLimit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var limited *doapi.Error
	for i := range 251 {
		err := b.DeleteCluster(t.Context(), "unknown")
		if doapi.IsRateLimited(err) {
			errors.As(err, &limited)
			if i != 250 {
				t.Errorf("limited at request %d", i+1)
			}
		}
	}
	if limited == nil || limited.RetryAfter != time.Minute || limited.Message != "API rate limit exceeded." || limited.ID != "too_many_requests" {
		t.Fatalf("%+v", limited)
	}
	b.clock.advance(time.Minute)
	if err := b.DeleteCluster(t.Context(), "unknown"); !doapi.IsNotFound(err) {
		t.Errorf("a minute later: %v", err)
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			if _, err := b.CreateCluster(t.Context(), params("same")); err == nil {
				return
			} else if !doapi.IsRefused(err) {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	all.Wait()
	if list, err := b.ListClusters(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("%d clusters of one name, %v", len(list), err)
	}
}
