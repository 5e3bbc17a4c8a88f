package dosim

import (
	"math"
	"slices"
	"strings"
)

// size is a kind of node.
type size struct {
	slug    string
	vcpus   int
	memory  int     // GiB
	disk    int     // GiB
	monthly float64 // USD
}

// sizes are those of the API reference, in its order. The prices of
// s-1vcpu-2gb, s-2vcpu-2gb, s-2vcpu-4gb, s-4vcpu-8gb and s-8vcpu-16gb are
// DigitalOcean's list prices of 2022, the others are believable ones.
var sizes = []size{
	{"s-1vcpu-2gb", 1, 2, 50, 12}, {"s-2vcpu-2gb", 2, 2, 60, 18}, {"s-1vcpu-3gb", 1, 3, 60, 18},
	{"s-2vcpu-4gb", 2, 4, 80, 24}, {"s-4vcpu-8gb", 4, 8, 160, 48}, {"c-2", 2, 4, 25, 42},
	{"g-2vcpu-8gb", 2, 8, 25, 63}, {"gd-2vcpu-8gb", 2, 8, 50, 68}, {"s-8vcpu-16gb", 8, 16, 320, 96},
	{"s-6vcpu-16gb", 6, 16, 320, 90}, {"c-4", 4, 8, 50, 84}, {"m-2vcpu-16gb", 2, 16, 50, 84},
	{"m3-2vcpu-16gb", 2, 16, 150, 104}, {"g-4vcpu-16gb", 4, 16, 50, 126}, {"gd-4vcpu-16gb", 4, 16, 100, 136},
	{"m6-2vcpu-16gb", 2, 16, 300, 131}, {"s-8vcpu-32gb", 8, 32, 640, 192}, {"c-8", 8, 16, 100, 168},
	{"m-4vcpu-32gb", 4, 32, 100, 168}, {"m3-4vcpu-32gb", 4, 32, 300, 208}, {"g-8vcpu-32gb", 8, 32, 100, 252},
	{"s-12vcpu-48gb", 12, 48, 960, 288}, {"gd-8vcpu-32gb", 8, 32, 200, 272}, {"m6-4vcpu-32gb", 4, 32, 600, 262},
	{"s-16vcpu-64gb", 16, 64, 1280, 384}, {"c-16", 16, 32, 200, 336}, {"m-8vcpu-64gb", 8, 64, 200, 336},
	{"m3-8vcpu-64gb", 8, 64, 600, 416}, {"g-16vcpu-64gb", 16, 64, 200, 504}, {"s-20vcpu-96gb", 20, 96, 1920, 576},
	{"gd-16vcpu-64gb", 16, 64, 400, 544}, {"m6-8vcpu-64gb", 8, 64, 1200, 524}, {"s-24vcpu-128gb", 24, 128, 2560, 768},
	{"c-32", 32, 64, 400, 672}, {"m-16vcpu-128gb", 16, 128, 400, 672}, {"m3-16vcpu-128gb", 16, 128, 1200, 832},
	{"g-32vcpu-128gb", 32, 128, 400, 1008}, {"s-32vcpu-192gb", 32, 192, 3840, 1152}, {"gd-32vcpu-128gb", 32, 128, 800, 1088},
	{"m-24vcpu-192gb", 24, 192, 600, 1008}, {"m6-16vcpu-128gb", 16, 128, 2400, 1048}, {"g-40vcpu-160gb", 40, 160, 500, 1260},
	{"gd-40vcpu-160gb", 40, 160, 1000, 1360}, {"m3-24vcpu-192gb", 24, 192, 1800, 1248}, {"m-32vcpu-256gb", 32, 256, 800, 1344},
	{"m6-24vcpu-192gb", 24, 192, 3600, 1572}, {"m3-32vcpu-256gb", 32, 256, 2400, 1664}, {"m6-32vcpu-256gb", 32, 256, 4800, 2096},
}

// sizeNames are the names of the sizes that are not called by their slug.
var sizeNames = map[string]string{"c-2": "c-2-4GiB", "c-4": "c-4-8GiB", "c-8": "c-8-16GiB", "c-32": "c-32-64GiB"}

// families describe sizes by the first part of their slug.
var families = map[string]string{
	"s": "Basic", "c": "CPU-Optimized", "g": "General Purpose", "gd": "General Purpose",
	"m": "Memory-Optimized", "m3": "Memory-Optimized", "m6": "Memory-Optimized",
}

func knownSize(slug string) bool {
	return slices.ContainsFunc(sizes, func(s size) bool { return s.slug == slug })
}

func (s size) option() option {
	name, ok := sizeNames[s.slug]
	if !ok {
		name = s.slug
	}
	return option{Name: name, Slug: s.slug}
}

// show returns a size as GET /v2/sizes does. A month costs at most 672 hours.
func (s size) show() object {
	family, _, _ := strings.Cut(s.slug, "-")
	return object{
		"slug": s.slug, "memory": s.memory * 1024, "vcpus": s.vcpus, "disk": s.disk, "transfer": 4.0,
		"price_monthly": s.monthly, "price_hourly": math.Round(s.monthly/672*1e5) / 1e5,
		"regions": regionSlugs(), "available": true, "description": families[family],
	}
}
