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
	if d.Params.Raise != nil && v.Decision != portal.Deny {
		checkGrant(d, now)
	}
	if v.TypedName && d.Form.Get("typed_name") != d.TargetName {
		d.Errors.Add("typed_name", "Type the name %s, so that it is certain which one is meant.", d.TargetName)
	}
}
