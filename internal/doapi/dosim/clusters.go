package dosim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

const maxNodes = 512 // a cluster

type createParams struct {
	Name      string       `json:"name"`
	Region    string       `json:"region"`
	Version   string       `json:"version"`
	HA        bool         `json:"ha"`
	Tags      []string     `json:"tags"`
	NodePools []poolParams `json:"node_pools"`
}

type poolParams struct {
	Name      string   `json:"name"`
	Size      string   `json:"size"`
	Count     *int     `json:"count"`
	Tags      []string `json:"tags"`
	AutoScale bool     `json:"auto_scale"`
	MinNodes  int      `json:"min_nodes"`
	MaxNodes  int      `json:"max_nodes"`
}

// nodes is how many nodes the pool starts with. A missing count is 0; one that
// is outside of an autoscaler's bounds becomes the lower of them.
func (p poolParams) nodes() int {
	n := 0
	if p.Count != nil {
		n = *p.Count
	}
	if p.AutoScale && (n < p.MinNodes || n > p.MaxNodes) {
		n = p.MinNodes
	}
	return n
}

func (s *Sim) createCluster(r *http.Request) answer {
	var p createParams
	if err := json.NewDecoder(r.Body).Decode(&p); err != nil {
		return refused(http.StatusBadRequest, "bad_request", "The request body is not valid JSON.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	version, refusal := s.check(p)
	if refusal != "" {
		return unprocessable("%s", refusal)
	}
	now := s.cfg.Now().UTC().Truncate(time.Second)
	c := &cluster{
		ID: uuid.NewString(), Name: p.Name, Region: p.Region, Version: version, HA: p.HA,
		CreatedAt: now, ReadyAt: s.cfg.Now().Add(s.scale(provisioningFor)),
	}
	c.Tags = append([]string{"k8s", "k8s:" + c.ID}, p.Tags...)
	for _, pool := range p.NodePools {
		c.addPool(pool)
	}
	s.clusters = append(s.clusters, c)
	s.changed()
	return answer{status: http.StatusCreated, body: map[string]any{"kubernetes_cluster": s.show(c)}}
}

var dnsLabel = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

// check returns the version that is meant, and why the parameters are refused.
func (s *Sim) check(p createParams) (version, refusal string) {
	if len(p.Name) > 63 || !dnsLabel.MatchString(p.Name) {
		return "", "validation error: invalid cluster name"
	}
	if slices.ContainsFunc(s.present(), func(c *cluster) bool { return c.Name == p.Name }) {
		return "", "a cluster with this name already exists"
	}
	if !knownRegion(p.Region) {
		return "", "validation error: invalid region slug"
	}
	version, ok := resolve(p.Version)
	if !ok {
		return "", "validation error: invalid version slug"
	}
	if slices.ContainsFunc(p.Tags, func(t string) bool { return strings.HasPrefix(t, "k8s") }) {
		return "", "validation error: tags cannot start with k8s"
	}
	return version, checkPools(p.NodePools)
}

func checkPools(pools []poolParams) string {
	if len(pools) == 0 {
		return "validation error: worker_node_pool_specs cannot be empty"
	}
	names, total := map[string]bool{}, 0
	for i, p := range pools {
		at := fmt.Sprintf("validation error: worker_node_pool_specs[%d].", i)
		switch {
		case p.Name == "" || names[p.Name]:
			return at + "pool names must be unique"
		case len(p.Name) > 55:
			return at + "pool names cannot be greater than 55 characters"
		case !knownSize(p.Size):
			return at + "invalid droplet size"
		case p.nodes() < 0:
			return at + "invalid count"
		}
		names[p.Name] = true
		total += p.nodes()
	}
	if total > maxNodes {
		return fmt.Sprintf("validation error: %d additional nodes but not enough available droplet limit", total)
	}
	return ""
}

func (c *cluster) addPool(p poolParams) {
	added := pool{ID: uuid.NewString(), Name: p.Name, Size: p.Size, NodeIDs: newIDs(p.nodes())}
	if p.AutoScale {
		added.AutoScale, added.MinNodes, added.MaxNodes = true, p.MinNodes, p.MaxNodes
	}
	added.Tags = append([]string{"k8s", "k8s:" + c.ID, "k8s:worker"}, p.Tags...)
	c.Pools = append(c.Pools, added)
}

func (s *Sim) getCluster(r *http.Request) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.find(r.PathValue("id"))
	if c == nil {
		return notFound("cluster not found")
	}
	return answer{status: http.StatusOK, body: map[string]any{"kubernetes_cluster": s.show(c)}}
}

func (s *Sim) deleteCluster(r *http.Request) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.find(r.PathValue("id"))
	if c == nil {
		return notFound("cluster not found")
	}
	if state := s.state(c); state != "running" {
		return unprocessable("cluster is %s", state)
	}
	now := s.cfg.Now()
	c.DeletedAt = &now
	s.changed()
	return answer{status: http.StatusNoContent}
}

