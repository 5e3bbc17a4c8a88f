package operation

import (
	"fmt"
	"slices"
	"time"

	"doksportal/internal/portal"
)

// What progress is counted in.
const (
	nodesReady    = "nodes ready"
	nodesReplaced = "nodes replaced"
	poolsUpgraded = "pools upgraded"
	clustersDone  = "clusters done"
)

// notBegun is the phase while DigitalOcean shows nothing of what it has accepted.
const notBegun = "Waiting for DigitalOcean to begin"

// Progress says how far DigitalOcean is with what a request asked for, by its clusters
// that exist. It is the zero Progress for what takes no time there.
func Progress(r portal.Request, live []portal.Cluster) portal.Progress {
	switch p := r.Params; {
	case r.Operation.Own() || r.Operation.Risk() == portal.RiskSecret:
		return portal.Progress{}
	case r.Operation == portal.RunClusterlint:
		return portal.Progress{Phase: "Running clusterlint"}
	case p.Registries != nil:
		return registryProgress(r, live)
	case len(live) == 0:
		return portal.Progress{Phase: "Confirming that the cluster is gone"}
	case r.Operation.Deletes():
		return deleteProgress(live[0])
	case p.Create != nil:
		return createProgress(live[0])
	case p.Upgrade != nil:
		return upgradeProgress(r, live[0])
	case p.CreatePool != nil:
		return newPoolProgress(r, live[0])
	case p.UpdatePool != nil:
		return poolProgress(r, live[0])
	case p.DeletePool != nil:
		return leavingProgress(live[0], p.DeletePool.PoolID)
	case p.DeleteNode != nil:
		return nodeProgress(*p.DeleteNode, live[0])
	case p.Recycle != nil:
		return recycleProgress(*p.Recycle, live[0])
	}
	return portal.Progress{Phase: "Applying the new settings"}
}

// readyOf is how many nodes of pools are ready, of how many there should be.
func readyOf(phase string, pools ...portal.Pool) portal.Progress {
	p := portal.Progress{Phase: phase, What: nodesReady}
	for _, pool := range pools {
		p.Done += min(ready(pool), pool.Count)
		p.Of += pool.Count
	}
	return p
}

func ready(p portal.Pool) int {
	return len(p.Nodes) - onTheirWay(p, portal.NodeProvisioning) - leaving(p)
}

// leaving is how many nodes of a pool are being drained or deleted.
func leaving(p portal.Pool) int { return onTheirWay(p, portal.NodeDraining, portal.NodeDeleting) }

func onTheirWay(p portal.Pool, states ...string) (n int) {
	for _, node := range p.Nodes {
		if slices.Contains(states, node.State) {
			n++
		}
	}
	return n
}

func createProgress(c portal.Cluster) portal.Progress {
	p := readyOf("Provisioning the control plane", c.Pools...)
	if p.Done > 0 || slices.ContainsFunc(c.Pools, func(pool portal.Pool) bool { return len(pool.Nodes) > 0 }) {
		p.Phase = "Provisioning control plane and nodes"
	}
	return p
}

// deleteProgress says how much of a cluster is left.
func deleteProgress(c portal.Cluster) portal.Progress {
	if c.State != portal.ClusterDeleting && c.State != portal.ClusterDeleted {
		return portal.Progress{Phase: notBegun}
	}
	left := 0
	for _, p := range c.Pools {
		left += len(p.Nodes)
	}
	if left == 0 {
		return portal.Progress{Phase: "Deleting the cluster, its nodes are gone"}
	}
	return portal.Progress{Phase: fmt.Sprintf("Deleting the cluster, %s left", nodes(left))}
}

