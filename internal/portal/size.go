package portal

import (
	"regexp"
	"strconv"
	"strings"
)

var (
	sizeSlug = regexp.MustCompile(`-([0-9]+)vcpu-([0-9]+)gb`)
	gpuSlug  = regexp.MustCompile(`^gpu-([a-z0-9]+?)x([0-9]+)-`)
)

// Described returns the size with what its slug says of its processors and
// memory, where DigitalOcean's list of sizes could not be read.
func (s Size) Described() Size {
	m := sizeSlug.FindStringSubmatch(s.Slug)
	if s.VCPUs != 0 || m == nil {
		return s
	}
	s.VCPUs, _ = strconv.Atoi(m[1])
	gib, _ := strconv.Atoi(m[2])
	s.MemoryMiB = gib << 10
	return s
}

// GPU says how many graphics processors of which kind a node of the size has,
// like "8 × H100", as its slug says; empty when it has none.
func (s Size) GPU() string {
	m := gpuSlug.FindStringSubmatch(s.Slug)
	if m == nil {
		return ""
	}
	return m[2] + " × " + strings.ToUpper(m[1])
}
