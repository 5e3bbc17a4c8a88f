package portal

import (
	"slices"
	"strconv"
	"strings"
)

// CompareVersions orders versions as DigitalOcean writes them, like
// 1.34.1-do.0, by their numbers.
func CompareVersions(a, b string) int { return slices.Compare(versionNumbers(a), versionNumbers(b)) }

// SameMinor reports whether two versions are of the same minor version.
func SameMinor(a, b string) bool {
	x, y := versionNumbers(a), versionNumbers(b)
	return len(x) > 1 && len(y) > 1 && slices.Equal(x[:2], y[:2])
}

func versionNumbers(version string) []int {
	var numbers []int
	for part := range strings.FieldsFuncSeq(version, func(r rune) bool { return r < '0' || r > '9' }) {
		n, _ := strconv.Atoi(part)
		numbers = append(numbers, n)
	}
	return numbers
}

// MinorOf is the minor of a version, like 1.35 of 1.35.1-do.0.
func MinorOf(version string) string {
	parts := strings.SplitN(version, ".", 3)
	return strings.Join(parts[:min(2, len(parts))], ".")
}

// PatchOf is the newest version that DigitalOcean offers of the minor version of a
// cluster, empty when it has that.
func (o Options) PatchOf(version string) string {
	newest := version
	for _, c := range o.Versions {
		if SameMinor(c.Slug, version) && CompareVersions(c.Slug, newest) > 0 {
			newest = c.Slug
		}
	}
	if newest == version {
		return ""
	}
	return newest
}

// NextOf is the version that DigitalOcean takes a cluster to next: the newest patch of
// its minor version first, from there the next minor's. Empty when there is none.
func (o Options) NextOf(version string) string {
	if patch := o.PatchOf(version); patch != "" {
		return patch
	}
	return o.UpgradeTo(version)
}

// UpgradeTo is the newest version that DigitalOcean offers for new clusters and
// that a cluster can reach in one step: of its own minor version or the next.
// Empty when there is none. What an upgrade really may go to DigitalOcean says
// for each cluster when it is planned.
func (o Options) UpgradeTo(version string) string {
	now := versionNumbers(version)
	newest := ""
	for _, c := range o.Versions {
		offered := versionNumbers(c.Slug)
		if len(now) < 2 || len(offered) < 2 || offered[0] != now[0] || offered[1] > now[1]+1 || slices.Compare(offered, now) <= 0 {
			continue
		}
		if newest == "" || CompareVersions(c.Slug, newest) > 0 {
			newest = c.Slug
		}
	}
	return newest
}
