package auth

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"doksportal/internal/db"
)

// What is taken of the groups that a provider sends.
const (
	maxGroups    = 1000 // of one person; more are taken for none
	maxGroupName = 512  // bytes; a longer name is left out
)

// find looks up a claim by its name, else by its path: names joined by dots,
// each of which may itself have dots. The longest name that fits goes first.
func (c claims) find(path string) (any, bool) {
	if v, ok := c[path]; ok {
		return v, true
	}
	for i := strings.LastIndexByte(path, '.'); i > 0; i = strings.LastIndexByte(path[:i], '.') {
		if inner, ok := c[path[:i]].(map[string]any); ok {
			if v, ok := claims(inner).find(path[i+1:]); ok {
				return v, true
			}
		}
	}
	return nil, false
}

// fill adds the claims of more that c lacks, and the groups among them, which
// may be part of a claim that c has without them.
func (a *Auth) fill(c, more claims) {
	_, had := c.find(a.GroupsClaim)
	for name, value := range more {
		if _, ok := c[name]; !ok {
			c[name] = value
		}
	}
	if groups, ok := more.find(a.GroupsClaim); ok && !had {
		c[a.GroupsClaim] = groups
	}
}

// groups reads the groups claim. Anything but a list or an object of names gives none: a
// provider with too many groups to send may send a pointer to them instead.
func (a *Auth) groups(c claims) (groups []string, problem string) {
	found, _ := c.find(a.GroupsClaim)
	switch v := found.(type) {
	case string:
		return groupNames([]any{v}), ""
	case []any:
		if len(v) > maxGroups {
			return nil, fmt.Sprintf("The identity provider sent %d groups, and the portal takes at most %d. Its administrator can restrict the groups that it sends to this application.", len(v), maxGroups)
		}
		return groupNames(v), ""
	case map[string]any:
		if names, ok := namesOf(v); ok {
			return names, ""
		}
	}
	sources, _ := c["_claim_names"].(map[string]any)
	if _, overage := sources[a.GroupsClaim]; overage || c["hasgroups"] != nil {
		return nil, "The identity provider sent a pointer instead of your groups, because you are in too many. Its administrator can restrict the groups that it sends to this application."
	}
	return nil, fmt.Sprintf("The identity provider sent no claim named %q with your groups.", a.GroupsClaim)
}

// namesOf reads an object whose keys are the names, each with an object of
// further details (Zitadel's roles).
func namesOf(object map[string]any) (groups []string, ok bool) {
	if len(object) == 0 || len(object) > maxGroups {
		return nil, false
	}
	var list []any
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if _, ok := object[name].(map[string]any); !ok {
			return nil, false
		}
		list = append(list, name)
	}
	return groupNames(list), true
}

// groupNames are the names in a list. One that had to be cut would be another
// group's.
func groupNames(list []any) (groups []string) {
	for _, g := range list {
		if name, ok := g.(string); ok && len(name) <= maxGroupName {
			groups = append(groups, db.Text(name))
		}
	}
	return groups
}
