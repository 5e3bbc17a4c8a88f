package operation

import (
	"regexp"
	"strings"

	"doksportal/internal/portal"
)

var runClusterlint = definition{
	fields:  []string{"include_groups", "include_checks", "exclude_groups", "exclude_checks"},
	rewrite: rewriteLint, read: readLint, plan: planLint,
}

func rewriteLint(d *portal.Draft, params portal.Params) {
	p := params.Lint
	d.Form.Set("include_groups", strings.Join(p.IncludeGroups, ", "))
	d.Form.Set("include_checks", strings.Join(p.IncludeChecks, ", "))
	d.Form.Set("exclude_groups", strings.Join(p.ExcludeGroups, ", "))
	d.Form.Set("exclude_checks", strings.Join(p.ExcludeChecks, ", "))
}

func readLint(d *portal.Draft, f *fieldErrors) {
	d.Params.Lint = &portal.LintParams{
		IncludeGroups: f.readChecks("include_groups", d.Form), IncludeChecks: f.readChecks("include_checks", d.Form),
		ExcludeGroups: f.readChecks("exclude_groups", d.Form), ExcludeChecks: f.readChecks("exclude_checks", d.Form),
	}
}

var checkName = regexp.MustCompile(`^[a-z0-9-]{1,100}$`)

func (f *fieldErrors) readChecks(field string, form portal.Form) []string {
	list := form.Fields(field)
	if len(list) > maxTags {
		f.Add(field, "You entered %d names; at most %d are allowed.", len(list), maxTags)
		return nil
	}
	for _, name := range list {
		if !checkName.MatchString(name) {
			f.Add(field, "%s is not the name of a check or group.", portal.Quote(name))
		}
	}
	return list
}

func planLint(d *portal.Draft) {
	d.Plan.Summary = "Run clusterlint on cluster " + d.Cluster.Name + "."
	p := d.Params.Lint
	for _, c := range []struct {
		what string
		list []string
	}{
		{"Check groups", p.IncludeGroups}, {"Checks", p.IncludeChecks},
		{"Excluded groups", p.ExcludeGroups}, {"Excluded checks", p.ExcludeChecks},
	} {
		if len(c.list) > 0 {
			d.Plan.Changes = append(d.Plan.Changes, portal.Change{What: c.what, After: strings.Join(c.list, ", ")})
		}
	}
}
