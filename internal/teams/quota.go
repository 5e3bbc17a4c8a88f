package teams

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"doksportal/internal/portal"
)

// maxQuota keeps typing errors from becoming quotas; it is far above what an
// account can have.
const maxQuota = 100_000

// QuotaField is a field of the form for a team that sets one of its limits.
type QuotaField struct {
	Name, Label, Help string
	Lines             bool // several lines are typed
}

// limit is how a limit is typed, and what more of it gives.
type limit struct {
	QuotaField
	open func(q portal.Quota) string
	read func(f *fieldErrors, typed string, o portal.Options, q *portal.Quota)
	// counts are the numbers that the limit sets, by what they are for.
	counts func(q portal.Quota) map[string]int
	used   func(u portal.Usage) map[string]int // by the same
}

// limits is all limits of a quota.
var limits = []limit{
	{
		QuotaField: QuotaField{Name: "nodes", Label: "Total nodes"},
		open:       func(q portal.Quota) string { return strconv.Itoa(q.Nodes) },
		read: func(f *fieldErrors, typed string, _ portal.Options, q *portal.Quota) {
			q.Nodes = f.number("nodes", typed)
		},
		counts: func(q portal.Quota) map[string]int { return map[string]int{"nodes": q.Nodes} },
		used:   func(u portal.Usage) map[string]int { return map[string]int{"nodes": u.Nodes()} },
	},
	{
		QuotaField: QuotaField{Name: "sizes", Label: "Nodes per size", Lines: true,
			Help: "One per line, like “s-2vcpu-4gb 8”. Sizes that are not listed cannot be used."},
		open:   openSizes,
		read:   func(f *fieldErrors, typed string, o portal.Options, q *portal.Quota) { q.Sizes = f.sizes(typed, o) },
		counts: func(q portal.Quota) map[string]int { return q.Sizes },
		used:   usedSizes,
	},
}

// QuotaFields are the fields of the limits, in the order of the form.
func QuotaFields() []QuotaField {
	list := make([]QuotaField, len(limits))
	for i, l := range limits {
		list[i] = l.QuotaField
	}
	return list
}

// quotaForm is what an admin would have typed to get a quota.
func quotaForm(q portal.Quota) map[string]string {
	form := map[string]string{}
	for _, l := range limits {
		form[l.Name] = l.open(q)
	}
	return form
}

// quotaGains says what of a team's quota grows.
func quotaGains(team string, before, after portal.Quota) []string {
	var list []string
	for _, l := range limits {
		was, is := l.counts(before), l.counts(after)
		for _, what := range slices.Sorted(maps.Keys(is)) {
			if is[what] > was[what] {
				list = append(list, fmt.Sprintf("The quota of team %s for %s grows from %d to %d.", team, what, was[what], is[what]))
			}
		}
	}
	return list
}

// BelowUse is the field by which an admin says that a team may end up with less
// than it uses.
var BelowUse = QuotaField{Name: "below_use", Label: "Allow limits below what is in use",
	Help: "The team can then create nothing more until it uses less."}

// checkUse tells who sets a limit below what the team uses: it can then create
// nothing more, and no approval and no break-glass helps.
func checkUse(team string, before, after portal.Quota, use portal.Usage) error {
	var f portal.FieldErrors
	for _, l := range limits {
		was, is, used := l.counts(before), l.counts(after), l.used(use)
		for _, what := range slices.Sorted(maps.Keys(was)) {
			if is[what] < was[what] && is[what] < used[what] {
				f.Add(l.Name, "Team %s uses %d for %s, and this allows %d. It could create nothing more until it uses less. To set it anyway, select “%s”.",
					team, used[what], what, is[what], BelowUse.Label)
			}
		}
	}
	return f.Err()
}

func usedSizes(u portal.Usage) map[string]int {
	sizes := map[string]int{}
	for item, n := range u {
		if size, ok := item.Size(); ok {
			sizes[size] = n
		}
	}
	return sizes
}

func openSizes(q portal.Quota) string {
	var lines strings.Builder
	for _, size := range slices.Sorted(maps.Keys(q.Sizes)) {
		fmt.Fprintf(&lines, "%s %d\n", size, q.Sizes[size])
	}
	return lines.String()
}

func (f *fieldErrors) number(field, typed string) int {
	n, ok := portal.ParseNumber(typed, 0, maxQuota)
	if !ok {
		f.Add(field, "Enter a whole number from 0 to %d; this is “%.40s”.", maxQuota, typed)
		return 0
	}
	return n
}

// sizes reads lines of a size and a number. A size that DigitalOcean does not
// offer is most likely misspelt; while its offer is not known all are taken.
func (f *fieldErrors) sizes(typed string, o portal.Options) map[string]int {
	sizes := map[string]int{}
	for line := range strings.Lines(typed) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if len(words) != 2 {
			f.Add("sizes", "The line “%.60s” is not a size and a number.", strings.TrimSpace(line))
			continue
		}
		if _, known := o.Size(words[0]); !known && !o.Empty() {
			f.Add("sizes", "DigitalOcean does not offer the size “%.40s”.", words[0])
		}
		if _, twice := sizes[words[0]]; twice {
			f.Add("sizes", "The size “%.40s” appears twice.", words[0])
		}
		sizes[words[0]] = f.number("sizes", words[1])
	}
	return sizes
}
