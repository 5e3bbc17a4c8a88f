package policy_test

import (
	"slices"
	"testing"

	"doksportal/internal/policy"
	"doksportal/internal/portal"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	over := portal.QuotaEffect{Lines: []portal.QuotaLine{{Limit: 1, Before: 1, After: 2, Allowed: true}}}
	tests := []struct {
		name  string
		op    portal.OperationID
		env   portal.Environment
		quota portal.QuotaEffect
		want  portal.Decision
	}{
		{"create in development", portal.CreateCluster, portal.Development, portal.QuotaEffect{}, portal.Allow},
		{"create in staging", portal.CreateCluster, portal.Staging, portal.QuotaEffect{}, portal.Allow},
		{"create in production", portal.CreateCluster, portal.Production, portal.QuotaEffect{}, portal.Approve},
		{"create without environment", portal.CreateCluster, "", portal.QuotaEffect{}, portal.Approve},
		{"create over quota", portal.CreateCluster, portal.Development, over, portal.Deny},
		{"create in production over quota", portal.CreateCluster, portal.Production, over, portal.Deny},
		{"delete in development", portal.DeleteCluster, portal.Development, portal.QuotaEffect{}, portal.Approve},
		{"delete while over quota", portal.DeleteCluster, portal.Production, over, portal.Approve},
		{"an operation without a rule", "recycle_nodes", portal.Development, portal.QuotaEffect{}, portal.Deny},
	}
	p := policy.Policy{PlatformApprovers: "platform"}
	team := portal.Team{ApproverGroup: "payments-approvers"}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := p.Judge(policy.Input{Operation: tt.op, Team: team, Environment: tt.env, Quota: tt.quota})
			if v.Decision != tt.want {
				t.Fatalf("decision %q, want %q", v.Decision, tt.want)
			}
			if v.Reason == "" {
				t.Error("no reason given")
			}
			if needs := v.Decision == portal.Approve; needs != (v.Approvals == 1) {
				t.Errorf("%d approvals for decision %q", v.Approvals, v.Decision)
			}
			if v.Decision == portal.Approve && !slices.Equal(v.ApproverGroups, []string{"payments-approvers", "platform"}) {
				t.Errorf("approver groups %v", v.ApproverGroups)
			}
		})
	}
}
