package quota_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"doksportal/internal/portal"
	"doksportal/internal/quota"
)

// offer is what DigitalOcean has: sizes of which the second has no known price.
var offer = portal.Options{Sizes: []portal.Size{
	{Slug: "s-2vcpu-4gb", VCPUs: 2, MemoryMiB: 4096, MonthlyCents: 2400}, {Slug: "g-8vcpu-32gb", VCPUs: 8, MemoryMiB: 32768},
	{Slug: "gpu-h100x1-80gb", VCPUs: 20, MemoryMiB: 245760, MonthlyCents: 200000},
}}

const (
	small = "s-2vcpu-4gb"
	large = "g-8vcpu-32gb"
	gpu   = "gpu-h100x1-80gb"
)

func limits(pairs ...any) portal.Quota {
	q := portal.Quota{Limits: map[portal.Item]int{}}
	for i := 0; i < len(pairs); i += 2 {
		q.Limits[pairs[i].(portal.Item)] = pairs[i+1].(int)
	}
	return q
}

func nodes(size string, n int) portal.Usage { return portal.Usage{portal.NodesOf(size): n} }

// said lists the lines of an effect, like "nodes 3>5/10", those that are over with
// an exclamation mark.
func said(e portal.QuotaEffect) string {
	var list []string
	for _, l := range e.Lines {
		text := fmt.Sprintf("%s %d>%d/%d", l.Item, l.Before, l.After, l.Limit)
		if l.Unlimited {
			text = fmt.Sprintf("%s %d>%d", l.Item, l.Before, l.After)
		}
		if l.Refusal != "" {
			text = string(l.Item) + " refused"
		}
		if l.Over() > 0 {
			text += "!"
		}
		list = append(list, text)
	}
	return strings.Join(list, ", ")
}

