package dosim_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"doksportal/internal/doapi/dosim"
)

const token = "dop_v1_canary"

// clock is a time that only tests move.
type clock struct{ now atomic.Int64 }

func (c *clock) Now() time.Time          { return time.Unix(0, c.now.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.now.Add(int64(d)) }

// bundle is a simulator that is called over HTTP.
type bundle struct {
	t     *testing.T
	sim   *dosim.Sim
	clock *clock
	url   string
	token string
}

// setup starts a simulator without limits at 2026-01-02T03:04:05Z.
func setup(t *testing.T, changes ...func(*dosim.Config)) *bundle {
	t.Helper()
	b := &bundle{t: t, clock: &clock{}, token: token}
	b.clock.now.Store(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixNano())
	cfg := dosim.Config{Token: token, Now: b.clock.Now, Admin: true, Limits: dosim.Limits{PerHour: -1, PerMinute: -1}}
	for _, change := range changes {
		change(&cfg)
	}
	b.sim = dosim.New(cfg)
	server := httptest.NewServer(b.sim)
	t.Cleanup(server.Close)
	b.url = server.URL
	return b
}

// add adds a running cluster of one pool with two nodes.
func (b *bundle) add(name string) (path string) {
	b.t.Helper()
	return clusterPath(b.sim.Add(dosim.Seed{Name: name, Region: "fra1", Size: "s-2vcpu-4gb", Count: 2, Tags: []string{"mine"}}))
}

const clusters = "/v2/kubernetes/clusters"

func clusterPath(id string) string { return clusters + "/" + id }

// pool is the path of a cluster's pool.
func (b *bundle) pool(cluster string, i int) string {
	b.t.Helper()
	return cluster + "/node_pools/" + b.get(cluster).text(fmt.Sprintf("kubernetes_cluster.node_pools.%d.id", i))
}

// reply is an answer that was read to its end.
type reply struct {
	t      *testing.T
	what   string
	status int
	header http.Header
	body   string
}

func (b *bundle) get(path string) reply {
	b.t.Helper()
	return b.call(http.MethodGet, path, "").want(200)
}

func (b *bundle) call(method, path, body string) reply {
	b.t.Helper()
	r, err := b.try(method, path, body)
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
	return r
}

func (b *bundle) try(method, path, body string) (reply, error) {
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.url+path, strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	req.Header.Set("Authorization", "Bearer "+b.token)
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	content, err := io.ReadAll(resp.Body)
	return reply{b.t, method + " " + path, resp.StatusCode, resp.Header, string(content)}, err
}

func (r reply) want(status int) reply {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("%s: status %d, want %d: %s", r.what, r.status, status, r.body)
	}
	if status == http.StatusNoContent && r.body != "" {
		r.t.Errorf("%s: a body: %s", r.what, r.body)
	}
	return r
}

// refuses wants an error of the API's form.
func (r reply) refuses(status int, id, message string) {
	r.t.Helper()
	r.want(status).is("id", strconv.Quote(id)).is("message", strconv.Quote(message))
	r.is("request_id", strconv.Quote(r.header.Get("x-request-id")))
}

// invalid wants a 422.
func (r reply) invalid(message string) {
	r.t.Helper()
	r.refuses(422, "unprocessable_entity", message)
}

// at returns the part of the body that a path like "clusters.0.id" names.
func (r reply) at(path string) any {
	r.t.Helper()
	var value any
	if err := json.Unmarshal([]byte(r.body), &value); err != nil {
		r.t.Fatalf("%s: %v: %s", r.what, err, r.body)
	}
	for name := range strings.SplitSeq(path, ".") {
		switch v := value.(type) {
		case map[string]any:
			inner, ok := v[name]
			if !ok {
				return missing
			}
			value = inner
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(v) {
				return missing
			}
			value = v[i]
		default:
			return missing
		}
	}
	return value
}

// nothing stands for what an answer does not have.
const nothing = "nothing"

var missing any = struct{ string }{nothing}

func (r reply) text(path string) string {
	r.t.Helper()
	return fmt.Sprint(r.at(path))
}

// is wants a part of the body to be this JSON; object members are sorted.
func (r reply) is(path, want string) reply {
	r.t.Helper()
	value := r.at(path)
	got, err := json.Marshal(value)
	if err != nil {
		r.t.Fatal(err)
	}
	if value == missing {
		got = []byte(nothing)
	}
	if string(got) != want {
		r.t.Errorf("%s: %s is %s, want %s", r.what, path, got, want)
	}
	return r
}

// states are those of the nodes of a pool, in order.
func (b *bundle) states(pool string) string {
	b.t.Helper()
	nodes, _ := b.get(pool).at("node_pool.nodes").([]any)
	var states []string
	for _, n := range nodes {
		status, _ := n.(map[string]any)["status"].(map[string]any)
		states = append(states, fmt.Sprint(status["state"]))
	}
	return strings.Join(states, " ")
}
