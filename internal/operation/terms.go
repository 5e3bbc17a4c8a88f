package operation

import (
	"time"

	"doksportal/internal/portal"
)

// CheckTerms notes where what was typed does not keep to the terms of the
// verdict.
func CheckTerms(d *portal.Draft, now time.Time) {
	v := d.Plan.Verdict
	if d.Params.Access != nil && d.Params.Access.Lifetime() > v.LongestAccess {
		d.Errors.Add("minutes", "Choose at most %s.", portal.DurationText(v.LongestAccess))
	}
	if v.Decision != portal.Deny && !unreadLasting(d.Errors) {
		switch p := d.Params; {
		case p.Raise != nil:
			checkGrant(d, now)
		case p.Create != nil:
			checkLease(d, p.Create.Lease, p.Create.Environment, now)
		case p.Extend != nil:
			checkLease(d, p.Extend.Lasting, d.Cluster.Environment, now)
		}
	}
	if v.TypedName && d.Form.Get("typed_name") != d.TargetName {
		d.Errors.Add("typed_name", "Type the name %s, so that it is certain which one is meant.", d.TargetName)
	}
}
