package dosim

import "strings"

// versions are offered newest first, the latest patch of three minors.
var versions = []string{"1.35.1-do.0", "1.34.4-do.0", "1.33.8-do.1"}

var regions = [][2]string{
	{"nyc1", "New York 1"}, {"nyc3", "New York 3"}, {"sfo2", "San Francisco 2"}, {"sfo3", "San Francisco 3"},
	{"ams3", "Amsterdam 3"}, {"sgp1", "Singapore 1"}, {"lon1", "London 1"}, {"fra1", "Frankfurt 1"},
	{"tor1", "Toronto 1"}, {"blr1", "Bangalore 1"}, {"syd1", "Sydney 1"},
}

// size is a kind of node. The prices of the s- sizes are DigitalOcean's list
// prices of 2022, the others made up in proportion.
type size struct {
	Slug         string   `json:"slug"`
	Memory       int      `json:"memory"` // MiB
	VCPUs        int      `json:"vcpus"`
	Disk         int      `json:"disk"` // GiB
	Transfer     float64  `json:"transfer"`
	PriceMonthly float64  `json:"price_monthly"`
	PriceHourly  float64  `json:"price_hourly"`
	Regions      []string `json:"regions"`
	Available    bool     `json:"available"`
	Description  string   `json:"description"`
}

var sizes = []size{
	newSize("s-1vcpu-2gb", 1, 2, 50, 12), newSize("s-2vcpu-2gb", 2, 2, 60, 18),
	newSize("s-2vcpu-4gb", 2, 4, 80, 24), newSize("s-4vcpu-8gb", 4, 8, 160, 48),
	newSize("s-8vcpu-16gb", 8, 16, 320, 96), newSize("c-2", 2, 4, 25, 42),
	newSize("c-4", 4, 8, 50, 84), newSize("c-8", 8, 16, 100, 168),
	newSize("g-2vcpu-8gb", 2, 8, 25, 63), newSize("g-4vcpu-16gb", 4, 16, 50, 126),
	newSize("m-2vcpu-16gb", 2, 16, 50, 84), newSize("m-4vcpu-32gb", 4, 32, 100, 168),
}

func newSize(slug string, vcpus, gib, disk int, price float64) size {
	s := size{
		Slug: slug, VCPUs: vcpus, Memory: gib * 1024, Disk: disk, Transfer: 4,
		PriceMonthly: price, PriceHourly: price / 672, Available: true, Description: "Basic",
	}
	for _, r := range regions {
		s.Regions = append(s.Regions, r[0])
	}
	return s
}

func knownSize(slug string) bool {
	for _, s := range sizes {
		if s.Slug == slug {
			return true
		}
	}
	return false
}

func knownRegion(slug string) bool {
	for _, r := range regions {
		if r[0] == slug {
			return true
		}
	}
	return false
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
