package dosim

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// versions are offered newest first, the latest patch of three minors. Seeds
// may be on older ones.
var versions = []string{"1.35.1-do.0", "1.34.4-do.0", "1.33.8-do.1"}

// version is a version as the API shows it.
type version struct {
	KubernetesVersion string   `json:"kubernetes_version"`
	Slug              string   `json:"slug"`
	SupportedFeatures []string `json:"supported_features"`
}

func describe(slug string) version {
	number, _, _ := strings.Cut(slug, "-")
	return version{number, slug, []string{"cluster-autoscaler", "docr-integration", "token-authentication"}}
}

// resolve returns the version that a slug, a minor or "latest" means.
func resolve(version string) (string, bool) {
	if version == "latest" {
		return versions[0], true
	}
	for _, v := range versions {
		if v == version || strings.HasPrefix(v, version+".") && strings.Count(version, ".") == 1 {
			return v, true
		}
	}
	return "", false
}

// upgradesFrom returns the versions that a cluster can be upgraded to: the
// latest patch of its minor, or, once it has that, the next minor's.
func upgradesFrom(current string) []string {
	for _, minor := range []int{minorOf(current), minorOf(current) + 1} {
		latest, ok := resolve("1." + strconv.Itoa(minor))
		if ok && latest != current {
			return []string{latest}
		}
	}
	return nil
}

func minorOf(slug string) int {
	_, rest, _ := strings.Cut(slug, ".")
	minor, _, _ := strings.Cut(rest, ".")
	n, _ := strconv.Atoi(minor)
	return n
}

// option is a region or a size that clusters can be made of.
type option struct {
	Name string `json:"name"`
	Slug string `json:"slug"`
}

// regions are those of the API reference, in its order.
var regions = []option{
	{"New York 1", "nyc1"}, {"Singapore 1", "sgp1"}, {"London 1", "lon1"}, {"New York 3", "nyc3"}, {"Amsterdam 3", "ams3"},
	{"Frankfurt 1", "fra1"}, {"Toronto 1", "tor1"}, {"San Francisco 2", "sfo2"}, {"Bangalore 1", "blr1"}, {"San Francisco 3", "sfo3"},
}

func knownRegion(slug string) bool {
	return slices.ContainsFunc(regions, func(r option) bool { return r.Slug == slug })
}

func regionSlugs() []string {
	var slugs []string
	for _, r := range regions {
		slugs = append(slugs, r.Slug)
	}
	return slugs
}

// defaultVPC is the account's default network in a region.
func defaultVPC(region string) string {
	return uuid.NewSHA1(uuid.NameSpaceDNS, []byte(region+".vpc.digitalocean.com")).String()
}

// publicIPv4 derives the address of a control plane from the cluster's id. It
// is of a range that is kept for documentation.
func publicIPv4(clusterID string) string {
	return fmt.Sprintf("203.0.113.%d", sha256.Sum256([]byte(clusterID))[0]%254+1)
}

func (w *world) listOptions(*http.Request) (any, error) {
	var described []version
	for _, slug := range versions {
		described = append(described, describe(slug))
	}
	var offered []option
	for _, s := range sizes {
		offered = append(offered, s.option())
	}
	return object{"options": object{"regions": regions, "versions": described, "sizes": offered}}, nil
}

func (w *world) listSizes(r *http.Request) (any, error) {
	return paged(r, "sizes", sizes, func(s size) any { return s.show() })
}
