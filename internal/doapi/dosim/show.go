package dosim

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

type object = map[string]any

// show returns a cluster as the API shows it. The caller holds mu.
func (s *Sim) show(c *cluster) object {
	state := s.state(c)
	ready := state != "provisioning"
	endpoint, ipv4 := "", ""
	if ready {
		endpoint = "https://" + c.ID + ".k8s.ondigitalocean.com"
		if !c.HA {
			ipv4 = "203.0.113.10"
		}
	}
	pools := make([]object, len(c.Pools))
	for i, p := range c.Pools {
		pools[i] = p.show(ready, c)
	}
	return object{
		"id": c.ID, "name": c.Name, "region": c.Region, "version": c.Version, "ha": c.HA,
		"cluster_subnet": "10.244.0.0/16", "service_subnet": "10.245.0.0/16", "vpc_uuid": "c33931f2-a26a-4e61-b85c-4e95a2ec431b",
		"ipv4": ipv4, "endpoint": endpoint, "tags": c.Tags, "node_pools": pools,
		"maintenance_policy": object{"start_time": "00:00", "duration": "4h0m0s", "day": "any"},
		"auto_upgrade":       false, "surge_upgrade": true, "registry_enabled": false,
		"status":     object{"state": state, "message": ""},
		"created_at": c.CreatedAt.Format(time.RFC3339), "updated_at": c.CreatedAt.Format(time.RFC3339),
	}
}

func (p pool) show(ready bool, c *cluster) object {
	nodes := make([]object, len(p.NodeIDs))
	for i, id := range p.NodeIDs {
		nodes[i] = object{
			"id": id, "name": "", "droplet_id": "", "status": object{"state": "provisioning", "message": ""},
			"created_at": c.CreatedAt.Format(time.RFC3339), "updated_at": c.CreatedAt.Format(time.RFC3339),
		}
		if ready {
			nodes[i]["name"] = fmt.Sprintf("%s-%s", p.Name, strings.ReplaceAll(id, "-", "")[:5])
			nodes[i]["droplet_id"] = dropletID(id)
			nodes[i]["status"] = object{"state": "running", "message": ""}
		}
	}
	return object{
		"id": p.ID, "name": p.Name, "size": p.Size, "count": len(p.NodeIDs), "tags": p.Tags,
		"labels": nil, "taints": []string{}, "auto_scale": p.AutoScale,
		"min_nodes": p.MinNodes, "max_nodes": p.MaxNodes, "nodes": nodes,
	}
}

// dropletID derives a number from a node's id, so that it stays the same.
func dropletID(nodeID string) string {
	n, _ := strconv.ParseUint(nodeID[:7], 16, 32)
	return strconv.FormatUint(n+100_000_000, 10)
}
