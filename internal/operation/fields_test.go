package operation

import (
	"fmt"
	"strings"
	"testing"

	"doksportal/internal/portal"
)

// Every form as it is opened has nothing wrong with it.
func TestFormsThatAreFine(t *testing.T) {
	t.Parallel()
	for op := range definitions {
		if f := read(draft(op)); len(f) > 0 {
			t.Errorf("%s: %v", op, f)
		}
	}
}

var long = strings.Repeat("a", 300)

// lines has n different words.
func lines(n int, format string) string {
	words := make([]string, n)
	for i := range words {
		words[i] = fmt.Sprintf(format, i%250)
	}
	return strings.Join(words, "\n")
}

// badInput is what people may type, the field that is named, and a part of what
// they are told.
var badInput = []struct {
	op           portal.OperationID
	field, typed string
	at, says     string
}{
	{portal.CreateCluster, "name", "", "name", "Enter a name."},
	{portal.CreateCluster, "name", "Web", "name", "lowercase letters, digits and hyphens"},
	{portal.CreateCluster, "name", "1web", "name", "starts with a letter"},
	{portal.CreateCluster, "name", "web-", "name", "does not end with a hyphen"},
	{portal.CreateCluster, "name", "web.eu", "name", "lowercase letters"},
	{portal.CreateCluster, "name", "a\nb", "name", "lowercase letters"},
	{portal.CreateCluster, "name", long[:64], "name", "has 64 characters; at most 63"},
	{portal.CreateCluster, "region", "", "region", "Choose a region."},
	{portal.CreateCluster, "region", "moon1", "region", "does not offer the region “moon1”"},
	{portal.CreateCluster, "version", "", "version", "Choose a Kubernetes version."},
	{portal.CreateCluster, "version", "latest", "version", "does not offer the Kubernetes version “latest”"},
	{portal.CreateCluster, "environment", "", "environment", "Choose an environment."},
	{portal.CreateCluster, "environment", "prod", "environment", "no environment called “prod”"},
	{portal.CreateCluster, "vpc_uuid", "default", "vpc_uuid", "this is “default”"},
	{portal.CreateCluster, "vpc_uuid", "c33931f2-a26a-4e61-b85c-4e95a2ec431", "vpc_uuid", "Enter an id like"},
	{portal.CreateCluster, "cluster_subnet", "10.244.0.0", "cluster_subnet", "Enter an IPv4 network"},
	{portal.CreateCluster, "cluster_subnet", "10.244.0.1/16", "cluster_subnet", "this is “10.244.0.1/16”"},
	{portal.CreateCluster, "cluster_subnet", "fd00::/64", "cluster_subnet", "IPv4 network"},
	{portal.CreateCluster, "cluster_subnet", "10.0.0.0/33", "cluster_subnet", "IPv4 network"},
	{portal.CreateCluster, "service_subnet", "x", "service_subnet", "IPv4 network"},
	{portal.CreateCluster, "tags", "k8s:mine", "tags", "start with “k8s” are set by the portal or by DigitalOcean"},
	{portal.CreateCluster, "tags", "Team:search", "tags", "start with “team:”"},
	{portal.CreateCluster, "tags", "env:production", "tags", "start with “env:”"},
	{portal.CreateCluster, "tags", "portal-request:1", "tags", "start with “portal-request:”"},
	{portal.CreateCluster, "tags", "a/b", "tags", "The tag “a/b” may have letters"},
	{portal.CreateCluster, "tags", "<b>", "tags", "The tag “<b>”"},
	{portal.CreateCluster, "tags", long[:256], "tags", "has 256 characters; at most 255"},
	{portal.CreateCluster, "tags", lines(21, "t%d"), "tags", "You entered 21 tags; at most 20"},
	{portal.CreateCluster, "maintenance_day", "someday", "maintenance_day", "no day called “someday”"},
	{portal.CreateCluster, "maintenance_start", "4:00", "maintenance_start", "Enter a time like 04:00"},
	{portal.CreateCluster, "maintenance_start", "24:00", "maintenance_start", "this is “24:00”"},
	{portal.CreateCluster, "maintenance_start", "04:00:00", "maintenance_start", "Enter a time"},
	{portal.CreateCluster, "firewall", "true", "firewall_allowed", "at least one address"},
	{portal.CreateCluster, "firewall_allowed", "example.com", "firewall_allowed", "“example.com” is not an IPv4 address"},
	{portal.CreateCluster, "firewall_allowed", "::1", "firewall_allowed", "not an IPv4 address"},
	{portal.CreateCluster, "firewall_allowed", "203.0.113.7/33", "firewall_allowed", "not an IPv4 address"},
	{portal.CreateCluster, "firewall_allowed", "203.0.113.007", "firewall_allowed", "not an IPv4 address"},
	{portal.CreateCluster, "firewall_allowed", lines(101, "10.0.0.%d"), "firewall_allowed", "You entered 101 addresses; at most 100"},
	{portal.CreateCluster, "expanders", "cheapest", "expanders", "no expander called “cheapest”; choose from random, priority, least_waste"},
	{portal.CreateCluster, "expanders", "random random", "expanders", "The expander random appears twice"},
	{portal.CreateCluster, "unneeded_time", "ten", "unneeded_time", "this is “ten”"},
	{portal.CreateCluster, "unneeded_time", "10", "unneeded_time", "Enter a time like 10m"},
	{portal.CreateCluster, "unneeded_time", "-1m", "unneeded_time", "Enter a time"},
	{portal.CreateCluster, "unneeded_time", "0s", "unneeded_time", "Enter a time"},
	{portal.CreateCluster, "unneeded_time", "25h", "unneeded_time", "at most 24h"},
	{portal.CreateCluster, "utilization", "0", "utilization", "above 0 and at most 1"},
	{portal.CreateCluster, "utilization", "1.01", "utilization", "this is “1.01”"},
	{portal.CreateCluster, "utilization", "65%", "utilization", "above 0"},
	{portal.CreateCluster, "utilization", "NaN", "utilization", "above 0"},
	{portal.CreateCluster, "utilization", "+Inf", "utilization", "above 0"},
	{portal.CreateCluster, "routing_agent", "maybe", "routing_agent", "Choose on or off."},
	{portal.CreateCluster, "pools[0].name", "", "pools[0].name", "Enter a pool name."},
	{portal.CreateCluster, "pools[0].name", long[:56], "pools[0].name", "has 56 characters; at most 55"},
	{portal.CreateCluster, "pools[0].size", "", "pools[0].size", "Choose a size."},
	{portal.CreateCluster, "pools[0].size", "huge", "pools[0].size", "does not offer the size “huge”"},
	{portal.CreateCluster, "pools[0].count", "0", "pools[0].count", "A cluster needs at least one node."},
	{portal.CreateCluster, "pools[1].name", "pool-1", "pools[1].name", "Another pool is called “pool-1” already."},

	{portal.UpdateCluster, "name", "", "name", "Enter a name."},
	{portal.UpdateCluster, "tags", "k8s", "tags", "set by the portal"},
	{portal.UpdateCluster, "firewall_allowed", "10.0.0.0/8, x", "firewall_allowed", "“x” is not an IPv4 address"},
	{portal.UpdateCluster, "auto_upgrade", "", "name", "Nothing has changed"},
	{portal.UpgradeCluster, "version", "", "version", "Choose a version."},
	{portal.UpgradeCluster, "version", "1.36.0-do.0", "version", "does not offer an upgrade to “1.36.0-do.0”"},

	{portal.CreateNodePool, "name", "fixed", "name", "Another pool of this cluster is called “fixed” already."},
	{portal.CreateNodePool, "count", "", "count", "Enter the number of nodes."},
	{portal.CreateNodePool, "count", "-1", "count", "whole number from 0 to 512; this is “-1”"},
	{portal.CreateNodePool, "count", "2.5", "count", "whole number"},
	{portal.CreateNodePool, "count", "513", "count", "from 0 to 512"},
	{portal.CreateNodePool, "count", "505", "count", "would have 513 nodes in total; it can have at most 512"},
	{portal.CreateNodePool, "count", "99999999999999999999", "count", "whole number"},
	{portal.CreateNodePool, "labels", "tier", "labels", "“tier” is not a valid label; write key=value"},
	{portal.CreateNodePool, "labels", "=web", "labels", "not a valid label"},
	{portal.CreateNodePool, "labels", "-a=b", "labels", "not a valid label"},
	{portal.CreateNodePool, "labels", "a=b!", "labels", "not a valid label"},
	{portal.CreateNodePool, "labels", "a=" + long[:64], "labels", "not a valid label"},
	{portal.CreateNodePool, "labels", "a/b/c=d", "labels", "not a valid label"},
	{portal.CreateNodePool, "labels", "A.com/b=d", "labels", "not a valid label"},
	{portal.CreateNodePool, "labels", "a=b\na=c", "labels", "The label “a” appears twice"},
	{portal.CreateNodePool, "labels", lines(51, "l%d=x"), "labels", "You entered 51 labels; at most 50"},
	{portal.CreateNodePool, "taints", "k=v", "taints", "not a valid taint; write key=value:NoSchedule"},
	{portal.CreateNodePool, "taints", "=v:NoSchedule", "taints", "not a valid taint"},
	{portal.CreateNodePool, "taints", "k=v:Never", "taints", "has the effect “Never”; choose from NoSchedule, PreferNoSchedule, NoExecute"},
	{portal.CreateNodePool, "taints", "k=v:noschedule", "taints", "has the effect “noschedule”"},
	{portal.CreateNodePool, "taints", "k=v:NoExecute\nk=w:NoExecute", "taints", "appears twice"},
	{portal.CreateNodePool, "taints", lines(51, "k%d:NoSchedule"), "taints", "You entered 51 taints; at most 50"},
	{portal.CreateNodePool, "tags", "team:x", "tags", "set by the portal"},

	{portal.UpdateNodePool, "name", "auto", "name", "Another pool of this cluster is called “auto” already."},
	{portal.UpdateNodePool, "count", "3", "name", "Nothing has changed"},
	{portal.UpdateNodePool, "count", "508", "count", "would have 513 nodes in total"},
	{portal.UpdateNodePool, "taints", "x", "taints", "not a valid taint"},
	{portal.RecycleNodePool, "nodes", "", "nodes", "The pool has no node “” now."},
	{portal.RecycleNodePool, "nodes", "n1|n9", "nodes", "The pool has no node “n9” now."},
	{portal.DeleteClusterSelective, "resources", "v1|v9", "resources", "The cluster has no resource “v9” now."},

	{portal.AddRegistries, "registries", "", "registries", "Enter the names of one or more registries."},
	{portal.AddRegistries, "registries", "ab", "registries", "“ab” is not the name of a registry"},
	{portal.AddRegistries, "registries", "Images", "registries", "not the name of a registry"},
	{portal.AddRegistries, "registries", "registry.example.com/x", "registries", "not the name of a registry"},
	{portal.AddRegistries, "registries", long[:64], "registries", "not the name of a registry"},
	{portal.AddRegistries, "registries", lines(21, "images-%d"), "registries", "You entered 21 registries; at most 20"},
	{portal.RemoveRegistries, "registries", "-a-b", "registries", "not the name of a registry"},
	{portal.AddRegistry, "clusters", "c1|c9", "clusters", "There is no cluster “c9” now."},

	{portal.GetKubeconfig, "minutes", "", "minutes", "Choose from 1 to 480 minutes; this is “”."},
	{portal.GetKubeconfig, "minutes", "0", "minutes", "from 1 to 480"},
	{portal.GetKubeconfig, "minutes", "-5", "minutes", "this is “-5”"},
	{portal.GetKubeconfig, "minutes", "481", "minutes", "from 1 to 480"},
	{portal.GetCredentials, "minutes", "1h", "minutes", "this is “1h”"},
	{portal.GetCredentials, "minutes", "9223372036854775807", "minutes", "from 1 to 480"},

	{portal.RunClusterlint, "include_groups", "Basic", "include_groups", "“Basic” is not the name of a check or group."},
	{portal.RunClusterlint, "include_checks", "a;b", "include_checks", "not the name of a check"},
	{portal.RunClusterlint, "exclude_groups", "../x", "exclude_groups", "not the name of a check"},
	{portal.RunClusterlint, "exclude_checks", lines(21, "check-%d"), "exclude_checks", "You entered 21 names; at most 20"},
}

