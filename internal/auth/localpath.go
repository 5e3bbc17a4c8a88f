package auth

import (
	"net/url"
	"strings"
)

// LocalPath returns raw if it is a path of the portal, else "/". It is where a
// browser goes after sign-in.
func LocalPath(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" {
		return "/"
	}
	for _, path := range []string{raw, u.Path} {
		if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsFunc(path, unsafeInPath) {
			return "/"
		}
	}
	return raw
}

// unsafeInPath finds what browsers may take for another slash or a line's end.
func unsafeInPath(r rune) bool { return r == '\\' || r < ' ' || r == 0x7f }
