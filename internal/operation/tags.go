package operation

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"doksportal/internal/portal"
)

const (
	maxTags = 20  // that may be typed at once; names of other things, too
	maxTag  = 255 // characters
)

var tag = regexp.MustCompile(`^[\pL\pN:_-]+$`)

// readTags reads tags in their order, each once.
func (f *fieldErrors) readTags(field string, form portal.Form) []string {
	tags := form.Fields(field)
	if len(tags) > maxTags {
		f.Add(field, "You entered %d tags; at most %d are allowed.", len(tags), maxTags)
		return nil
	}
	for _, t := range tags {
		if n := utf8.RuneCountInString(t); n > maxTag {
			f.Add(field, "The tag %s has %d characters; at most %d are allowed.", portal.Quote(t), n, maxTag)
		} else if !tag.MatchString(t) {
			f.Add(field, "The tag %s may have letters, digits, colons, hyphens and underscores only.", portal.Quote(t))
		}
		for _, reserved := range portal.ReservedTags {
			if strings.HasPrefix(strings.ToLower(t), reserved) {
				f.Add(field, "Tags that start with “%s” are set by the portal or by DigitalOcean.", reserved)
			}
		}
	}
	slices.Sort(tags)
	return slices.Compact(tags)
}

// withSystemTags keeps the tags that the portal has set. DigitalOcean keeps its
// own by itself.
func withSystemTags(now, own []string) *[]string {
	tags := slices.DeleteFunc(slices.Clone(now), func(t string) bool {
		return len(portal.OwnTags([]string{t})) > 0 || t == "k8s" || strings.HasPrefix(t, "k8s:")
	})
	tags = append(tags, own...)
	if tags == nil {
		tags = []string{}
	}
	return &tags
}
