package portal

import (
	"maps"
	"slices"
	"strconv"
	"time"
)

// RaiseParams are the parameters of RaiseQuota: what limits are to be, and for how
// long.
type RaiseParams struct {
	Limits map[Item]int `json:"limits"`
	Lasting
}

// RaisedAlone are the limits with a field of their own in the form for a larger quota,
// which is called like the limit.
var RaisedAlone = []Item{AllNodes, Clusters, HAClusters, PoolNodes, VCPUs, Memory, Cost}

// RaiseFields are the names of the fields for limits in the form for a larger quota, in
// their order. Into the last two several limits are typed, one per line.
func RaiseFields() []string {
	list := make([]string, 0, len(RaisedAlone)+2)
	for _, item := range RaisedAlone {
		list = append(list, string(item))
	}
	return append(list, "sizes", "families")
}

// RaiseTo is the field, and what is typed there, that asks for at least n of an item;
// the field is empty when nobody can ask for more of it.
func RaiseTo(item Item, n int) (field, typed string) {
	if slices.Contains(RaisedAlone, item) {
		_, each := item.Typed()
		return string(item), strconv.Itoa((n + each - 1) / each)
	}
	if size, ok := item.Size(); ok {
		return "sizes", size + " " + strconv.Itoa(n)
	}
	if family, ok := item.Family(); ok {
		return "families", family + " " + strconv.Itoa(n)
	}
	return "", ""
}

// Items are the limits that are raised, in a fixed order.
func (p RaiseParams) Items() []Item { return slices.Sorted(maps.Keys(p.Limits)) }

// Grant lets a team have more of one item than its quota says, for a time.
type Grant struct {
	ID       string    `json:"id"` // UUIDv7
	TeamID   string    `json:"team_id"`
	Item     Item      `json:"item"`
	Limit    int       `json:"limit"` // that the team has instead
	StartsAt time.Time `json:"starts_at"`
	Until    time.Time `json:"until"`   // exclusive
	Request  int64     `json:"request"` // number of the request for it
	Told     int       `json:"told"`    // how often it was said that it ends soon
}

// InForce reports whether the grant, which nobody has ended, counts at a time.
func (g Grant) InForce(now time.Time) bool { return now.Before(g.Until) }

// noticeBefore is how long before a grant ends the team is told so.
var noticeBefore = []time.Duration{FirstNotice, day}

// FirstNotice is how long before its end a team is first told of a grant.
const FirstNotice = 3 * day

// Notices is how many times the team should have been told by a time that the grant
// ends soon. Of one that is shorter than that it need not be told again.
func (g Grant) Notices(now time.Time) int { return notices(noticeBefore, g.Until, now) }

// EndText says when the grant ends, in texts.
func (g Grant) EndText() string { return EndText(g.Until) }

// QuotaAt is what the team may have at a time: its quota, and what is granted on top
// of that. A grant never lowers a limit, nor sets one.
func (t Team) QuotaAt(now time.Time) Quota {
	q := t.Quota
	q.Limits = maps.Clone(q.Limits)
	if q.Limits == nil {
		q.Limits = map[Item]int{}
	}
	for _, g := range t.GrantsAt(now) {
		q.Limits[g.Item] = max(q.Limits[g.Item], g.Limit)
	}
	return q
}

// Grant returns one of the team's grants, false when it has none such that nobody has
// ended.
func (t Team) Grant(id string) (Grant, bool) {
	i := slices.IndexFunc(t.Grants, func(g Grant) bool { return g.ID == id })
	if i < 0 {
		return Grant{}, false
	}
	return t.Grants[i], true
}

// GrantsAt are the grants by which limits of the team are higher at a time, those that
// end first first.
func (t Team) GrantsAt(now time.Time) []Grant {
	var list []Grant
	for _, g := range t.Grants {
		if limit, limited := t.Quota.Limit(g.Item); limited && g.InForce(now) && g.Limit > limit {
			list = append(list, g)
		}
	}
	slices.SortStableFunc(list, func(a, b Grant) int { return a.Until.Compare(b.Until) })
	return list
}
