package operation

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"doksportal/internal/portal"
)

// identityFacts say which cluster it is: an id alone says nothing to people,
// and a name alone may be given to another cluster.
func identityFacts(_ portal.Params, c portal.Cluster) []portal.Fact {
	return []portal.Fact{{What: "the id", Value: c.ID}, {What: "the name", Value: c.Name}}
}

// clusterFacts are what of a cluster matters for the decision to delete it.
func clusterFacts(p portal.Params, c portal.Cluster) []portal.Fact {
	list := append(identityFacts(p, c), portal.Fact{What: "the region", Value: c.Region},
		portal.Fact{What: "the version", Value: c.Version}, portal.Fact{What: "high availability", Value: portal.YesNo(c.HA)})
	for _, pool := range byName(c.Pools) {
		list = append(list, portal.Fact{What: "pool " + pool.Name, Value: poolNodes(pool)})
	}
	return list
}

// byName sorts pools, which DigitalOcean lists as they were made.
func byName(pools []portal.Pool) []portal.Pool {
	return slices.SortedFunc(slices.Values(pools), func(a, b portal.Pool) int { return strings.Compare(a.Name, b.Name) })
}

// poolFacts are what of a pool matters for the decision to change or delete it.
func poolFacts(p portal.Params, c portal.Cluster) []portal.Fact {
	list := identityFacts(p, c)
	pool, ok := c.Pool(p.PoolID())
	if !ok {
		return list
	}
	list = append(list, portal.Fact{What: "the pool", Value: describePool(pool)})
	if p.UpdatePool != nil {
		// Of a pool that autoscales, only how many nodes would go is not left to itself.
		going := max(0, pool.Count-p.UpdatePool.Applied(pool).Count)
		list = append(list, portal.Fact{What: "what the pool would lose", Value: nodes(going)})
	}
	return list
}

// nodeFacts are what of nodes matters for the decision to end them: that they
// are still there.
func nodeFacts(p portal.Params, c portal.Cluster) []portal.Fact {
	list := identityFacts(p, c)
	pool, ok := c.Pool(p.PoolID())
	if !ok {
		return list
	}
	list = append(list, portal.Fact{What: "the pool", Value: pool.Name})
	for _, id := range nodesOf(p) {
		if _, ok := pool.Node(id); ok { // its name it may get later
			list = append(list, portal.Fact{What: "node " + id, Value: "there"})
		}
	}
	return list
}

func nodesOf(p portal.Params) []string {
	switch {
	case p.DeleteNode != nil:
		return []string{p.DeleteNode.NodeID}
	case p.Recycle != nil:
		return p.Recycle.NodeIDs
	}
	return nil
}

// describePool says in one line what a pool is. It leaves out what changes by
// itself.
func describePool(p portal.Pool) string {
	return fmt.Sprintf("%s: %s, labels %s, taints %s, tags %s", p.Name, poolNodes(p),
		portal.OrNone(portal.LabelText(p.Details.Labels)), portal.OrNone(portal.TaintText(p.Details.Taints)), tagText(p.Details.Tags))
}

// tagText names the tags that people set.
func tagText(tags []string) string { return portal.OrNone(strings.Join(portal.OwnTags(tags), ", ")) }

// poolNodes says how many nodes a pool has, or may have when it autoscales.
func poolNodes(p portal.Pool) string {
	return nodesText(p.AutoScale, p.Count, p.MinNodes, p.MaxNodes) + " × " + p.Size
}

func nodesText(autoScale bool, count, least, most int) string {
	if autoScale {
		return fmt.Sprintf("%d to %d", least, most)
	}
	return strconv.Itoa(count)
}

func nodes(n int) string {
	if n == 1 {
		return "1 node"
	}
	return strconv.Itoa(n) + " nodes"
}
