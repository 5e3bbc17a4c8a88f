package request

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"doksportal/internal/portal"
)

// Limits of what can be typed. Those of names, pools and nodes are
// DigitalOcean's.
const (
	maxName          = 63
	maxPoolName      = 55
	maxPools         = 20
	maxNodes         = 512 // a cluster
	maxTags          = 20
	maxTag           = 255
	maxJustification = 1000
	maxComment       = 1000
)

// CreateInput is what a person typed to ask for a cluster.
type CreateInput struct {
	Team          string // slug
	Name          string
	Region        string
	Version       string
	HA            bool
	Environment   string
	Tags          string // separated by commas or spaces
	Pools         []PoolInput
	Justification string
	SubmitKey     string
}

// PoolInput is what a person typed to describe a pool.
type PoolInput struct {
	Name, Size, Count string
}

// faults collects what is wrong with what a person typed.
type faults []portal.FieldError

func (f *faults) add(field, format string, args ...any) {
	*f = append(*f, portal.FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
}

// err returns nil when nothing is wrong.
func (f faults) err() error {
	if len(f) == 0 {
		return nil
	}
	return portal.Invalid(f...)
}

// parse turns what was typed into parameters, as far as it makes sense, and
// says what does not.
func (in CreateInput) parse(options portal.Options) (portal.CreateParams, faults) {
	var f faults
	p := portal.CreateParams{
		Name:        strings.TrimSpace(in.Name),
		Region:      in.Region,
		Version:     in.Version,
		HA:          in.HA,
		Environment: portal.Environment(in.Environment),
	}
	f.checkLabel("name", "name", p.Name, maxName)
	f.checkChoice("region", "region", in.Region, options.Regions)
	f.checkChoice("version", "Kubernetes version", in.Version, options.Versions)
	if in.Environment == "" {
		f.add("environment", "Choose an environment.")
	} else if !slices.Contains(portal.Environments, p.Environment) {
		f.add("environment", "There is no environment called %s.", quote(in.Environment))
	}
	p.Tags = f.parseTags(in.Tags)
	p.Pools = f.parsePools(in.Pools, options)
	return p, f
}

var label = regexp.MustCompile(`^[a-z]([a-z0-9-]*[a-z0-9])?$`)

// checkLabel checks a name of a cluster or pool, which becomes part of host
// names.
func (f *faults) checkLabel(field, what, s string, limit int) {
	switch n := utf8.RuneCountInString(s); {
	case s == "":
		f.add(field, "Enter a %s.", what)
	case n > limit:
		f.add(field, "This %s has %d characters; at most %d are allowed.", what, n, limit)
	case !label.MatchString(s):
		f.add(field, "A %s may have small letters, digits and hyphens only, starts with a letter and does not end with a hyphen.", what)
	}
}

func (f *faults) checkChoice(field, what, slug string, choices []portal.Choice) {
	if slug == "" {
		f.add(field, "Choose a %s.", what)
	} else if !portal.Has(choices, slug) {
		f.add(field, "DigitalOcean does not offer the %s %s.", what, quote(slug))
	}
}

var tag = regexp.MustCompile(`^[\pL\pN:_-]+$`)

// reservedTags begin tags that DigitalOcean or the portal set themselves.
var reservedTags = []string{"k8s", "team:", "env:", "portal-request:"}

func (f *faults) parseTags(typed string) []string {
	tags := strings.FieldsFunc(typed, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' || r == '\r' })
	if len(tags) > maxTags {
		f.add("tags", "These are %d tags; at most %d are allowed.", len(tags), maxTags)
	}
	for _, t := range tags {
		if n := utf8.RuneCountInString(t); n > maxTag {
			f.add("tags", "The tag %s has %d characters; at most %d are allowed.", quote(t), n, maxTag)
		} else if !tag.MatchString(t) {
			f.add("tags", "The tag %s may have letters, digits, colons, hyphens and underscores only.", quote(t))
		}
		for _, reserved := range reservedTags {
			if strings.HasPrefix(strings.ToLower(t), reserved) {
				f.add("tags", "Tags that start with “%s” are set by the portal or by DigitalOcean.", reserved)
			}
		}
	}
	slices.Sort(tags)
	return slices.Compact(tags)
}

func (f *faults) parsePools(typed []PoolInput, options portal.Options) []portal.PoolSpec {
	if len(typed) == 0 {
		f.add("pools", "A cluster needs at least one node pool.")
	}
	if len(typed) > maxPools {
		f.add("pools", "These are %d pools; at most %d are allowed.", len(typed), maxPools)
		return nil
	}
	names := map[string]bool{}
	pools, nodes := make([]portal.PoolSpec, 0, len(typed)), 0
	for i, in := range typed {
		pool := f.parsePool(fmt.Sprintf("pools[%d]", i), in, options)
		if pool.Name != "" && names[pool.Name] {
			f.add(fmt.Sprintf("pools[%d].name", i), "Another pool is called %s already.", quote(pool.Name))
		}
		names[pool.Name] = true
		nodes += pool.Count
		pools = append(pools, pool)
	}
	if nodes > maxNodes {
		f.add("pools", "These are %d nodes in all; a cluster can have at most %d.", nodes, maxNodes)
	}
	return pools
}

func (f *faults) parsePool(field string, in PoolInput, options portal.Options) portal.PoolSpec {
	pool := portal.PoolSpec{Name: strings.TrimSpace(in.Name)}
	f.checkLabel(field+".name", "pool name", pool.Name, maxPoolName)
	if in.Size == "" {
		f.add(field+".size", "Choose a size.")
	} else if _, ok := options.Size(in.Size); ok {
		pool.Size = in.Size
	} else {
		f.add(field+".size", "DigitalOcean does not offer the size %s.", quote(in.Size))
	}
	pool.Count = f.parseCount(field+".count", in.Count)
	return pool
}

func (f *faults) parseCount(field, typed string) int {
	typed = strings.TrimSpace(typed)
	if typed == "" {
		f.add(field, "Enter how many nodes.")
		return 0
	}
	n, err := strconv.Atoi(typed)
	if err != nil || n < 1 || n > maxNodes {
		f.add(field, "Enter a whole number from 1 to %d; this is %s.", maxNodes, quote(typed))
		return 0
	}
	return n
}

func (f *faults) checkText(field, what, s string, limit int, required bool) {
	if required && strings.TrimSpace(s) == "" {
		f.add(field, "Enter %s.", what)
	}
	if n := utf8.RuneCountInString(s); n > limit {
		f.add(field, "This has %d characters; at most %d are allowed.", n, limit)
	}
	if strings.ContainsRune(s, 0) || !utf8.ValidString(s) {
		f.add(field, "This has characters that cannot be kept.")
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
