package portal_test

import (
	"testing"

	"doksportal/internal/portal"
)

func TestUpgradeTo(t *testing.T) {
	t.Parallel()
	offer := portal.Options{Versions: []portal.Choice{{Slug: "1.36.0-do.0"}, {Slug: "1.35.10-do.0"}, {Slug: "1.35.9-do.1"}, {Slug: "1.34.4-do.0"}}}
	for version, want := range map[string]string{
		"1.36.0-do.0": "", "1.35.10-do.0": "1.36.0-do.0", "1.35.9-do.1": "1.36.0-do.0", "1.34.4-do.0": "1.35.10-do.0", "1.34.1-do.0": "1.35.10-do.0",
		"1.33.1-do.0": "1.34.4-do.0", "1.32.1-do.0": "", "2.35.1-do.0": "", "": "", "latest": "",
	} {
		if got := offer.UpgradeTo(version); got != want {
			t.Errorf("%s: %q, want %q", version, got, want)
		}
	}
}
