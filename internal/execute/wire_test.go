package execute_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"doksportal/internal/doapi"
	"doksportal/internal/portal"
	"doksportal/internal/request"
)

// recorder stands before the simulator and writes down what changes something.
type recorder struct {
	mu    sync.Mutex
	lines []string
}

// record has the executor's calls written down, with the cluster called C.
func (b *bundle) record() *recorder {
	b.t.Helper()
	rec := &recorder{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if r.Method != http.MethodGet || strings.Contains(r.URL.RawQuery, "expiry") {
			line := strings.TrimPrefix(r.Method+" "+r.URL.RequestURI()+" "+string(body), " ")
			rec.mu.Lock()
			rec.lines = append(rec.lines, strings.TrimSpace(strings.ReplaceAll(line, b.cluster, "C")))
			rec.mu.Unlock()
		}
		b.sim.ServeHTTP(w, r)
	}))
	b.t.Cleanup(server.Close)
	client, err := doapi.New(server.URL, token)
	b.must(err)
	b.executor.DO = client
	return rec
}

// last is the last call.
func (rec *recorder) last() string {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if len(rec.lines) == 0 {
		return ""
	}
	return rec.lines[len(rec.lines)-1]
}

// everySetting configures all that a cluster has.
func everySetting(h hand) {
	h["control_plane_firewall"] = hand{"enabled": true, "allowed_addresses": []string{"203.0.113.7", "198.51.100.0/24"}}
	h["cluster_autoscaler_configuration"] = hand{"expanders": []string{"priority", "random"}, "scale_down_unneeded_time": "1m", "scale_down_utilization_threshold": 0.65}
	h["maintenance_policy"] = hand{"start_time": "04:00", "day": "monday"}
	h["plugins"] = hand{"routing_agent": true}
}

// An update says what changes, and nothing else but the name, which
// DigitalOcean asks for every time. Objects are said whole, because
// DigitalOcean takes them whole.
func TestUpdatesOnTheWire(t *testing.T) {
	t.Parallel()
	for want, change := range map[string][]string{
		`{"name":"poor"}`:                                                            {"name", "poor"},
		`{"name":"rich","ha":true}`:                                                  {"ha", "true"},
		`{"name":"rich","auto_upgrade":true}`:                                        {"auto_upgrade", "true"},
		`{"name":"rich","surge_upgrade":false}`:                                      {"surge_upgrade", ""},
		`{"name":"rich","tags":["team:pay","env:development","green","red"]}`:        {"tags", "red green"},
		`{"name":"rich","tags":["team:pay","env:development"]}`:                      {"tags", ""},
		`{"name":"rich","maintenance_policy":{"day":"friday","start_time":"04:00"}}`: {"maintenance_day", "friday"},
		`{"name":"rich","control_plane_firewall":{"enabled":false,"allowed_addresses":["203.0.113.7","198.51.100.0/24"]}}`:                                          {"firewall", ""},
		`{"name":"rich","control_plane_firewall":{"enabled":true,"allowed_addresses":["203.0.113.8"]}}`:                                                             {"firewall_allowed", "203.0.113.8"},
		`{"name":"rich","cluster_autoscaler_configuration":{"expanders":[],"scale_down_unneeded_time":"1m0s","scale_down_utilization_threshold":0.65}}`:             {"expanders", ""},
		`{"name":"rich","cluster_autoscaler_configuration":{"expanders":["priority","random"],"scale_down_unneeded_time":"","scale_down_utilization_threshold":0}}`: {"unneeded_time", "", "utilization", ""},
		`{"name":"rich","routing_agent":{"enabled":false}}`:                                                                                                         {"routing_agent", "off"},
		`{"name":"rich","nvidia_gpu_device_plugin":{"enabled":true}}`:                                                                                               {"nvidia_gpu_device_plugin", "on"},
		`{"name":"poor","auto_upgrade":true,"routing_agent":{"enabled":false}}`:                                                                                     {"name", "poor", "auto_upgrade", "true", "routing_agent", "off"},
	} {
		t.Run(strings.Join(change, " "), func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			b.behind(everySetting)
			b.clock.advance(time.Second)
			b.must(b.syncer.Sync(t.Context()))
			rec := b.record()
			r := b.approved(operationCase{ask: updateAsk(change...)})
			b.want(b.step(r), portal.Settling)
			if got := rec.last(); got != "PUT /v2/kubernetes/clusters/C "+want {
				t.Errorf("sent %s\nwant %s", got, want)
			}
			b.want(b.finish(r), portal.Succeeded)
		})
	}
}

