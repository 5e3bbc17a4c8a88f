package operation

import (
	"fmt"
	"strconv"
	"time"

	"doksportal/internal/portal"
)

// getAccess is a kubeconfig or credentials.
var getAccess = definition{
	fields: []string{"operation", "minutes"},
	open:   openAccess, rewrite: rewriteAccess, read: readAccess, plan: planAccess, facts: identityFacts,
}

// usualAccess is how long access lasts unless it is asked for otherwise.
// DigitalOcean's own default of 7 days is never used.
const usualAccess = 8 * time.Hour

func openAccess(d *portal.Draft) {
	d.Form.Set("minutes", strconv.Itoa(int(min(usualAccess, d.Longest).Minutes())))
}

func rewriteAccess(d *portal.Draft, p portal.Params) {
	d.Form.Set("minutes", strconv.Itoa(int(p.Access.Lifetime().Minutes())))
}

func readAccess(d *portal.Draft, f *fieldErrors) {
	most := int(d.Longest.Minutes())
	minutes, ok := portal.ParseNumber(d.Form.Get("minutes"), 1, most)
	if !ok {
		f.Add("minutes", "Choose from 1 to %d minutes; this is %s.", most, portal.Quote(d.Form.Get("minutes")))
	}
	d.Params.Access = &portal.AccessParams{Seconds: minutes * 60}
}

func planAccess(d *portal.Draft) {
	what := "a kubeconfig"
	if d.Operation == portal.GetCredentials {
		what = "credentials"
	}
	d.Plan.Summary = fmt.Sprintf("Issue %s for cluster %s.", what, d.Cluster.Name)
	d.Plan.Changes = []portal.Change{{What: "Valid for", After: portal.DurationText(d.Params.Access.Lifetime())}}
	d.Plan.Steps = []string{
		"Whoever has it is an administrator of the cluster until it expires; it cannot be revoked earlier.",
		"Only the requester can collect it, once. The portal keeps no copy.",
	}
}
