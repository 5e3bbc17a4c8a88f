package operation

import (
	"fmt"

	"doksportal/internal/portal"
)

// CheckQuota notes the limits that the draft exceeds, each at the last field that
// is about it.
func CheckQuota(d *portal.Draft) {
	for _, line := range d.Plan.Quota.Lines {
		if line.Over() > 0 {
			d.Errors.Add(quotaField(d, line.Size), "%s", overQuota(d.Team, line))
		}
	}
}

// quotaField is the field that says how many nodes of a size there should be.
func quotaField(d *portal.Draft, size string) string {
	p := d.Params.Create
	switch {
	case p != nil:
		i := len(p.Pools) - 1
		for i > 0 && size != "" && p.Pools[i].Size != size {
			i--
		}
		if i >= 0 && p.Pools[i].AutoScale {
			return fmt.Sprintf("pools[%d].max_nodes", i)
		}
		return fmt.Sprintf("pools[%d].count", i)
	case d.Form.On("auto_scale"):
		return "max_nodes"
	}
	return "count"
}

func overQuota(team portal.Team, l portal.QuotaLine) string {
	if !l.Allowed {
		return fmt.Sprintf("Team %s may not use the size %s.", team.Name, l.Size)
	}
	return fmt.Sprintf("Team %s may have %d %s and would have %d: %d too many.", team.Name, l.Limit, l.Unit, l.After, l.Over())
}
