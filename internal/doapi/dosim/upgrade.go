package dosim

import (
	"net/http"
	"slices"
	"time"
)

// upgrade is an upgrade of a cluster, planned to its end when it begins.
type upgrade struct {
	To             string    `json:"to"`
	ControlPlaneAt time.Time `json:"control_plane_at"` // the control plane is done
	DoneAt         time.Time `json:"done_at"`          // the last pool is
}

// version is the version of the control plane.
func (c *cluster) version(now time.Time) string {
	if c.Upgrade != nil && !now.Before(c.Upgrade.ControlPlaneAt) {
		return c.Upgrade.To
	}
	return c.Version
}

func (w *world) listUpgrades(r *http.Request) (any, error) {
	c, err := w.cluster(r)
	if err != nil {
		return nil, err
	}
	var offered []version
	for _, slug := range upgradesFrom(c.version(w.now())) {
		offered = append(offered, describe(slug))
	}
	return object{"available_upgrade_versions": offered}, nil
}

func (w *world) upgradeCluster(r *http.Request) (any, error) {
	c, err := w.changeable(r)
	if err != nil {
		return nil, err
	}
	var params struct {
		Version string `json:"version"`
	}
	if err := decode(r, &params); err != nil {
		return nil, err
	}
	if !slices.Contains(upgradesFrom(c.version(w.now())), params.Version) {
		return nil, unprocessable("invalid upgrade path")
	}
	w.upgrade(c, params.Version)
	return nil, nil
}

// upgrade plans an upgrade: the control plane first, then one pool at a time.
func (w *world) upgrade(c *cluster, to string) {
	now := w.now()
	c.Version = c.version(now)
	c.touch(now)
	at := now.Add(w.scale(controlPlaneFor))
	c.Upgrade = &upgrade{To: to, ControlPlaneAt: at}
	c.say(now, "The upgrade to %s has started with the control plane", to)
	c.say(at, "The control plane runs %s, the node pools follow", to)
	for _, p := range c.Pools {
		at = w.replaceNodes(p, at, c.SurgeUpgrade)
	}
	c.Upgrade.DoneAt = at
	c.say(at, "The upgrade to %s has finished", to)
}

// replaceNodes replaces all nodes of a pool from a time on, and returns when
// that is done. A surge makes the new nodes before the old ones go.
func (w *world) replaceNodes(p *pool, at time.Time, surge bool) time.Time {
	done := at
	for _, old := range p.staying() {
		if surge {
			w.retire(old, w.grow(p, at).ReadyAt, true)
			done = old.GoneAt
		} else {
			w.retire(old, at, true)
			done = w.grow(p, old.GoneAt).ReadyAt
		}
	}
	return done
}
