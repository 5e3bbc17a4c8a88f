package dosim_test

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"doksportal/internal/doapi/dosim"
)

// Every answer, good or bad, names the request and the limits.
func TestHeaders(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ids := map[string]bool{}
	for _, r := range []reply{
		b.call("GET", clusters, "").want(200), b.call("GET", clusterPath("x"), "").want(404), b.call("PATCH", clusters, "").want(405),
		b.call("GET", "/v2/droplets", "").want(404), b.as("wrong").call("GET", clusters, "").want(401), b.as("wrong").call("GET", "/", "").want(401),
	} {
		for _, name := range []string{"ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"} {
			if _, err := strconv.Atoi(r.header.Get(name)); err != nil {
				t.Errorf("%s: %s is %q", r.what, name, r.header.Get(name))
			}
		}
		ids[r.header.Get("x-request-id")] = true
	}
	if len(ids) != 6 || ids[""] {
		t.Errorf("request ids %v", ids)
	}
}

// as returns the bundle with another token.
func (b *bundle) as(token string) *bundle {
	other := *b
	other.token = token
	return &other
}

func TestUnknownPathsAndMethods(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, path := range []string{"/", "/v2/kubernetes", "/v2/droplets", clusters + "/x/y", "/_sim/unknown"} {
		b.call("GET", path, "").refuses(404, "not_found", "The resource you requested could not be found.")
	}
	for path, allowed := range map[string]string{
		clusters: "GET, POST", clusterPath("x"): "GET, PUT, DELETE", clusterPath("x") + "/kubeconfig": "GET",
		clusterPath("x") + "/node_pools/y/recycle": "POST", "/v2/kubernetes/registry": "POST, DELETE", "/v2/sizes": "GET",
	} {
		r := b.call("PATCH", path, "")
		r.refuses(405, "method_not_allowed", "The method is not allowed for the requested resource.")
		if got := r.header.Get("Allow"); got != allowed {
			t.Errorf("%s allows %q, want %q", path, got, allowed)
		}
	}
	plain := setup(t, func(c *dosim.Config) { c.Admin = false })
	plain.call("GET", "/_sim/calls", "").want(404)
}

func TestTokens(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *dosim.Config) { c.Tokens = map[string][]string{token: nil} })
	for _, wrong := range []string{"", "other", token + "x", "x" + token} {
		b.as(wrong).call("POST", clusters, minimal).refuses(401, "unauthorized", "Unable to authenticate you.")
	}
	b.get(clusters).is("meta.total", "0")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.url+clusters, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, header := range []string{"", token, "Basic " + token, "Bearer"} {
		req.Header.Set("Authorization", header)
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		if _ = resp.Body.Close(); resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%q: %d", header, resp.StatusCode)
		}
	}
}

// TestScopes goes through all operations: each needs exactly its scopes.
func TestScopes(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"list_clusters": "read", "create_cluster": "create", "get_cluster": "read", "update_cluster": "update", "delete_cluster": "delete",
		"get_clusterlint": "read", "run_clusterlint": "update", "get_credentials": "access_cluster", "list_associated_resources": "read",
		"delete_cluster_dangerous": "delete", "delete_cluster_selective": "delete", "get_kubeconfig": "access_cluster",
		"list_node_pools": "read", "create_node_pool": "update", "get_node_pool": "read", "update_node_pool": "update",
		"delete_node_pool": "update", "delete_node": "update", "recycle_node_pool": "delete", "list_status_messages": "read",
		"upgrade_cluster": "update", "list_upgrades": "read", "get_cluster_user": "read", "list_options": "read",
		"add_registries": "create update", "remove_registries": "update", "add_registry": "create update", "remove_registry": "update",
		"list_sizes": "",
	}
	all := []string{"read", "create", "update", "delete", "access_cluster"}
	b := setup(t, func(c *dosim.Config) {
		c.Tokens = map[string][]string{"none": nil}
		for _, scope := range all {
			c.Tokens["only-"+scope] = []string{"kubernetes:" + scope}
			c.Tokens["not-"+scope] = nil
			for _, other := range all {
				if other != scope {
					c.Tokens["not-"+scope] = append(c.Tokens["not-"+scope], "kubernetes:"+other)
				}
			}
		}
	})
	if n := len(dosim.Operations()); n != len(want) {
		t.Errorf("%d operations, want %d", n, len(want))
	}
	for _, op := range dosim.Operations() {
		path := strings.NewReplacer("{cluster_id}", "x", "{node_pool_id}", "y", "{node_id}", "z").Replace(op.Path)
		needed := strings.Fields(want[op.Name])
		for _, scope := range needed {
			for _, lacking := range []string{"none", "not-" + scope} {
				b.as(lacking).call(op.Method, path, "{}").refuses(403, "forbidden", "you do not have access for the attempted action")
			}
		}
		if len(needed) == 1 {
			if r := b.as("only-"+needed[0]).call(op.Method, path, "{}"); r.status == 403 {
				t.Errorf("%s with its scope: %s", op.Name, r.body)
			}
		}
		if len(needed) == 0 {
			b.as("none").call(op.Method, path, "").want(200)
		}
	}
}

