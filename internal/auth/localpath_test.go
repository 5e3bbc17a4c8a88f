package auth_test

import (
	"net/url"
	"path"
	"strings"
	"testing"

	"doksportal/internal/auth"
)

func TestLocalPath(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{"/", "/clusters", "/clusters?page=2&q=a%20b", "/requests/12#review", "/a//b"} {
		if got := auth.LocalPath(raw); got != raw {
			t.Errorf("LocalPath(%q) = %q", raw, got)
		}
	}
	for _, raw := range []string{
		"", "clusters", "//evil.example", "///evil.example", `/\evil.example`, `\\evil.example`, `\/evil.example`,
		"https://evil.example", "https:evil.example", "javascript:alert(1)", "http:///evil.example", "//user@evil.example/",
		"/%2fevil.example", "/%2Fevil.example", "/%5cevil.example", "/%5Cevil.example", "/a\r\nSet-Cookie: x=y", "/%0d%0aSet-Cookie:x",
		"/\t/evil.example", "/%09/evil.example", "\t//evil.example", " //evil.example", "/a\x00b", "/%00", "?return=x", "#x",
	} {
		if got := auth.LocalPath(raw); got != "/" {
			t.Errorf("LocalPath(%q) = %q", raw, got)
		}
	}
}

// leaves reports whether a browser that is sent to location would leave the
// portal. It reads addresses as leniently as browsers do: they drop tabs and
// line ends, and take a backslash for a slash.
func leaves(location string) bool {
	location = strings.NewReplacer("\t", "", "\r", "", "\n", "", `\`, "/").Replace(strings.TrimLeft(location, " "))
	return !strings.HasPrefix(location, "/") || strings.HasPrefix(location, "//")
}

func FuzzLocalPath(f *testing.F) {
	for _, seed := range []string{"/clusters?x=1", "//evil.example", `/\evil.example`, "/%2f%2fevil.example", "/a\r\nb", "https://evil.example", "/..//evil.example"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		got := auth.LocalPath(raw)
		if leaves(got) || strings.ContainsAny(got, "\r\n\x00") {
			t.Fatalf("LocalPath(%q) = %q", raw, got)
		}
		u, err := url.Parse(got)
		if err != nil || u.Host != "" || u.Scheme != "" {
			t.Fatalf("LocalPath(%q) = %q: %v", raw, got, err)
		}
		// http.Redirect cleans the path, and a proxy may decode it.
		if leaves(path.Clean(got)) || leaves(u.Path) {
			t.Fatalf("LocalPath(%q) = %q leaves after decoding", raw, got)
		}
	})
}