func TestCheck(t *testing.T) {
	t.Parallel()
	only := func(sizes ...string) portal.Quota { return portal.Quota{Sizes: sizes} }
	for name, tt := range map[string]struct {
		limits portal.Quota
		used   portal.Usage
		demand portal.Demand
		want   string
	}{
		"without limits":                 {portal.Quota{}, nil, portal.Demand{Usage: nodes(small, 3), Pool: 3}, "nodes 0>3, nodes/s-2vcpu-4gb 0>3"},
		"exactly at the limit":           {limits(portal.AllNodes, 8), nodes(small, 5), portal.Demand{Usage: nodes(small, 3)}, "nodes 5>8/8, nodes/s-2vcpu-4gb 5>8"},
		"one over it":                    {limits(portal.AllNodes, 8), nodes(small, 5), portal.Demand{Usage: nodes(small, 4)}, "nodes 5>9/8!, nodes/s-2vcpu-4gb 5>9"},
		"over in a size only":            {limits(portal.AllNodes, 9, portal.NodesOf(small), 8), nodes(small, 5), portal.Demand{Usage: nodes(small, 4)}, "nodes 5>9/9, nodes/s-2vcpu-4gb 5>9/8!"},
		"shrinking while over":           {limits(portal.AllNodes, 2), nodes(small, 9), portal.Demand{Usage: nodes(small, -1)}, "nodes 9>8/2, nodes/s-2vcpu-4gb 9>8"},
		"a size of none":                 {limits(portal.NodesOf(small), 0), nil, portal.Demand{Usage: nodes(small, 1)}, "nodes 0>1, nodes/s-2vcpu-4gb refused!"},
		"a size that is not among those": {only(large), nil, portal.Demand{Usage: nodes(small, 1)}, "nodes 0>1, nodes/s-2vcpu-4gb refused!"},
		"an empty pool of it":            {only(large), nil, portal.Demand{Usage: nodes(small, 0)}, "nodes 0>0, nodes/s-2vcpu-4gb refused"},
		"an empty pool is made of it":    {only(large), nil, portal.Demand{Usage: nodes(small, 0), Sizes: []string{small}}, "nodes 0>0, nodes/s-2vcpu-4gb refused!"},
		"an empty pool with GPUs":        {portal.Quota{}, nil, portal.Demand{Usage: nodes(gpu, 0), Sizes: []string{gpu}}, "nodes 0>0, family/gpu refused!, nodes/gpu-h100x1-80gb 0>0"},
		"an empty pool at the limit":     {limits(portal.AllNodes, 2), nodes(small, 2), portal.Demand{Usage: nodes(small, 0), Sizes: []string{small}}, "nodes 2>2/2, nodes/s-2vcpu-4gb 2>2"},
		"a family":                       {limits(portal.NodesOfFamily("s"), 4), nodes(small, 3), portal.Demand{Usage: nodes(small, 2)}, "nodes 3>5, family/s 3>5/4!, nodes/s-2vcpu-4gb 3>5"},
		"GPUs without a grant":           {portal.Quota{}, nil, portal.Demand{Usage: nodes(gpu, 1)}, "nodes 0>1, family/gpu refused!, nodes/gpu-h100x1-80gb 0>1"},
		"GPUs that are granted":          {limits(portal.NodesOfFamily("gpu"), 2), nodes(gpu, 1), portal.Demand{Usage: nodes(gpu, 1)}, "nodes 1>2, family/gpu 1>2/2, nodes/gpu-h100x1-80gb 1>2"},
		"vCPUs":                          {limits(portal.VCPUs, 9), nodes(small, 3), portal.Demand{Usage: nodes(small, 2)}, "nodes 3>5, vcpus 6>10/9!, nodes/s-2vcpu-4gb 3>5"},
		"memory":                         {limits(portal.Memory, 20), nodes(small, 3), portal.Demand{Usage: nodes(small, 2)}, "nodes 3>5, memory 12>20/20, nodes/s-2vcpu-4gb 3>5"},
		"memory by the name":             {limits(portal.Memory, 64), nil, portal.Demand{Usage: nodes("m-8vcpu-64gb", 1)}, "nodes 0>1, memory 0>64/64, nodes/m-8vcpu-64gb 0>1"},
		"cost":                           {limits(portal.Cost, 10000), nodes(small, 2), portal.Demand{Usage: nodes(small, 3)}, "nodes 2>5, monthly_cost 4800>12000/10000!, nodes/s-2vcpu-4gb 2>5"},
		"cost of the control plane":      {limits(portal.Cost, 4000), nil, portal.Demand{Usage: portal.Usage{portal.HAClusters: 1}}, "monthly_cost 0>4000/4000"},
		"a price that is not known":      {limits(portal.Cost, 10000), nil, portal.Demand{Usage: nodes(large, 1)}, "nodes 0>1, monthly_cost refused!, nodes/g-8vcpu-32gb 0>1"},
		"of what is there":               {limits(portal.Cost, 10000), nodes(large, 1), portal.Demand{Usage: nodes(small, 1)}, "nodes 1>2, monthly_cost refused!, nodes/s-2vcpu-4gb 0>1"},
		"less, at any price":             {limits(portal.Cost, 10000), nodes(large, 2), portal.Demand{Usage: nodes(large, -1)}, "nodes 2>1, nodes/g-8vcpu-32gb 2>1"},
		"clusters":                       {limits(portal.Clusters, 2), portal.Usage{portal.Clusters: 2}, portal.Demand{Usage: portal.Usage{portal.Clusters: 1, portal.NodesOf(small): 1}}, "nodes 0>1, clusters 2>3/2!, nodes/s-2vcpu-4gb 0>1"},
		"high availability":              {limits(portal.HAClusters, 0), nil, portal.Demand{Usage: portal.Usage{portal.HAClusters: 1}}, "ha_clusters 0>1/0!"},
		"a pool":                         {limits(portal.PoolNodes, 4), nil, portal.Demand{Usage: nodes(small, 5), Pool: 5}, "nodes 0>5, nodes/s-2vcpu-4gb 0>5, pool_nodes 0>5/4!"},
		"a region":                       {portal.Quota{Regions: []string{"fra1"}}, nil, portal.Demand{Region: "nyc1"}, "region refused!"},
		"a region that may be":           {portal.Quota{Regions: []string{"fra1"}}, nil, portal.Demand{Region: "fra1"}, ""},
		"a version":                      {portal.Quota{Versions: []string{"1.34"}}, nil, portal.Demand{Version: "1.35.1-do.0"}, "version refused!"},
		"a version that may be":          {portal.Quota{Versions: []string{"1.34"}}, nil, portal.Demand{Version: "1.34.9-do.2"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := said(quota.Check(tt.limits, offer, tt.used, tt.demand)); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// Many nodes do not turn into few.
func TestLargeNumbers(t *testing.T) {
	t.Parallel()
	got := quota.Check(limits(portal.Cost, 1), offer, nodes(gpu, math.MaxInt32), portal.Demand{Usage: nodes(gpu, math.MaxInt32)})
	if !got.Over() {
		t.Errorf("%s", said(got))
	}
}

func TestStandingListsEveryLimitAndEverythingUsed(t *testing.T) {
	t.Parallel()
	got := said(quota.Standing(limits(portal.NodesOf("b"), 4, portal.Clusters, 2, portal.PoolNodes, 9), offer, portal.Usage{portal.NodesOf("a"): 2, portal.Clusters: 1}))
	if want := "nodes 2>2, clusters 1>1/2, nodes/a 2>2, nodes/b 0>0/4"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRoom(t *testing.T) {
	t.Parallel()
	q := limits(portal.AllNodes, 10, portal.NodesOf(small), 8, portal.VCPUs, 34, portal.PoolNodes, 3)
	q.Sizes = []string{small, large}
	for name, tt := range map[string]struct {
		used    portal.Usage
		size    string
		left    int
		allowed bool
	}{
		"bounded by the pool":        {nil, small, 3, true},
		"bounded by the size":        {nodes(small, 7), small, 1, true},
		"bounded by vCPUs":           {nodes(small, 5), large, 3, true},
		"by vCPUs, rounded down":     {nodes(small, 6), large, 2, true},
		"full":                       {nodes(small, 10), large, 0, true},
		"over":                       {nodes(small, 12), small, 0, true},
		"a size that is not allowed": {nil, gpu, 0, false},
	} {
		if left, allowed := quota.Room(q, offer, tt.used, tt.size); left != tt.left || allowed != tt.allowed {
			t.Errorf("%s: %d %t, want %d %t", name, left, allowed, tt.left, tt.allowed)
		}
	}
}
