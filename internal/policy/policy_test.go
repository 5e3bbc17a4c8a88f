package policy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"doksportal/internal/policy"
	"doksportal/internal/portal"
)

// say is a verdict in short: its decision and, for each need, how many
// approvals by whom.
func say(v portal.Verdict) string {
	words := []string{string(v.Decision)}
	for _, n := range v.Needs {
		words = append(words, fmt.Sprintf("%d %s", n.Approvals, strings.Join(n.Groups, "/")))
	}
	return strings.Join(words, ", ")
}

func input(op portal.OperationID, e portal.Environment, over bool) policy.Input {
	return policy.Input{Team: policy.Team{ApproverGroup: "team"}, Cluster: policy.Cluster{Environment: e},
		Change: policy.Change{Operation: op, Risk: op.Risk()}, Quota: policy.Quota{Over: over}}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	over := portal.QuotaEffect{Lines: []portal.QuotaLine{{Limit: 1, Before: 1, After: 2, Allowed: true}}}
	within := portal.QuotaEffect{}
	const one, platform, both = "approve, 1 team/platform", "approve, 1 platform", "approve, 1 team, 1 platform"
	tests := []struct {
		op    portal.OperationID
		env   portal.Environment
		quota portal.QuotaEffect
		want  string
	}{
		{portal.CreateCluster, portal.Development, within, "allow"},
		{portal.CreateCluster, portal.Staging, within, "allow"},
		{portal.CreateCluster, portal.Production, within, one},
		{portal.CreateCluster, "", within, one},
		{portal.CreateCluster, portal.Development, over, "deny"},
		{portal.CreateCluster, portal.Production, over, "deny"},
		{portal.UpdateCluster, portal.Production, within, one},
		{portal.UpgradeCluster, portal.Staging, within, "allow"},
		{portal.UpgradeCluster, portal.Production, within, one},
		{portal.UpdateNodePool, portal.Development, over, "deny"},
		{portal.DeleteNodePool, portal.Development, within, one},
		{portal.DeleteNode, portal.Development, within, one},
		{portal.RecycleNodePool, portal.Staging, within, one},
		{portal.DeleteCluster, portal.Development, within, one},
		{portal.DeleteCluster, portal.Production, over, one},
		{portal.DeleteClusterSelective, portal.Development, within, platform},
		{portal.DeleteClusterDangerous, portal.Development, within, both},
		{portal.RunClusterlint, portal.Production, within, "allow"},
		{portal.GetKubeconfig, portal.Development, within, "allow"},
		{portal.GetKubeconfig, portal.Production, within, one},
		{portal.GetCredentials, "", within, one},
		{portal.AddRegistries, "", within, platform},
		{portal.RemoveRegistry, "", within, platform},
		{"no_such_operation", portal.Development, within, "deny"},
	}
	p := policy.Policy{PlatformApprovers: "platform"}
	for _, tt := range tests {
		v := p.Judge(input(tt.op, tt.env, tt.quota.Over()))
		if got := say(v); got != tt.want || v.Reason == "" {
			t.Errorf("%s in %q: %s (%s), want %s", tt.op, tt.env, got, v.Reason, tt.want)
		}
	}
}

// Where there are no platform approvers, what needs one is not possible.
func TestNoPlatformApprovers(t *testing.T) {
	t.Parallel()
	for _, op := range []portal.OperationID{portal.DeleteClusterSelective, portal.DeleteClusterDangerous, portal.AddRegistries} {
		if v := (policy.Policy{}).Judge(input(op, "", false)); v.Decision != portal.Deny {
			t.Errorf("%s: %s", op, say(v))
		}
	}
}

func TestLongestAccess(t *testing.T) {
	t.Parallel()
	for env, want := range map[portal.Environment]time.Duration{portal.Development: 8 * time.Hour, portal.Staging: 8 * time.Hour, portal.Production: time.Hour, "": time.Hour} {
		if got := (policy.Policy{}).LongestAccess(env); got != want {
			t.Errorf("%q: %s, want %s", env, got, want)
		}
	}
}