func TestBadInput(t *testing.T) {
	t.Parallel()
	for _, tt := range badInput {
		f := read(draft(tt.op, tt.field, tt.typed))
		found := false
		for _, fault := range f {
			found = found || fault.Field == tt.at && strings.Contains(fault.Message, tt.says)
			if len(fault.Message) > 250 {
				t.Errorf("%s %s: a message of %d bytes", tt.op, tt.field, len(fault.Message))
			}
		}
		if !found {
			t.Errorf("%s with %s %q: %v, want %q at %s", tt.op, tt.field, tt.typed, f, tt.says, tt.at)
		}
	}
}

// Bounds of autoscaling are checked each, and against one another.
func TestBadBounds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ least, most, at, says string }{
		{"", "3", "min_nodes", "Enter the number of nodes."},
		{"1", "", "max_nodes", "Enter the number of nodes."},
		{"-1", "3", "min_nodes", "from 0 to 512"},
		{"0", "0", "max_nodes", "from 1 to 512"},
		{"5", "3", "max_nodes", "The maximum number of nodes (3) is less than the minimum (5)."},
		{"1", "513", "max_nodes", "from 1 to 512"},
		{"1", "x", "max_nodes", "this is “x”"},
		{"1", "510", "max_nodes", "nodes in total; it can have at most 512"},
	} {
		for _, op := range []portal.OperationID{portal.CreateNodePool, portal.UpdateNodePool} {
			f := read(draft(op, "auto_scale", "true", "min_nodes", tt.least, "max_nodes", tt.most))
			if len(f) != 1 || f[0].Field != tt.at || !strings.Contains(f[0].Message, tt.says) {
				t.Errorf("%s from %q to %q: %v", op, tt.least, tt.most, f)
			}
		}
		f := read(draft(portal.CreateCluster, "pools[0].auto_scale", "true", "pools[0].min_nodes", tt.least, "pools[0].max_nodes", tt.most))
		if tt.most != "510" && (len(f) != 1 || f[0].Field != "pools[0]."+tt.at) {
			t.Errorf("a new cluster from %q to %q: %v", tt.least, tt.most, f)
		}
	}
}