// upgradeProgress goes by when nodes were made: those of before the call are still to be
// replaced, since DigitalOcean does not say which version a node runs.
func upgradeProgress(r portal.Request, c portal.Cluster) portal.Progress {
	p := portal.Progress{Phase: "Upgrading the control plane", Of: len(c.Pools), What: poolsUpgraded}
	if c.Version != r.Params.Upgrade.Version {
		if c.State != portal.ClusterUpgrading {
			return portal.Progress{Phase: notBegun}
		}
		return p
	}
	p.Phase = "Upgrading node pools"
	for _, pool := range c.Pools {
		if pool.Settled() && !slices.ContainsFunc(pool.Nodes, func(n portal.Node) bool { return n.CreatedAt.Before(sentAt(r)) }) {
			p.Done++
		}
	}
	return p
}

// sentAt is when the last call of a request was about to be made.
func sentAt(r portal.Request) time.Time {
	if len(r.Attempts) == 0 {
		return time.Time{}
	}
	return r.Attempts[len(r.Attempts)-1].IntentAt.Truncate(time.Second)
}

func newPoolProgress(r portal.Request, c portal.Cluster) portal.Progress {
	for _, p := range c.Pools {
		if slices.Contains(p.Details.Tags, r.RequestTag()) {
			return readyOf("Provisioning nodes", p)
		}
	}
	return portal.Progress{Phase: notBegun}
}

func poolProgress(r portal.Request, c portal.Cluster) portal.Progress {
	p, ok := c.Pool(r.Params.UpdatePool.PoolID)
	switch going := len(p.Nodes) - p.Count; {
	case !ok || EffectOf(r, c, true) == Absent:
		return portal.Progress{Phase: notBegun}
	case going > 0 || leaving(p) > 0:
		return portal.Progress{Phase: fmt.Sprintf("Draining and removing %s", nodes(max(going, leaving(p))))}
	}
	return readyOf("Provisioning nodes", p)
}

// leavingProgress is that of a pool that is being deleted.
func leavingProgress(c portal.Cluster, poolID string) portal.Progress {
	p, ok := c.Pool(poolID)
	switch {
	case ok && len(p.Nodes) > 0 && p.Count > 0 && leaving(p) == 0:
		return portal.Progress{Phase: notBegun}
	case !ok || len(p.Nodes) == 0:
		return portal.Progress{Phase: "Confirming that the pool is gone"}
	}
	return portal.Progress{Phase: fmt.Sprintf("Draining and removing the nodes, %d left", len(p.Nodes))}
}

func nodeProgress(n portal.DeleteNodeParams, c portal.Cluster) portal.Progress {
	pool, _ := c.Pool(n.PoolID)
	node, there := pool.Node(n.NodeID)
	switch {
	case there && node.State != portal.NodeDraining && node.State != portal.NodeDeleting:
		return portal.Progress{Phase: notBegun}
	case there && node.State == portal.NodeDraining:
		return portal.Progress{Phase: "Draining the node"}
	case there:
		return portal.Progress{Phase: "Removing the node"}
	case n.Replace:
		return readyOf("Provisioning its replacement", pool)
	}
	return portal.Progress{Phase: "Confirming that the node is gone"}
}

func recycleProgress(r portal.RecycleParams, c portal.Cluster) portal.Progress {
	pool, _ := c.Pool(r.PoolID)
	left := 0
	for _, id := range r.NodeIDs {
		if _, there := pool.Node(id); there {
			left++
		}
	}
	switch {
	case left == 0:
		return readyOf("Provisioning the last replacements", pool)
	case left == len(r.NodeIDs) && pool.Settled():
		return portal.Progress{Phase: notBegun}
	}
	return portal.Progress{Phase: "Replacing nodes", Done: len(r.NodeIDs) - left, Of: len(r.NodeIDs), What: nodesReplaced}
}

func registryProgress(r portal.Request, live []portal.Cluster) portal.Progress {
	p := portal.Progress{Phase: "Changing registries", Of: len(r.TargetIDs), What: clustersDone}
	for _, c := range live {
		if EffectOf(r, c, true) == Complete {
			p.Done++
		}
	}
	return p
}
