package teams

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"doksportal/internal/portal"
	"doksportal/internal/quota"
)

// QuotaField is a field of the form for a team that sets one of its limits.
type QuotaField struct {
	Name, Label, Help string
	Item              portal.Item // that the field limits; empty for several
	Lines             bool        // several lines are typed
}

// limit is how limits are typed, and what more of them gives.
type limit struct {
	QuotaField
	open func(q portal.Quota) string
	read func(f *fieldErrors, typed string, o portal.Options, q *portal.Quota)
	sets func(i portal.Item) bool      // whether the field limits an item
	list func(q portal.Quota) []string // what may be used; nil: the field sets no such list
	what string                        // may be used
}

// limits is all limits of a quota, in the order of the form.
var limits = []limit{
	number(portal.AllNodes, "nodes", ""),
	number(portal.Clusters, "clusters", ""),
	number(portal.HAClusters, "ha_clusters", ""),
	number(portal.PoolNodes, "pool_nodes", ""),
	number(portal.VCPUs, "vcpus", ""),
	number(portal.Memory, "memory", "In GiB."),
	number(portal.Cost, "monthly_cost", "In USD, at list price, with autoscaling pools at their largest."),
	{
		QuotaField: QuotaField{Name: "sizes", Label: "Nodes per size", Lines: true, Help: "One per line, like “s-2vcpu-4gb 8”."},
		open:       func(q portal.Quota) string { return openLines(q, portal.Item.Size) },
		read: func(f *fieldErrors, typed string, o portal.Options, q *portal.Quota) {
			f.lines("sizes", "size", typed, portal.NodesOf, func(size string) bool { _, ok := o.Size(size); return ok || o.Empty() }, q)
		},
		sets: func(i portal.Item) bool { _, ok := i.Size(); return ok },
	},
	{
		QuotaField: QuotaField{Name: "families", Label: "Nodes per family", Lines: true,
			Help: "One per line, like “gpu 2”: what the names of the sizes begin with. A team has no nodes with GPUs unless it is granted some here."},
		open: func(q portal.Quota) string { return openLines(q, portal.Item.Family) },
		read: func(f *fieldErrors, typed string, o portal.Options, q *portal.Quota) {
			f.lines("families", "family", typed, portal.NodesOfFamily, func(family string) bool {
				return o.Empty() || slices.ContainsFunc(o.Sizes, func(s portal.Size) bool { return portal.FamilyOf(s.Slug) == family })
			}, q)
		},
		sets: func(i portal.Item) bool { _, ok := i.Family(); return ok },
	},
	{
		QuotaField: QuotaField{Name: "allowed_sizes", Label: "Sizes that may be used", Lines: true, Help: "Like “s-2vcpu-4gb s-4vcpu-8gb”. Empty: every size."},
		open:       func(q portal.Quota) string { return strings.Join(q.Sizes, "\n") },
		read: func(f *fieldErrors, typed string, o portal.Options, q *portal.Quota) {
			q.Sizes = f.words("allowed_sizes", "size", typed, func(size string) bool { _, ok := o.Size(size); return ok || o.Empty() })
		},
		list: func(q portal.Quota) []string { return q.Sizes }, what: "size",
	},
	{
		QuotaField: QuotaField{Name: "allowed_regions", Label: "Regions that may be used", Help: "Like “fra1 ams3”. Empty: every region."},
		open:       func(q portal.Quota) string { return strings.Join(q.Regions, " ") },
		read: func(f *fieldErrors, typed string, o portal.Options, q *portal.Quota) {
			q.Regions = f.words("allowed_regions", "region", typed, func(region string) bool { return o.Empty() || portal.Has(o.Regions, region) })
		},
		list: func(q portal.Quota) []string { return q.Regions }, what: "region",
	},
	{
		QuotaField: QuotaField{Name: "allowed_versions", Label: "Kubernetes versions that may be used", Help: "Minor versions, like “1.34 1.35”. Empty: every version."},
		open:       func(q portal.Quota) string { return strings.Join(q.Versions, " ") },
		read: func(f *fieldErrors, typed string, _ portal.Options, q *portal.Quota) {
			q.Versions = f.words("allowed_versions", "version", typed, minorVersion.MatchString)
		},
		list: func(q portal.Quota) []string { return q.Versions }, what: "Kubernetes version",
	},
}

var minorVersion = regexp.MustCompile(`^[1-9][0-9]?\.[0-9]{1,3}$`)

// number is a limit on one item. Money is typed in whole dollars.
func number(item portal.Item, name, help string) limit {
	most, each := item.Typed()
	return limit{
		QuotaField: QuotaField{Name: name, Label: item.Title(), Help: help, Item: item},
		open: func(q portal.Quota) string {
			if n, ok := q.Limits[item]; ok {
				return strconv.Itoa(n / each)
			}
			return ""
		},
		read: func(f *fieldErrors, typed string, _ portal.Options, q *portal.Quota) {
			if typed = strings.TrimSpace(typed); typed != "" {
				q.Limits[item] = f.number(name, typed, most) * each
			}
		},
		sets: func(i portal.Item) bool { return i == item },
	}
}

// QuotaFields are the fields of the limits, in the order of the form.
func QuotaFields() []QuotaField {
	list := make([]QuotaField, len(limits))
	for i, l := range limits {
		list[i] = l.QuotaField
	}
	return list
}