// What looks odd and is allowed all the same.
func TestGoodInput(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		op           portal.OperationID
		field, typed string
	}{
		{portal.CreateCluster, "name", long[:63]}, {portal.CreateCluster, "tags", "Blau:grün_1, a-b\nc"}, {portal.CreateCluster, "tags", long[:255]},
		{portal.CreateCluster, "vpc_uuid", "c33931f2-a26a-4e61-b85c-4e95a2ec431b"}, {portal.CreateCluster, "cluster_subnet", "10.244.0.0/16"},
		{portal.CreateCluster, "maintenance_start", "23:59"}, {portal.CreateCluster, "firewall_allowed", "203.0.113.7 198.51.100.0/24"},
		{portal.CreateCluster, "expanders", "least_waste, random"}, {portal.CreateCluster, "unneeded_time", "1m30s"}, {portal.CreateCluster, "unneeded_time", "24h"},
		{portal.CreateCluster, "utilization", "1"}, {portal.CreateCluster, "utilization", "0.001"},
		{portal.CreateNodePool, "count", "0"}, {portal.CreateNodePool, "labels", "example.com/a.b-c_D=, x=1"}, {portal.CreateNodePool, "taints", "k:NoExecute\nk:NoSchedule\nexample.com/k=v:PreferNoSchedule"},
		{portal.AddRegistries, "registries", "abc a-1\nxyz"}, {portal.GetKubeconfig, "minutes", " 480 "},
		{portal.RunClusterlint, "include_groups", "basic, doks"}, {portal.UpdateNodePool, "labels", ""},
	} {
		if f := read(draft(tt.op, tt.field, tt.typed)); len(f) > 0 {
			t.Errorf("%s with %s %q: %v", tt.op, tt.field, tt.typed, f)
		}
	}
}

