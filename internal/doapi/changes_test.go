package doapi_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"doksportal/internal/doapi"
)

// TestLifeOfAPool follows one from its creation to its end.
func TestLifeOfAPool(t *testing.T) {
	t.Parallel()
	w := setupWorld(t)
	ctx := t.Context()
	made, err := w.CreateNodePool(ctx, w.cluster, doapi.CreateNodePool{
		Name: "gpu", Size: "s-2vcpu-4gb", Count: 2, AutoScale: true, MinNodes: 0, MaxNodes: 4, Tags: []string{"mine"},
		Labels: map[string]string{"a": "b"}, Taints: []doapi.Taint{{Key: "gpu", Effect: "NoSchedule"}},
	})
	if err != nil || made.Count != 2 || !made.AutoScale || made.MaxNodes != 4 || made.Labels["a"] != "b" || made.Taints[0].Key != "gpu" ||
		made.Nodes[0].Status.State != "provisioning" || made.Nodes[0].Name != "" {
		t.Fatalf("just made: %+v, %v", made, err)
	}
	w.clock.advance(time.Hour)
	changed, err := w.UpdateNodePool(ctx, w.cluster, made.ID, doapi.UpdateNodePool{
		AutoScale: new(false), Count: new(3), Labels: new(map[string]string), Taints: new([]doapi.Taint)})
	if err != nil || changed.AutoScale || changed.Count != 3 || len(changed.Labels) != 0 || len(changed.Taints) != 0 || len(changed.Tags) != len(made.Tags) {
		t.Errorf("changed: %+v, %v", changed, err)
	}
	w.clock.advance(time.Hour)
	node := changed.Nodes[0].ID
	if err := w.DeleteNode(ctx, w.cluster, made.ID, node, doapi.DeleteNode{SkipDrain: true}); err != nil {
		t.Error(err)
	}
	w.clock.advance(time.Hour)
	left, err := w.GetNodePool(ctx, w.cluster, made.ID)
	if err != nil || left.Count != 2 || len(left.Nodes) != 2 || left.Nodes[0].Status.State != "running" {
		t.Errorf("without a node: %+v, %v", left, err)
	}
	if err := w.DeleteNodePool(ctx, w.cluster, made.ID); err != nil {
		t.Error(err)
	}
	w.clock.advance(time.Hour)
	if _, err := w.GetNodePool(ctx, w.cluster, made.ID); !doapi.IsNotFound(err) || doapi.UserMessage(err) != "node pool not found" {
		t.Errorf("deleted: %v", err)
	}
}

// A cluster's settings are set, kept and cleared, and read as they were written.
func TestSettingsOfACluster(t *testing.T) {
	t.Parallel()
	w := setupWorld(t)
	autoscaler := doapi.AutoscalerConfiguration{Expanders: []string{"priority"}, ScaleDownUnneededTime: "2m0s", ScaleDownUtilizationThreshold: 0.4}
	firewall := doapi.ControlPlaneFirewall{Enabled: true, AllowedAddresses: []string{"1.2.3.4/32"}}
	all := doapi.UpdateCluster{
		Name: new("renamed"), Tags: &[]string{"mine"}, HA: new(true), AutoUpgrade: new(true), SurgeUpgrade: new(true), RoutingAgent: &doapi.Plugin{Enabled: true},
		MaintenancePolicy: &doapi.MaintenancePolicy{Day: "monday", StartTime: "03:00"}, ControlPlaneFirewall: &firewall, ClusterAutoscalerConfiguration: &autoscaler,
	}
	set, err := w.UpdateCluster(t.Context(), w.cluster, all)
	if err != nil {
		t.Fatal(err)
	}
	diff := cmp.Diff(autoscaler, *set.ClusterAutoscalerConfiguration) + cmp.Diff(firewall, *set.ControlPlaneFirewall) +
		cmp.Diff(doapi.MaintenancePolicy{Day: "monday", StartTime: "03:00", Duration: "4h0m0s"}, *set.MaintenancePolicy)
	if diff != "" || set.Name != "renamed" || len(set.Tags) != 3 || !set.HA || !set.AutoUpgrade || !set.SurgeUpgrade || !set.RoutingAgent.Enabled {
		t.Errorf("set: %+v\n%s", set, diff)
	}
	kept, err := w.UpdateCluster(t.Context(), w.cluster, doapi.UpdateCluster{})
	if diff := cmp.Diff(set, kept); err != nil || diff != "" {
		t.Errorf("kept: %v\n%s", err, diff)
	}
	cleared, err := w.UpdateCluster(t.Context(), w.cluster, doapi.UpdateCluster{
		Tags: new([]string), AutoUpgrade: new(false), SurgeUpgrade: new(false), RoutingAgent: &doapi.Plugin{},
		ControlPlaneFirewall: &doapi.ControlPlaneFirewall{}, ClusterAutoscalerConfiguration: &doapi.AutoscalerConfiguration{},
	})
	if err != nil || len(cleared.Tags) != 2 || cleared.AutoUpgrade || cleared.SurgeUpgrade || cleared.RoutingAgent.Enabled ||
		len(cleared.ControlPlaneFirewall.AllowedAddresses) != 0 || cleared.ClusterAutoscalerConfiguration != nil {
		t.Errorf("cleared: %+v, %v", cleared, err)
	}
}