// A pool's update always has its name, because the reference asks for it, and
// its count only where it is not the autoscaler's to choose: where the pool does
// not autoscale, or only begins to.
func TestPoolUpdatesOnTheWire(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]struct {
		pool   string
		change []string
	}{
		`{"name":"fixed","count":3}`:                                               {"fixed", []string{"count", "3"}},
		`{"name":"fixed","count":0}`:                                               {"fixed", []string{"count", "0"}},
		`{"name":"wide","count":2}`:                                                {"fixed", []string{"name", "wide"}},
		`{"name":"fixed","count":2,"labels":{}}`:                                   {"fixed", []string{"labels", ""}},
		`{"name":"fixed","count":2,"labels":{"tier":"db"}}`:                        {"fixed", []string{"labels", "tier=db"}},
		`{"name":"fixed","count":2,"taints":[]}`:                                   {"fixed", []string{"taints", ""}},
		`{"name":"fixed","count":2,"tags":["portal-request:x","red"]}`:             {"fixed", []string{"tags", "red"}},
		`{"name":"fixed","count":2,"tags":["portal-request:x"]}`:                   {"fixed", []string{"tags", ""}},
		`{"name":"fixed","count":2,"auto_scale":true,"min_nodes":1,"max_nodes":3}`: {"fixed", []string{"auto_scale", "true", "min_nodes", "1", "max_nodes", "3"}},
		`{"name":"fixed","count":2,"auto_scale":true,"max_nodes":3}`:               {"fixed", []string{"auto_scale", "true", "min_nodes", "0", "max_nodes", "3"}},
		`{"name":"auto","max_nodes":5}`:                                            {"auto", []string{"max_nodes", "5"}},
		`{"name":"auto","min_nodes":0}`:                                            {"auto", []string{"min_nodes", "0"}},
		`{"name":"auto","labels":{"a":"b"}}`:                                       {"auto", []string{"labels", "a=b"}},
		`{"name":"auto","taints":[{"key":"k","value":"","effect":"NoExecute"}]}`:   {"auto", []string{"taints", "k:NoExecute"}},
		`{"name":"auto","count":1,"auto_scale":false}`:                             {"auto", []string{"auto_scale", "", "count", "1"}},
		`{"name":"auto","count":4,"auto_scale":false}`:                             {"auto", []string{"auto_scale", "", "count", "4"}},
		`{"name":"many","labels":{}}`:                                              {"auto", []string{"name", "many", "labels", ""}},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			b.behind(func(h hand) {
				h.pool("fixed")["tags"] = []string{"portal-request:x", "blue"}
				if strings.Contains(want, "many") {
					h.pool("auto")["labels"] = hand{"a": "b"}
				}
			})
			b.clock.advance(time.Second)
			b.must(b.syncer.Sync(t.Context()))
			rec := b.record()
			id := b.pool1(c.pool).ID
			r := b.approved(operationCase{ask: onPool(portal.UpdateNodePool, c.pool, c.change...)})
			b.want(b.step(r), portal.Settling)
			if got := rec.last(); got != "PUT /v2/kubernetes/clusters/C/node_pools/"+id+" "+want {
				t.Errorf("sent %s\nwant %s", got, want)
			}
			b.want(b.finish(r), portal.Succeeded)
		})
	}
}

// What is new carries the tags by which people see its owner and the portal
// finds it again.
func TestCreationsOnTheWire(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	rec := b.record()
	ask := createAsk("new", 2)
	for name, value := range map[string]string{
		"tags": "red", "ha": "true", "cluster_subnet": "10.0.0.0/16", "service_subnet": "10.1.0.0/16", "auto_upgrade": "true",
		"maintenance_day": "friday", "maintenance_start": "04:00", "firewall": "true", "firewall_allowed": "203.0.113.7",
		"expanders": "priority", "routing_agent": "off", "pools[0].labels": "a=b", "pools[0].taints": "k=v:NoSchedule", "pools[0].tags": "fast",
	} {
		ask.Form.Set(name, value)
	}
	r := b.step(b.approved(operationCase{ask: func(*bundle) request.SubmitInput { return ask }}))
	b.want(r, portal.Settling)
	want := `POST /v2/kubernetes/clusters {"name":"new","region":"fra1","version":"1.35.1-do.0","ha":true,"auto_upgrade":true,"surge_upgrade":false,` +
		`"tags":["` + r.RequestTag() + `","team:pay","env:development","red"],"cluster_subnet":"10.0.0.0/16","service_subnet":"10.1.0.0/16",` +
		`"node_pools":[{"name":"pool","size":"s-2vcpu-4gb","count":2,"auto_scale":false,"min_nodes":0,"max_nodes":0,"tags":["fast"],"labels":{"a":"b"},` +
		`"taints":[{"key":"k","value":"v","effect":"NoSchedule"}]}],` +
		`"maintenance_policy":{"day":"friday","start_time":"04:00"},"control_plane_firewall":{"enabled":true,"allowed_addresses":["203.0.113.7"]},` +
		`"cluster_autoscaler_configuration":{"expanders":["priority"],"scale_down_unneeded_time":"","scale_down_utilization_threshold":0},"routing_agent":{"enabled":false}}`
	if got := rec.last(); got != want {
		t.Errorf("sent %s\nwant %s", got, want)
	}
	r = b.step(b.approved(cases[portal.CreateNodePool]))
	b.want(r, portal.Settling)
	want = `POST /v2/kubernetes/clusters/C/node_pools {"name":"more","size":"s-2vcpu-4gb","count":1,"auto_scale":true,"min_nodes":1,"max_nodes":4,` +
		`"tags":["` + r.RequestTag() + `"],"labels":{"a":"b"}}`
	if got := rec.last(); got != want {
		t.Errorf("sent %s\nwant %s", got, want)
	}
}

