package operation

import (
	"net/netip"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"doksportal/internal/names"
	"doksportal/internal/portal"
)

// Limits of what can be typed; that of names is DigitalOcean's.
const (
	maxName          = 63
	maxJustification = 1000
)

// fieldErrors collects what is wrong with what a person typed, while it is read.
type fieldErrors struct{ portal.FieldErrors }

var hostLabel = regexp.MustCompile(`^[a-z]([a-z0-9-]*[a-z0-9])?$`)

// checkName checks a name of a cluster or pool, which becomes part of host
// names.
func (f *fieldErrors) checkName(field, what, s string, limit int) {
	switch n := utf8.RuneCountInString(s); {
	case s == "":
		f.Add(field, "Enter a %s.", what)
	case n > limit:
		f.Add(field, "This %s has %d characters; at most %d are allowed.", what, n, limit)
	case !hostLabel.MatchString(s):
		f.Add(field, "A %s may have lowercase letters, digits and hyphens only; it starts with a letter and does not end with a hyphen.", what)
	}
}

func (f *fieldErrors) checkChoice(field, what, slug string, choices []portal.Choice) {
	if slug == "" {
		f.Add(field, "Choose a %s.", what)
	} else if !portal.Has(choices, slug) {
		f.Add(field, "DigitalOcean does not offer the %s %s.", what, portal.Quote(slug))
	}
}

func (f *fieldErrors) checkUUID(field, s string) {
	if s == "" {
		return
	}
	if _, err := uuid.Parse(s); err != nil {
		f.Add(field, "Enter an id like c33931f2-a26a-4e61-b85c-4e95a2ec431b; this is %s.", portal.Quote(s))
	}
}

func (f *fieldErrors) checkNetwork(field, s string) {
	if s == "" {
		return
	}
	if p, err := netip.ParsePrefix(s); err != nil || !p.Addr().Is4() || p.Masked() != p {
		f.Add(field, "Enter an IPv4 network like 10.244.0.0/16; this is %s.", portal.Quote(s))
	}
}

// checkAddress checks an IPv4 address or network.
func (f *fieldErrors) checkAddress(field, s string) {
	if a, err := netip.ParseAddr(s); err == nil && a.Is4() {
		return
	}
	if p, err := netip.ParsePrefix(s); err == nil && p.Addr().Is4() {
		return
	}
	f.Add(field, "%s is not an IPv4 address like 203.0.113.7 or network like 203.0.113.0/24.", portal.Quote(s))
}

// checkText checks a text that people write to each other.
func (f *fieldErrors) checkText(field, what, s string, limit int, required bool) {
	if problem := names.CheckText(what, s, limit, required); problem != "" {
		f.Add(field, "%s", problem)
	}
}

// onePerLine puts each part of a list on a line of its own.
func onePerLine(list string) string { return strings.ReplaceAll(list, ", ", "\n") }
