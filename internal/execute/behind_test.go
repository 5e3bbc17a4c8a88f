package execute_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"doksportal/internal/portal"
)

// hand is a cluster as the simulator keeps it. Whoever changes it acts behind
// the portal's back, without a call.
type hand map[string]any

// behind changes the cluster behind the portal's back.
func (b *bundle) behind(change func(hand)) {
	b.t.Helper()
	content, err := b.sim.Snapshot()
	b.must(err)
	var state struct {
		Version  int    `json:"version"`
		Clusters []hand `json:"clusters"`
	}
	b.must(json.Unmarshal(content, &state))
	for _, c := range state.Clusters {
		if c["id"] == b.cluster {
			change(c)
		}
	}
	content, err = json.Marshal(state)
	b.must(err)
	b.must(b.sim.Restore(content))
}

// pool is a pool of the cluster.
func (h hand) pool(name string) hand {
	for _, p := range h["pools"].([]any) {
		if p := hand(p.(map[string]any)); p["name"] == name {
			return p
		}
	}
	panic("no pool " + name)
}

// remove takes a pool away.
func (h hand) remove(name string) {
	var left []any
	for _, p := range h["pools"].([]any) {
		if p.(map[string]any)["name"] != name {
			left = append(left, p)
		}
	}
	h["pools"] = left
}

// setting changes a field.
func setting(key string, value any) func(hand) {
	return func(h hand) { h[key] = value }
}

// ofPool changes a field of a pool.
func ofPool(name, key string, value any) func(hand) {
	return func(h hand) { h.pool(name)[key] = value }
}

// scale adds a node to a pool, as its autoscaler does.
func scale(name string) func(hand) {
	return func(h hand) {
		p := h.pool(name)
		p["count"] = p["count"].(float64) + 1
		p["nodes"] = append(p["nodes"].([]any), hand{
			"id": uuid.NewString(), "name": name + "-new01", "created_at": "2026-01-01T00:00:00Z", "ready_at": "2026-01-01T00:00:00Z"})
	}
}

func resource(kind, id, name string) func(hand) {
	return func(h hand) {
		all := h["resources"].(map[string]any)
		list, _ := all[kind].([]any)
		all[kind] = append(list, hand{"id": id, "name": name})
	}
}

func without(kind string) func(hand) {
	return func(h hand) { h["resources"].(map[string]any)[kind] = []any{} }
}