// Some things are not possible for a target, whatever is typed.
func TestWhatATargetDoesNotAllow(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		op       portal.OperationID
		change   func(*portal.Draft)
		at, says string
	}{
		{"no upgrades", portal.UpgradeCluster, func(d *portal.Draft) { d.Upgrades = nil }, "version", "it is up to date"},
		{"the last pool", portal.DeleteNodePool, func(d *portal.Draft) { d.Cluster.Pools = d.Cluster.Pools[:1] }, "pool", "the last pool of the cluster"},
		{"high availability off", portal.UpdateCluster, func(d *portal.Draft) { d.Cluster.HA = true }, "ha", "cannot be switched off again"},
		{"no team", portal.CreateCluster, func(d *portal.Draft) { d.Team = portal.Team{} }, "team", "Choose one of your teams."},
		{"no clusters", portal.RemoveRegistry, func(d *portal.Draft) { d.Chosen, d.Form = nil, portal.Form{} }, "clusters", "Choose at least one cluster."},
		{"no nodes", portal.RecycleNodePool, func(d *portal.Draft) { d.Form = portal.Form{} }, "nodes", "Choose at least one node."},
		{"no resources", portal.DeleteClusterSelective, func(d *portal.Draft) { d.Form = portal.Form{} }, "resources", "Choose what should be deleted"},
		{"no pools", portal.CreateCluster, func(d *portal.Draft) {
			for _, field := range []string{"name", "size", "count"} {
				delete(d.Form, "pools[0]."+field)
			}
		}, "pools", "at least one node pool"},
		{"too many pools", portal.CreateCluster, func(d *portal.Draft) {
			for i := range 30 {
				d.Form.Set(fmt.Sprintf("pools[%d].name", i), fmt.Sprintf("p%d", i))
			}
		}, "pools", "at most 20"},
	}
	for _, tt := range tests {
		d := draft(tt.op)
		tt.change(d)
		f := read(d)
		if len(f) == 0 || f[0].Field != tt.at || !strings.Contains(f[0].Message, tt.says) {
			t.Errorf("%s: %v, want %q at %s", tt.name, f, tt.says, tt.at)
		}
	}
}
