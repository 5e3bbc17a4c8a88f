package operation

import (
	"strings"
	"testing"

	"doksportal/internal/portal"
)

// Whoever opens the control plane to everybody, or to nobody, is warned in the
// plan that approvers see.
func TestFirewallWarnings(t *testing.T) {
	t.Parallel()
	tests := []struct{ allowed, says string }{
		{"0.0.0.0/0", "every address: it protects nothing"},
		{"203.0.113.7 0.0.0.0/0", "every address: it protects nothing"},
		{"128.0.0.0/1", "a large part of the internet"},
		{"10.0.0.0/8 192.168.1.1", "nobody could reach it"},
		{"127.0.0.1", "nobody could reach it"},
		{"10.0.0.0/8 203.0.113.7", ""},
		{"203.0.113.0/24", ""},
	}
	for _, op := range []portal.OperationID{portal.CreateCluster, portal.UpdateCluster} {
		for _, tt := range tests {
			d := planned(t, op, "firewall", "true", "firewall_allowed", tt.allowed)
			got := strings.Join(d.Plan.Warnings, " ")
			if (tt.says == "") != (got == "") || !strings.Contains(got, tt.says) {
				t.Errorf("%s, %s: %q", op, tt.allowed, got)
			}
		}
		if d := planned(t, op, "firewall", "", "firewall_allowed", "0.0.0.0/0"); len(d.Plan.Warnings) > 0 {
			t.Errorf("%s, off: %q", op, d.Plan.Warnings)
		}
	}
}

// Keys that DigitalOcean or Kubernetes set by themselves are refused, unless the
// pool has them already.
func TestOwnedKeys(t *testing.T) {
	t.Parallel()
	for key, refused := range map[string]bool{
		"doks.digitalocean.com/node-id": true, "x.doks.digitalocean.com/y": true, "kubernetes.io/hostname": true, "node.kubernetes.io/not-ready": true,
		"topology.kubernetes.io/zone": true, "beta.kubernetes.io/arch": true, "k8s.io/x": true, "x.k8s.io/y": true, "notk8s.io/x": false,
		"app.kubernetes.io/name": false, "node-role.kubernetes.io/worker": false, "node-restriction.kubernetes.io/team": false,
		"example.com/doks.digitalocean.com": false, "mydoks.digitalocean.com.example/x": false, "tier": false,
	} {
		f := read(draft(portal.CreateNodePool, "labels", key+"=x", "taints", key+"=x:NoSchedule"))
		if (len(f) == 2) != refused || refused && (f[0].Field != "labels" || f[1].Field != "taints" || !strings.Contains(f[0].Message, "“"+key+"” is set by DigitalOcean")) {
			t.Errorf("%s: %v", key, f)
		}
	}
	d := draft(portal.UpdateNodePool, "labels", "doks.digitalocean.com/a=b", "taints", "node.kubernetes.io/a=b:NoSchedule", "count", "4")
	d.Pool.Details.Labels = map[string]string{"doks.digitalocean.com/a": "b"}
	d.Pool.Details.Taints = []portal.Taint{{Key: "node.kubernetes.io/a", Value: "b", Effect: "NoSchedule"}}
	if f := read(d); len(f) > 0 {
		t.Errorf("what there is already: %v", f)
	}
}