// behindCases are changes between the approval of an operation and its
// execution, and the words that say what differs. Without words the change does
// not matter to the operation.
var behindCases = []struct {
	name   string
	op     portal.OperationID
	change func(hand)
	says   string
}{
	{"renamed", portal.UpdateCluster, setting("name", "poor"), "the name was rich and is poor"},
	{"renamed", portal.UpgradeCluster, setting("name", "poor"), "the name was rich and is poor"},
	{"renamed", portal.CreateNodePool, setting("name", "poor"), "the name was rich and is poor"},
	{"renamed", portal.DeleteNodePool, setting("name", "poor"), "the name was rich and is poor"},
	{"renamed", portal.DeleteCluster, setting("name", "poor"), "the name was rich and is poor"},
	{"tags", portal.UpdateCluster, setting("tags", []string{"team:pay", "red"}), "Tags was blue and is red"},
	{"a system tag", portal.UpdateCluster, setting("tags", []string{"team:other", "blue"}), ""},
	{"firewall", portal.UpdateCluster, setting("control_plane_firewall", hand{"enabled": true, "allowed_addresses": []string{"203.0.113.9"}}),
		"Control plane firewall was off and is only from 203.0.113.9"},
	{"expanders", portal.UpdateCluster, setting("cluster_autoscaler_configuration", hand{"expanders": []string{"random"}}),
		"Autoscaler's expanders was default and is random"},
	{"a setting that it leaves alone", portal.UpdateCluster, setting("surge_upgrade", false), ""},
	{"a pool", portal.UpdateCluster, func(h hand) { h.remove("auto") }, ""},
	{"updated_at", portal.UpdateCluster, setting("updated_at", "2026-01-02T03:05:00Z"), ""},

	{"the version", portal.UpgradeCluster, setting("version", "1.34.2-do.0"), "the version was 1.34.1-do.0 and is 1.34.2-do.0"},
	{"the version", portal.DeleteCluster, setting("version", "1.34.4-do.0"), "the version was 1.34.1-do.0 and is 1.34.4-do.0"},
	{"the version", portal.DeleteNodePool, setting("version", "1.34.4-do.0"), ""},
	{"a tag", portal.UpgradeCluster, setting("tags", []string{"red"}), ""},

	{"the pool's count", portal.UpdateNodePool, scale("fixed"), "2 × s-2vcpu-4gb"},
	{"the pool's labels", portal.UpdateNodePool, ofPool("fixed", "labels", map[string]string{"tier": "db"}), "labels tier=db"},
	{"the pool's taints", portal.UpdateNodePool, ofPool("fixed", "taints", []any{}), "taints none"},
	{"the pool's tags", portal.UpdateNodePool, ofPool("fixed", "tags", []string{"red"}), "tags red"},
	{"the pool's name", portal.UpdateNodePool, ofPool("fixed", "name", "other"), "is other: 2"},
	{"the pool is gone", portal.UpdateNodePool, func(h hand) { h.remove("fixed") }, "the pool was fixed: 2 × s-2vcpu-4gb"},
	{"the pool autoscales", portal.UpdateNodePool, func(h hand) {
		p := h.pool("fixed")
		p["auto_scale"], p["min_nodes"], p["max_nodes"] = true, 1, 5
	}, "1 to 5 × s-2vcpu-4gb"},
	{"another pool", portal.UpdateNodePool, ofPool("auto", "max_nodes", 9), ""},
	{"the autoscaler", portal.DeleteNodePool, scale("auto"), ""},
	{"the autoscaler's bounds", portal.DeleteNodePool, ofPool("auto", "max_nodes", 9), "1 to 9 × s-2vcpu-4gb"},
	{"the pool is gone", portal.DeleteNodePool, func(h hand) { h.remove("auto") }, "the pool was auto: 1 to 3 × s-2vcpu-4gb"},
	{"the pool is gone", portal.DeleteNode, func(h hand) { h.remove("fixed") }, "the pool was fixed and is gone"},
	{"another node", portal.DeleteNode, scale("fixed"), ""},
	{"the pool is gone", portal.RecycleNodePool, func(h hand) { h.remove("fixed") }, "the pool was fixed and is gone"},
	{"another node", portal.RecycleNodePool, scale("fixed"), ""},

	{"the autoscaler", portal.DeleteCluster, scale("auto"), ""},
	{"a new pool", portal.DeleteCluster, ofPool("auto", "name", "more"), "pool more is new: 1 to 3 × s-2vcpu-4gb"},
	{"a new volume", portal.DeleteCluster, resource("volumes", "v3", "late"), ""},
	{"high availability", portal.DeleteCluster, setting("ha", true), "high availability was no and is yes"},
	{"a new volume", portal.DeleteClusterDangerous, resource("volumes", "v3", "late"), "The volume late now belongs to the cluster and would be destroyed too."},
	{"a new load balancer", portal.DeleteClusterDangerous, resource("load_balancers", "l1", "front"), "The load balancer front now belongs"},
	{"a snapshot that is gone", portal.DeleteClusterDangerous, without("volume_snapshots"), "The volume snapshot nightly, which was to be destroyed, no longer belongs"},
	{"a new volume", portal.DeleteClusterSelective, resource("volumes", "v3", "late"), ""},
	{"volumes that are gone", portal.DeleteClusterSelective, without("volumes"), "The volume data, which was to be destroyed, no longer belongs"},
	{"the autoscaler", portal.DeleteClusterDangerous, scale("auto"), ""},

	{"another registry", portal.AddRegistries, setting("registries", []string{"old", "other"}), "with old and is with old, other"},
	{"no registry", portal.RemoveRegistries, setting("registries", []string{}), "with old and is with no registry"},
	{"another registry", portal.AddRegistry, setting("registries", []string{"other"}), "with old and is with other"},
	{"another registry", portal.RemoveRegistry, setting("registries", []string{"default-registry"}), "is with default-registry"},
	{"a tag", portal.AddRegistries, setting("tags", []string{"red"}), ""},
	{"everything of it", portal.RunClusterlint, func(h hand) {
		h["name"], h["tags"], h["registries"] = "poor", []string{}, []string{}
		h.remove("auto")
	}, ""},
}

func TestChangesBehindThePortalsBack(t *testing.T) {
	t.Parallel()
	for _, c := range behindCases {
		t.Run(string(c.op)+" "+c.name, func(t *testing.T) {
			t.Parallel()
			b := richSetup(t, cases[c.op].registries...)
			r := b.approved(cases[c.op])
			b.behind(c.change)
			r = b.step(r)
			if c.says == "" {
				b.want(r, portal.Settling)
				b.wantCalls(string(c.op), 1)
				return
			}
			b.wantStale(r, c.op, c.says)
		})
	}
}

