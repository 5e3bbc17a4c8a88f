package remote

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// Settings are those of an address after its question mark, each at most once
// and none but the named ones.
func Settings(u *url.URL, named ...string) (url.Values, error) {
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, errors.New("what follows the question mark cannot be read; write it like name=value&name=value")
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		switch {
		case !slices.Contains(named, name) && len(named) == 0:
			return nil, errors.New("this kind of address has nothing after a question mark")
		case !slices.Contains(named, name):
			return nil, fmt.Errorf("there is no setting %.40q; there are %s", name, strings.Join(named, ", "))
		case len(values[name]) > 1 || values.Get(name) == "":
			return nil, fmt.Errorf("%s has one value", name)
		}
	}
	return values, nil
}

// Shown is as much of an address as may be repeated to whoever typed it: paths of
// webhooks can be secrets.
func Shown(address string) string {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Scheme == "":
		return "…"
	case u.Host != "":
		return fmt.Sprintf("%.10s://%.100s", u.Scheme, u.Host)
	case u.Scheme == "file":
		return fmt.Sprintf("file://%.100s", u.Path)
	}
	return fmt.Sprintf("%.10s:…", u.Scheme)
}
