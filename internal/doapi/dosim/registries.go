package dosim

import (
	"net/http"
	"slices"
)

// defaultRegistry is the one that /registry, which names none, is about.
const defaultRegistry = "default-registry"

func (w *world) addRegistries(r *http.Request) (any, error) {
	return nil, w.changeRegistries(r, nil, (*cluster).addRegistry)
}

func (w *world) removeRegistries(r *http.Request) (any, error) {
	return nil, w.changeRegistries(r, nil, (*cluster).removeRegistry)
}

func (w *world) addRegistry(r *http.Request) (any, error) {
	return nil, w.changeRegistries(r, []string{defaultRegistry}, (*cluster).addRegistry)
}

func (w *world) removeRegistry(r *http.Request) (any, error) {
	return nil, w.changeRegistries(r, []string{defaultRegistry}, (*cluster).removeRegistry)
}

// changeRegistries does something with each registry on each cluster. The
// request names the registries when they are nil. It changes all clusters or,
// when one of them cannot be changed, none.
func (w *world) changeRegistries(r *http.Request, registries []string, change func(*cluster, string)) error {
	var params struct {
		ClusterUUIDs []string `json:"cluster_uuids"`
		Registries   []string `json:"registries"`
	}
	if err := decode(r, &params); err != nil {
		return err
	}
	if registries == nil {
		registries = params.Registries
	}
	if len(params.ClusterUUIDs) == 0 || len(registries) == 0 {
		return invalid("cluster_uuids and registries cannot be empty")
	}
	var all []*cluster
	for _, id := range params.ClusterUUIDs {
		c := w.find(id)
		if c == nil {
			return notFound("cluster not found")
		}
		if err := c.busy(w.now()); err != nil {
			return err
		}
		all = append(all, c)
	}
	for _, c := range all {
		for _, name := range registries {
			change(c, name)
		}
		c.touch(w.now())
	}
	return nil
}

func (c *cluster) addRegistry(name string) {
	if !slices.Contains(c.Registries, name) {
		c.Registries = append(c.Registries, name)
	}
}

func (c *cluster) removeRegistry(name string) {
	c.Registries = slices.DeleteFunc(c.Registries, func(n string) bool { return n == name })
}
