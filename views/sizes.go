package views

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"doksportal/internal/portal"
)

// sizeRow is a size in the table to choose from.
type sizeRow struct {
	portal.Size
	Offered bool // by DigitalOcean
	Allowed bool // by the team's quota, or no team is chosen yet
	Known   bool // how much the quota leaves
	Left    int
	Chosen  bool
}

// sizeRows are the sizes that there are, those that the team may have first and
// the cheaper before the dearer. What was sent is among them even when it is none.
func sizeRows(d portal.Draft, chosen string) []sizeRow {
	rows := make([]sizeRow, 0, len(d.Offer.Sizes)+1)
	for _, s := range d.Offer.Sizes {
		left, allowed := d.Room[s.Slug]
		rows = append(rows, sizeRow{Size: s.Described(), Offered: true, Allowed: allowed || d.Room == nil, Known: allowed, Left: left, Chosen: s.Slug == chosen})
	}
	slices.SortStableFunc(rows, func(a, b sizeRow) int {
		if a.Allowed != b.Allowed {
			if a.Allowed {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.MonthlyCents, b.MonthlyCents)
	})
	if _, offered := d.Offer.Size(chosen); chosen != "" && !offered {
		rows = slices.Insert(rows, 0, sizeRow{Size: portal.Size{Slug: chosen}, Chosen: true})
	}
	return rows
}

// family is what DigitalOcean calls the size, with its graphics processors.
func (r sizeRow) family() string {
	switch gpu := r.GPU(); {
	case gpu == "":
		return orDash(r.Family)
	case r.Family == "":
		return gpu
	default:
		return r.Family + ", " + gpu
	}
}

// left says how many more nodes the quota allows.
func (r sizeRow) left() string {
	switch {
	case !r.Offered:
		return "not offered"
	case !r.Allowed:
		return "not in quota"
	case !r.Known:
		return "—"
	}
	return strconv.Itoa(r.Left)
}

func numberOrDash(n int) string {
	if n == 0 {
		return "—"
	}
	return strconv.Itoa(n)
}

// gib shows memory.
func gib(mib int) string {
	switch {
	case mib == 0:
		return "—"
	case mib%1024 == 0:
		return fmt.Sprintf("%d GiB", mib/1024)
	}
	return fmt.Sprintf("%.1f GiB", float64(mib)/1024)
}

// wholeDollars shows the list price of a size a month.
func wholeDollars(cents int64) string {
	if cents == 0 {
		return "—"
	}
	return fmt.Sprintf("$%d", cents/100)
}