func (s *Sim) listAssociated(r *http.Request) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.find(r.PathValue("id"))
	if c == nil {
		return notFound("cluster not found")
	}
	return answer{status: http.StatusOK, body: map[string][]Resource{
		"load_balancers":   notNil(c.Resources.LoadBalancers),
		"volumes":          notNil(c.Resources.Volumes),
		"volume_snapshots": notNil(c.Resources.VolumeSnapshots),
	}}
}

func (s *Sim) listClusters(r *http.Request) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	present := s.present()
	list := make([]any, len(present))
	for i, c := range present {
		list[i] = s.show(c)
	}
	return paged(r, "kubernetes_clusters", list)
}

func (s *Sim) listSizes(r *http.Request) answer {
	list := make([]any, len(sizes))
	for i := range sizes {
		list[i] = sizes[i]
	}
	return paged(r, "sizes", list)
}

func (s *Sim) listOptions(*http.Request) answer {
	type option struct {
		Name string `json:"name"`
		Slug string `json:"slug"`
	}
	type version struct {
		Slug              string   `json:"slug"`
		KubernetesVersion string   `json:"kubernetes_version"`
		SupportedFeatures []string `json:"supported_features"`
	}
	var o struct {
		Regions  []option  `json:"regions"`
		Versions []version `json:"versions"`
		Sizes    []option  `json:"sizes"`
	}
	for _, r := range regions {
		o.Regions = append(o.Regions, option{r[1], r[0]})
	}
	for _, v := range versions {
		number, _, _ := strings.Cut(v, "-")
		o.Versions = append(o.Versions, version{v, number, []string{"cluster-autoscaler", "docr-integration", "token-authentication"}})
	}
	for _, s := range sizes {
		o.Sizes = append(o.Sizes, option{s.Slug, s.Slug})
	}
	return answer{status: http.StatusOK, body: map[string]any{"options": o}}
}

// paged answers with a page of a list, its links and its total. Source: API
// reference, "Links & Pagination".
func paged(r *http.Request, key string, list []any) answer {
	page, perPage := intParam(r, "page", 1), intParam(r, "per_page", 20)
	if page < 1 || perPage < 1 || perPage > 200 {
		return refused(http.StatusBadRequest, "bad_request", "page or per_page is out of range")
	}
	last := max(1, (len(list)+perPage-1)/perPage)
	from := min(len(list), (page-1)*perPage)
	links := map[string]string{}
	link := func(name string, to int) {
		u := url.URL{Scheme: "https", Host: "api.digitalocean.com", Path: r.URL.Path,
			RawQuery: url.Values{"page": {strconv.Itoa(to)}, "per_page": {strconv.Itoa(perPage)}}.Encode()}
		links[name] = u.String()
	}
	if page > 1 {
		link("first", 1)
		link("prev", page-1)
	}
	if page < last {
		link("next", page+1)
		link("last", last)
	}
	return answer{status: http.StatusOK, body: map[string]any{
		key:     list[from:min(len(list), from+perPage)],
		"links": map[string]any{"pages": links},
		"meta":  map[string]int{"total": len(list)},
	}}
}

func intParam(r *http.Request, name string, def int) int {
	raw := r.URL.Query().Get(name)
	if raw == "" {
		return def
	}
	n, err := strconv.Atoi(raw)
	if err != nil {
		return -1
	}
	return n
}

func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
