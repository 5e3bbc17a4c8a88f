package web_test

import (
	"strings"
	"testing"
)

// Admins are told what the database lets the portal do to the trail, and nobody
// else is.
func TestAboutTheDatabasesRole(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const says = "portal_runtime may not change the trail or the schema"
	for who, want := range map[string]bool{"admin": true, "member": false} {
		if got := b.as(who).Get("/about").Text("main"); strings.Contains(got, says) != want {
			t.Errorf("%s reads: %s", who, got)
		}
	}
}
