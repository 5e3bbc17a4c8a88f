package request

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"doksportal/internal/names"
	"doksportal/internal/portal"
)

// Limits of what can be typed. Those of names, pools and nodes are
// DigitalOcean's, those of labels and taints are Kubernetes'.
const (
	maxName          = 63
	maxPoolName      = 55
	maxNodes         = 512 // a cluster
	maxTags          = 20
	maxTag           = 255
	maxLabels        = 50
	maxAddresses     = 100
	maxJustification = 1000
	maxComment       = 1000
)

// fieldErrors collects what is wrong with what a person typed.
type fieldErrors []portal.FieldError

// maxFaults is how many faults a person is told at once.
const maxFaults = 50

func (f *fieldErrors) add(field, format string, args ...any) {
	if len(*f) == maxFaults {
		return
	}
	*f = append(*f, portal.FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
}

// err returns nil when nothing is wrong.
func (f fieldErrors) err() error {
	if len(f) == 0 {
		return nil
	}
	return portal.Invalid(f...)
}

var label = regexp.MustCompile(`^[a-z]([a-z0-9-]*[a-z0-9])?$`)

// checkLabel checks a name of a cluster or pool, which becomes part of host
// names.
func (f *fieldErrors) checkLabel(field, what, s string, limit int) {
	switch n := utf8.RuneCountInString(s); {
	case s == "":
		f.add(field, "Enter a %s.", what)
	case n > limit:
		f.add(field, "This %s has %d characters; at most %d are allowed.", what, n, limit)
	case !label.MatchString(s):
		f.add(field, "A %s may have small letters, digits and hyphens only, starts with a letter and does not end with a hyphen.", what)
	}
}

func (f *fieldErrors) checkChoice(field, what, slug string, choices []portal.Choice) {
	if slug == "" {
		f.add(field, "Choose a %s.", what)
	} else if !portal.Has(choices, slug) {
		f.add(field, "DigitalOcean does not offer the %s %s.", what, quote(slug))
	}
}

func (f *fieldErrors) checkUUID(field, s string) {
	if s == "" {
		return
	}
	if _, err := uuid.Parse(s); err != nil {
		f.add(field, "Enter an id like c33931f2-a26a-4e61-b85c-4e95a2ec431b; this is %s.", quote(s))
	}
}

func (f *fieldErrors) checkNetwork(field, s string) {
	if s == "" {
		return
	}
	if p, err := netip.ParsePrefix(s); err != nil || !p.Addr().Is4() || p.Masked() != p {
		f.add(field, "Enter an IPv4 network like 10.244.0.0/16; this is %s.", quote(s))
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
	f.add(field, "%s is no IPv4 address like 203.0.113.7 or network like 203.0.113.0/24.", quote(s))
}

var tag = regexp.MustCompile(`^[\pL\pN:_-]+$`)

// readTags reads tags in their order, each once.
func (f *fieldErrors) readTags(field string, form portal.Form) []string {
	tags := form.Fields(field)
	if len(tags) > maxTags {
		f.add(field, "These are %d tags; at most %d are allowed.", len(tags), maxTags)
		return nil
	}
	for _, t := range tags {
		if n := utf8.RuneCountInString(t); n > maxTag {
			f.add(field, "The tag %s has %d characters; at most %d are allowed.", quote(t), n, maxTag)
		} else if !tag.MatchString(t) {
			f.add(field, "The tag %s may have letters, digits, colons, hyphens and underscores only.", quote(t))
		}
		for _, reserved := range portal.ReservedTags {
			if strings.HasPrefix(strings.ToLower(t), reserved) {
				f.add(field, "Tags that start with “%s” are set by the portal or by DigitalOcean.", reserved)
			}
		}
	}
	slices.Sort(tags)
	return slices.Compact(tags)
}

// Kubernetes' syntax of keys and values. Source: its documentation, "Labels and
// Selectors".
var (
	keyPrefix  = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$`)
	keyName    = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$`)
	labelValue = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$`)
)

func validKey(key string) bool {
	prefix, name, ok := strings.Cut(key, "/")
	if !ok {
		return keyName.MatchString(key)
	}
	return keyPrefix.MatchString(prefix) && keyName.MatchString(name)
}

// readLabels reads labels like key=value, one a line. now are those that there
// are, which may stay.
func (f *fieldErrors) readLabels(field string, form portal.Form, now map[string]string) map[string]string {
	words := form.Fields(field)
	if len(words) > maxLabels {
		f.add(field, "These are %d labels; at most %d are allowed.", len(words), maxLabels)
		return nil
	}
	labels := map[string]string{}
	for _, word := range words {
		key, value, ok := strings.Cut(word, "=")
		if !ok || !validKey(key) || !labelValue.MatchString(value) {
			f.add(field, "%s is no label like key=value in Kubernetes' own syntax.", quote(word))
			continue
		}
		if there, ok := now[key]; owned(key) && (!ok || there != value) {
			f.add(field, ownedText, quote(key))
		}
		if _, twice := labels[key]; twice {
			f.add(field, "The label %s is there twice.", quote(key))
		}
		labels[key] = value
	}
	return labels
}

// readTaints reads taints like key=value:NoSchedule, one a line. now are those
// that there are, which may stay.
func (f *fieldErrors) readTaints(field string, form portal.Form, now []portal.Taint) []portal.Taint {
	words := form.Fields(field)
	if len(words) > maxLabels {
		f.add(field, "These are %d taints; at most %d are allowed.", len(words), maxLabels)
		return nil
	}
	taints := []portal.Taint{}
	for _, word := range words {
		pair, effect, ok := strings.Cut(word, ":")
		key, value, _ := strings.Cut(pair, "=")
		switch {
		case !ok || !validKey(key) || !labelValue.MatchString(value):
			f.add(field, "%s is no taint like key=value:NoSchedule in Kubernetes' own syntax.", quote(word))
		case !slices.Contains(portal.TaintEffects, effect):
			f.add(field, "%s has the effect %s; there are %s.", quote(word), quote(effect), strings.Join(portal.TaintEffects, ", "))
		case slices.ContainsFunc(taints, func(t portal.Taint) bool { return t.Key == key && t.Effect == effect }):
			f.add(field, "The taint %s is there twice.", quote(word))
		case owned(key) && !slices.Contains(now, portal.Taint{Key: key, Value: value, Effect: effect}):
			f.add(field, ownedText, quote(key))
		default:
			taints = append(taints, portal.Taint{Key: key, Value: value, Effect: effect})
		}
	}
	return taints
}

func (f *fieldErrors) checkText(field, what, s string, limit int, required bool) {
	if required && strings.TrimSpace(s) == "" {
		f.add(field, "Enter %s.", what)
	}
	if n := utf8.RuneCountInString(s); n > limit {
		f.add(field, "This has %d characters; at most %d are allowed.", n, limit)
	}
	if strings.ContainsRune(s, 0) || !utf8.ValidString(s) {
		f.add(field, "This has characters that cannot be kept.")
	} else if r, ok := names.Hidden(s); ok {
		f.add(field, "This has a character that cannot be seen (U+%04X); type it again.", r)
	}
}

// quote shows what was typed, shortened to what fits a sentence.
func quote(s string) string {
	const most = 40
	if utf8.RuneCountInString(s) > most {
		s = string([]rune(s)[:most]) + "…"
	}
	return "“" + s + "”"
}
