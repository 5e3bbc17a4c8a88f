package execute

import (
	"context"
	"fmt"

	"doksportal/internal/doapi"
	"doksportal/internal/operation"
	"doksportal/internal/portal"
)

// answer is what DigitalOcean says to a call that it accepts, as far as the
// operation has it.
type answer struct {
	cluster *doapi.Cluster
	pool    *doapi.NodePool
	runID   string // of clusterlint
}

// send makes the one call. live are the request's clusters as they are now.
func (e *Executor) send(ctx context.Context, r portal.Request, live []doapi.Cluster) (answer, error) {
	if err := ctx.Err(); err != nil {
		return answer{}, err
	}
	p, do := r.Params, e.DO
	switch r.Operation {
	case portal.CreateCluster:
		return clusterOf(do.CreateCluster(ctx, operation.CreateCall(r)))
	case portal.UpdateCluster:
		return clusterOf(do.UpdateCluster(ctx, r.TargetID, operation.UpdateCall(*p.Update, live[0])))
	case portal.UpgradeCluster:
		return answer{}, do.UpgradeCluster(ctx, r.TargetID, p.Upgrade.Version)
	case portal.CreateNodePool:
		return poolOf(do.CreateNodePool(ctx, r.TargetID, operation.CreatePoolCall(r)))
	case portal.UpdateNodePool:
		update, err := operation.UpdatePoolCall(*p.UpdatePool, live[0])
		if err != nil {
			return answer{}, err
		}
		return poolOf(do.UpdateNodePool(ctx, r.TargetID, p.UpdatePool.PoolID, update))
	case portal.DeleteNodePool:
		return answer{}, do.DeleteNodePool(ctx, r.TargetID, p.DeletePool.PoolID)
	case portal.DeleteNode:
		n := p.DeleteNode
		return answer{}, do.DeleteNode(ctx, r.TargetID, n.PoolID, n.NodeID, doapi.DeleteNode{SkipDrain: n.SkipDrain, Replace: n.Replace})
	case portal.RecycleNodePool:
		return answer{}, do.RecycleNodePool(ctx, r.TargetID, p.Recycle.PoolID, p.Recycle.NodeIDs)
	case portal.RunClusterlint:
		runID, err := do.RunClusterlint(ctx, r.TargetID, doapi.RunClusterlint(*p.Lint))
		return answer{runID: runID}, err
	}
	return answer{}, e.sendSilent(ctx, r)
}

// sendSilent makes the calls whose answer has no body: those that end clusters,
// and those on registries.
func (e *Executor) sendSilent(ctx context.Context, r portal.Request) error {
	p, do := r.Params, e.DO
	switch r.Operation {
	case portal.DeleteCluster:
		return do.DeleteCluster(ctx, r.TargetID)
	case portal.DeleteClusterSelective:
		return do.DeleteClusterSelective(ctx, r.TargetID, operation.SelectiveCall(p.Delete.Destroy))
	case portal.DeleteClusterDangerous:
		return do.DeleteClusterDangerous(ctx, r.TargetID)
	case portal.AddRegistries:
		return do.AddRegistries(ctx, p.Registries.ClusterIDs, p.Registries.Names)
	case portal.RemoveRegistries:
		return do.RemoveRegistries(ctx, p.Registries.ClusterIDs, p.Registries.Names)
	case portal.AddRegistry:
		return do.AddRegistry(ctx, p.Registries.ClusterIDs)
	case portal.RemoveRegistry:
		return do.RemoveRegistry(ctx, p.Registries.ClusterIDs)
	}
	return fmt.Errorf("no call for operation %q", r.Operation)
}

func clusterOf(c doapi.Cluster, err error) (answer, error) { return answer{cluster: &c}, err }

func poolOf(p doapi.NodePool, err error) (answer, error) { return answer{pool: &p}, err }
