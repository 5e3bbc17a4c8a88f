package portal

import "testing"

func TestSizeFromItsSlug(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		size   Size
		vcpus  int
		memory int
		gpu    string
	}{
		{Size{Slug: "s-2vcpu-4gb"}, 2, 4096, ""},
		{Size{Slug: "so1_5-16vcpu-128gb"}, 16, 128 << 10, ""},
		{Size{Slug: "c-2"}, 0, 0, ""}, // does not say
		{Size{Slug: "gpu-h100x8-640gb"}, 0, 0, "8 × H100"},
		{Size{Slug: "gpu-6000adax1-48gb"}, 0, 0, "1 × 6000ADA"},
		{Size{Slug: "s-2vcpu-4gb", VCPUs: 3, MemoryMiB: 5}, 3, 5, ""}, // DigitalOcean's word first
	} {
		got := tt.size.Described()
		if got.VCPUs != tt.vcpus || got.MemoryMiB != tt.memory || got.GPU() != tt.gpu {
			t.Errorf("%s: %d vCPU, %d MiB, GPU %q", tt.size.Slug, got.VCPUs, got.MemoryMiB, got.GPU())
		}
	}
}