// wantStale makes sure that nothing was sent and that people are told why.
func (b *bundle) wantStale(r portal.Request, op portal.OperationID, says string) {
	b.t.Helper()
	b.want(r, portal.Stale)
	b.wantCalls(string(op), 0)
	b.wantNoReservation(r)
	if len(r.Attempts) > 0 {
		b.t.Errorf("there are attempts: %+v", r.Attempts)
	}
	if !strings.Contains(r.Reason, says) {
		b.t.Errorf("%q does not say %q", r.Reason, says)
	}
	if got := b.trail(r); !strings.HasSuffix(got, " request_stale") {
		b.t.Errorf("on the trail: %s", got)
	}
}

// Every operation on a cluster is void when the cluster is gone or was made
// again under its name, and waits while DigitalOcean does not say.
func TestEveryOperationNeedsItsCluster(t *testing.T) {
	t.Parallel()
	forEach(t, func(t *testing.T, op portal.OperationID, c operationCase) {
		if op == portal.CreateCluster {
			return // it has none yet
		}
		b := richSetup(t, c.registries...)
		r := b.approved(c)
		b.sim.Recreate(b.cluster)
		b.wantStale(b.step(r), op, "The cluster is gone already.")
	})
}

// What was planned within one set of rules is not done within another.
func TestRulesThatChange(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, sql, says string
	}{
		{"the cluster became production", `UPDATE clusters SET environment = 'production'`, "The policy's answer has changed: it now needs 1 approval from pay-approvers or platform (before: needs no approval)"},
		{"the cluster's environment was taken away", `UPDATE clusters SET environment = NULL`, "The policy's answer has changed"},
		{"the cluster was given away", `UPDATE clusters SET team_id = NULL, environment = NULL, protected = true`, "The cluster belongs to another team now."},
		{"the size was taken away", `UPDATE teams SET quota = jsonb_set(quota, '{sizes}', '["c-2"]')`, "The policy's answer has changed: It would exceed the team's quota."},
		{"the requester's group is another", `UPDATE teams SET member_group = 'others'`, "ann is no longer a member of team pay."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			r := b.approved(cases[portal.CreateNodePool])
			_, err := b.pool.Exec(t.Context(), tt.sql)
			b.must(err)
			b.wantStale(b.step(r), portal.CreateNodePool, tt.says)
		})
	}
}

// A form that was opened before the cluster changed is not taken: its reader
// saw another plan.
func TestFormsOfAnotherState(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(hand)
		kind   portal.Kind
	}{
		"nothing":        {func(hand) {}, portal.KindUnknown},
		"the autoscaler": {scale("auto"), portal.KindUnknown},
		"a label":        {ofPool("fixed", "labels", map[string]string{"tier": "db"}), portal.KindConflict},
		"a new pool":     {ofPool("auto", "name", "more"), portal.KindConflict},
		"a setting":      {setting("surge_upgrade", false), portal.KindConflict},
		"a registry":     {setting("registries", []string{"new"}), portal.KindConflict},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			ask := on(portal.DeleteCluster)(b)
			opened := ask
			opened.Form = nil
			d, err := b.requests.Plan(t.Context(), b.member, opened)
			b.must(err)
			ask.Form.Set("seen", d.ETag)
			b.behind(tt.change)
			b.clock.advance(time.Second)
			if _, err = b.requests.Submit(t.Context(), b.member, ask); portal.KindOf(err) != tt.kind {
				t.Errorf("submitted: %v", err)
			}
		})
	}
}

// What an operation is about has to be named, by whatever door it comes.
func TestAsksThatNameNothing(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	for _, op := range []portal.OperationID{portal.UpdateNodePool, portal.DeleteNodePool, portal.DeleteNode, portal.RecycleNodePool} {
		ask := on(op, "name", "wide", "count", "4", "nodes", "n")(b)
		_, err := b.requests.Submit(t.Context(), b.member, ask)
		if !slices.Contains([]portal.Kind{portal.KindNotFound, portal.KindInvalid}, portal.KindOf(err)) {
			t.Errorf("%s without a pool: %v", op, err)
		}
	}
	ask := onNode(portal.DeleteNode)(b)
	ask.NodeID = ""
	if _, err := b.requests.Submit(t.Context(), b.member, ask); !portal.Is(err, portal.KindNotFound) {
		t.Errorf("without a node: %v", err)
	}
}