// What ends something names it, and only it.
func TestDeletionsOnTheWire(t *testing.T) {
	t.Parallel()
	const pool = "/v2/kubernetes/clusters/C/node_pools/"
	tests := []struct {
		c    operationCase
		want func(p portal.Pool) string
	}{
		{cases[portal.DeleteNode], func(p portal.Pool) string { return "DELETE " + pool + p.ID + "/nodes/" + p.Nodes[0].ID }},
		{operationCase{ask: onNode(portal.DeleteNode, "replace", "true")}, func(p portal.Pool) string {
			return "DELETE " + pool + p.ID + "/nodes/" + p.Nodes[0].ID + "?replace=1"
		}},
		{operationCase{ask: onNode(portal.DeleteNode, "replace", "true", "skip_drain", "true")}, func(p portal.Pool) string {
			return "DELETE " + pool + p.ID + "/nodes/" + p.Nodes[0].ID + "?replace=1&skip_drain=1"
		}},
		{cases[portal.RecycleNodePool], func(p portal.Pool) string {
			return "POST " + pool + p.ID + `/recycle {"nodes":["` + p.Nodes[0].ID + `"]}`
		}},
		{cases[portal.DeleteCluster], func(portal.Pool) string { return "DELETE /v2/kubernetes/clusters/C" }},
		{cases[portal.DeleteClusterSelective], func(portal.Pool) string {
			return `DELETE /v2/kubernetes/clusters/C/destroy_with_associated_resources/selective {"load_balancers":[],"volumes":["v1"],"volume_snapshots":["s1"]}`
		}},
		{cases[portal.DeleteClusterDangerous], func(portal.Pool) string {
			return "DELETE /v2/kubernetes/clusters/C/destroy_with_associated_resources/dangerous"
		}},
		{cases[portal.RemoveRegistries], func(portal.Pool) string {
			return `DELETE /v2/kubernetes/registries {"cluster_uuids":["C"],"registries":["old"]}`
		}},
		{cases[portal.RemoveRegistry], func(portal.Pool) string { return `DELETE /v2/kubernetes/registry {"cluster_uuids":["C"]}` }},
	}
	for _, tt := range tests {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			b := richSetup(t, tt.c.registries...)
			rec := b.record()
			r := b.approved(tt.c)
			want := tt.want(b.pool1("fixed"))
			b.want(b.step(r), portal.Settling)
			if got := rec.last(); got != want {
				t.Errorf("sent %s\nwant %s", got, want)
			}
		})
	}
}

// Access is asked for with the lifetime that was granted: without it
// DigitalOcean would give seven days.
func TestAccessOnTheWire(t *testing.T) {
	t.Parallel()
	for op, path := range map[portal.OperationID]string{portal.GetKubeconfig: "kubeconfig", portal.GetCredentials: "credentials"} {
		b := richSetup(t)
		rec := b.record()
		r := b.access(op, portal.Development, "17")
		_, err := b.collect(b.member, r)
		b.must(err)
		if got, want := rec.last(), "GET /v2/kubernetes/clusters/C/"+path+"?expiry_seconds=1020"; got != want {
			t.Errorf("sent %s, want %s", got, want)
		}
	}
}

// updateAsk changes settings of the cluster, starting from its form.
func updateAsk(pairs ...string) func(*bundle) request.SubmitInput {
	return func(b *bundle) request.SubmitInput {
		ask := request.SubmitInput{Operation: portal.UpdateCluster, ClusterID: b.cluster}
		ask.Form = b.opened(ask, pairs...)
		return ask
	}
}