// Unlimited is the form for a quota without limits.
func Unlimited() map[string]string { return quotaForm(portal.Quota{}) }

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
	for _, item := range limited(before, after) {
		was, wasLimited := before.Limit(item)
		is, isLimited := after.Limit(item)
		if wasLimited && (!isLimited || is > was) {
			list = append(list, fmt.Sprintf("The quota of team %s for %s grows from %s to %s.", team, item.Name(), item.Number(was), numberOrNone(after, item)))
		}
	}
	for _, l := range limits {
		if l.list == nil {
			continue
		}
		switch was, is := l.list(before), l.list(after); {
		case len(was) > 0 && len(is) == 0:
			list = append(list, fmt.Sprintf("Team %s may use every %s.", team, l.what))
		case len(was) > 0:
			for _, name := range is {
				if !slices.Contains(was, name) {
					list = append(list, fmt.Sprintf("Team %s may use the %s %s.", team, l.what, name))
				}
			}
		}
	}
	return list
}

// limited are the items that any of the quotas limits.
func limited(quotas ...portal.Quota) []portal.Item {
	items := map[portal.Item]int{}
	for _, q := range quotas {
		maps.Copy(items, q.Limits)
	}
	return slices.Sorted(maps.Keys(items))
}

func numberOrNone(q portal.Quota, item portal.Item) string {
	if n, ok := q.Limit(item); ok {
		return item.Number(n)
	}
	return "no limit"
}

// BelowUse is the field by which an admin says that a team may end up with less
// than it uses.
var BelowUse = QuotaField{Name: "below_use", Label: "Allow limits below what is in use",
	Help: "The team can then create nothing more until it uses less."}

// checkUse tells who sets a limit below what the team uses: it can then create
// nothing more, and no approval and no break-glass helps.
func checkUse(team string, before, after portal.Quota, offer portal.Options, use portal.Usage) error {
	var f portal.FieldErrors
	for _, l := range quota.Standing(after, offer, use).Lines {
		was, wasLimited := before.Limit(l.Item)
		if lowered := !l.Unlimited && (!wasLimited || l.Limit < was); lowered && l.Limit < l.Before {
			f.Add(fieldOf(l.Item), "Team %s uses %s, and this allows %s. It could create nothing more until it uses less. To set it anyway, select “%s”.",
				team, l.Item.Amount(l.Before), l.Item.Number(l.Limit), BelowUse.Label)
		}
		size, isSize := l.Item.Size()
		if allowed := len(after.Sizes) == 0 || slices.Contains(after.Sizes, size); isSize && !allowed && l.Before > 0 &&
			(len(before.Sizes) == 0 || slices.Contains(before.Sizes, size)) {
			f.Add("allowed_sizes", "Team %s uses %s, and could get no more of them. To set it anyway, select “%s”.", team, l.Item.Amount(l.Before), BelowUse.Label)
		}
	}
	return f.Err()
}

// fieldOf is the field that limits an item.
func fieldOf(i portal.Item) string {
	n := slices.IndexFunc(limits, func(l limit) bool { return l.sets != nil && l.sets(i) })
	return limits[n].Name
}

// openLines has a line for each item that a name can be had of.
func openLines(q portal.Quota, name func(portal.Item) (string, bool)) string {
	var lines strings.Builder
	for _, item := range limited(q) {
		if name, ok := name(item); ok {
			fmt.Fprintf(&lines, "%s %d\n", name, q.Limits[item])
		}
	}
	return lines.String()
}

func (f *fieldErrors) number(field, typed string, most int) int {
	n, ok := portal.ParseNumber(typed, 0, most)
	if !ok {
		f.Add(field, "Enter a whole number from 0 to %d, or nothing for no limit; this is “%.40s”.", most, typed)
		return 0
	}
	return n
}

// lines reads lines of a name and a number. What DigitalOcean does not offer is
// most likely misspelt; while its offer is not known all is taken.
func (f *fieldErrors) lines(field, what, typed string, item func(string) portal.Item, offered func(string) bool, q *portal.Quota) {
	for line := range strings.Lines(typed) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if len(words) != 2 {
			f.Add(field, "The line “%.60s” is not a %s and a number.", strings.TrimSpace(line), what)
			continue
		}
		most, _ := item(words[0]).Typed()
		if !offered(words[0]) {
			f.Add(field, "DigitalOcean does not offer the %s “%.40s”.", what, words[0])
		}
		if _, twice := q.Limits[item(words[0])]; twice {
			f.Add(field, "The %s “%.40s” appears twice.", what, words[0])
		}
		q.Limits[item(words[0])] = f.number(field, words[1], most)
	}
}

// words reads names between spaces, commas or line breaks.
func (f *fieldErrors) words(field, what, typed string, known func(string) bool) []string {
	names := strings.FieldsFunc(typed, func(r rune) bool { return strings.ContainsRune(" ,\t\r\n", r) })
	for i, name := range names {
		switch {
		case !known(name):
			f.Add(field, "There is no %s “%.40s”.", what, name)
		case slices.Contains(names[:i], name):
			f.Add(field, "The %s “%.40s” appears twice.", what, name)
		}
	}
	slices.Sort(names)
	if names = slices.Compact(names); len(names) == 0 {
		return nil
	}
	return names
}