// A token has 250 requests a minute and 5000 an hour, whatever is answered.
func TestLimits(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *dosim.Config) {
		c.Limits = dosim.Limits{}
		c.Tokens = map[string][]string{"other": {"kubernetes:read"}}
	})
	start := b.clock.Now()
	wantLeft := func(r reply, left int) {
		t.Helper()
		h := r.header
		if h.Get("ratelimit-limit") != "5000" || h.Get("ratelimit-remaining") != strconv.Itoa(left) || h.Get("ratelimit-reset") != strconv.FormatInt(start.Add(time.Hour).Unix(), 10) {
			t.Errorf("limit %s, remaining %s, want %d, reset %s", h.Get("ratelimit-limit"), h.Get("ratelimit-remaining"), left, h.Get("ratelimit-reset"))
		}
	}
	for i := range 250 {
		wantLeft(b.call("GET", clusterPath("x"), "").want(404), 4999-i)
	}
	b.clock.advance(20 * time.Second)
	tooMany := b.call("POST", clusters, minimal)
	tooMany.refuses(429, "too_many_requests", "API rate limit exceeded.")
	wantLeft(tooMany, 4750)
	if got := tooMany.header.Get("retry-after"); got != "40" {
		t.Errorf("retry after %q", got)
	}
	b.as("other").call("GET", clusters, "").want(200).is("meta.total", "0")
	b.clock.advance(40 * time.Second)
	for range 19 {
		for range 250 {
			b.call("GET", clusters, "").want(200)
		}
		b.clock.advance(time.Minute)
	}
	exhausted := b.call("GET", clusters, "")
	exhausted.refuses(429, "too_many_requests", "API rate limit exceeded.")
	wantLeft(exhausted, 0)
	if got := exhausted.header.Get("retry-after"); got != "" {
		t.Errorf("retry after %q, of the hour", got)
	}
	b.clock.advance(40 * time.Minute)
	b.call("GET", clusters, "").want(200)
}

func TestOtherLimits(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *dosim.Config) { c.Limits = dosim.Limits{PerHour: 3, PerMinute: -1} })
	for range 3 {
		b.get(clusters)
	}
	b.call("GET", clusters, "").want(429)
	b = setup(t, func(c *dosim.Config) { c.Limits = dosim.Limits{PerHour: -1, PerMinute: 2} })
	b.get(clusters)
	b.get(clusters)
	b.call("GET", clusters, "").want(429)
}

func TestLargeRequests(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if r, err := b.try(http.MethodPost, clusters, strings.Repeat(" ", 2<<20)); err == nil {
		r.refuses(400, "bad_request", "The request body cannot be read.")
	}
}

// Many clients at once see whole clusters, and only one of them gets a name.
func TestConcurrentClients(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *dosim.Config) { c.Now = nil })
	var all sync.WaitGroup
	var made atomic.Int64
	for range 8 {
		all.Go(func() {
			r, err := b.try("POST", clusters, minimal)
			if err == nil && r.status == 201 {
				made.Add(1)
				path := clusterPath(r.text("kubernetes_cluster.id"))
				b.sim.SetState(strings.TrimPrefix(path, clusters+"/"), "running", "")
				_, err = b.try("PUT", path, `{"tags":["a","b"]}`)
			}
			if err == nil {
				r, err = b.try("GET", clusters, "")
			}
			if err != nil || r.at("meta.total") == missing {
				t.Errorf("%s, %v", r.body, err)
			}
		})
	}
	all.Wait()
	if made.Load() != 1 {
		t.Errorf("%d clusters of one name", made.Load())
	}
}
