package operation

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"doksportal/internal/portal"
)

// changeRegistries is all four operations on registries.
var changeRegistries = definition{
	fields:  []string{"operation", "clusters", "registries"},
	rewrite: rewriteRegistries, read: readRegistries, plan: planRegistries, facts: registryFacts, effect: registryEffect,
}

func rewriteRegistries(d *portal.Draft, p portal.Params) {
	d.Form["clusters"] = p.Registries.ClusterIDs
	d.Form.Set("registries", strings.Join(p.Registries.Names, ", "))
}

var registryName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{2,62}$`)

func readRegistries(d *portal.Draft, f *fieldErrors) {
	p := portal.RegistryParams{ClusterIDs: d.TargetIDs}
	if len(d.Chosen) == 0 {
		f.Add("clusters", "Choose at least one cluster.")
	}
	for _, id := range d.Form.All("clusters") {
		if !slices.Contains(d.TargetIDs, id) {
			f.Add("clusters", "There is no cluster %s now.", portal.Quote(id))
		}
	}
	if named(d.Operation) {
		p.Names = f.readRegistryNames(d.Form)
	}
	d.Params.Registries = &p
}

// named reports whether the operation names its registries.
func named(op portal.OperationID) bool {
	return op == portal.AddRegistries || op == portal.RemoveRegistries
}

func (f *fieldErrors) readRegistryNames(form portal.Form) []string {
	names := form.Fields("registries")
	if len(names) == 0 {
		f.Add("registries", "Enter the names of one or more registries.")
	}
	if len(names) > maxTags {
		f.Add("registries", "You entered %d registries; at most %d are allowed.", len(names), maxTags)
		return nil
	}
	for _, name := range names {
		if !registryName.MatchString(name) {
			f.Add("registries", "%s is not the name of a registry: 3 to 63 lowercase letters, digits and hyphens.", portal.Quote(name))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func planRegistries(d *portal.Draft) {
	adds := d.Operation == portal.AddRegistries || d.Operation == portal.AddRegistry
	what := "the account's registry"
	if names := d.Params.Registries.Names; len(names) > 0 {
		what = "registries " + strings.Join(names, ", ")
		if len(names) == 1 {
			what = "registry " + names[0]
		}
	}
	verb, to, effect := "Add", "to", "Pods of these clusters can pull images from there."
	if !adds {
		verb, to, effect = "Remove", "from", "Pods of these clusters can no longer pull images from there, even when they are restarted."
	}
	d.Plan.Summary = fmt.Sprintf("%s %s %s %d clusters.", verb, what, to, len(d.Chosen))
	if len(d.Chosen) == 1 {
		d.Plan.Summary = fmt.Sprintf("%s %s %s cluster %s.", verb, what, to, d.Chosen[0].Name)
	}
	for _, c := range d.Chosen {
		d.Plan.Changes = append(d.Plan.Changes, portal.Change{What: "Cluster " + c.Name, Before: portal.RegistryText(c), After: registriesAfter(d, c)})
	}
	d.Plan.Steps = []string{effect}
}

// registriesAfter is what a cluster has after the request.
func registriesAfter(d *portal.Draft, c portal.Cluster) string {
	names := d.Params.Registries.Names
	switch d.Operation {
	case portal.AddRegistry:
		return "the account's registry too"
	case portal.RemoveRegistry:
		return "without the account's registry"
	case portal.AddRegistries:
		c.Details.Registries = append(slices.Clone(names), c.Details.Registries...)
	default:
		c.Details.Registries = slices.DeleteFunc(slices.Clone(c.Details.Registries), func(r string) bool { return slices.Contains(names, r) })
	}
	c.Details.RegistryEnabled = false
	c.Details.Registries = slices.Compact(slices.Sorted(slices.Values(c.Details.Registries)))
	return portal.RegistryText(c)
}

func registryFacts(_ portal.Params, c portal.Cluster) []portal.Fact {
	return []portal.Fact{{What: "cluster " + c.Name + " (" + c.ID + ")", Value: "with " + portal.RegistryText(c)}}
}

// registryEffect tells whether a cluster has its registries as asked for. Which
// one is the account's own DigitalOcean does not say: there a call that it
// accepted is believed, and one whose answer was lost only when something has
// changed.
func registryEffect(r portal.Request, c portal.Cluster, believed bool) Effect {
	has := func(name string) bool { return slices.Contains(c.Details.Registries, name) }
	lacks := func(name string) bool { return !has(name) }
	switch r.Operation {
	case portal.AddRegistry:
		return completeIf(believed && c.Details.RegistryEnabled)
	case portal.RemoveRegistry:
		return completeIf(believed)
	case portal.AddRegistries:
		return completeIf(!slices.ContainsFunc(r.Params.Registries.Names, lacks))
	}
	return completeIf(!slices.ContainsFunc(r.Params.Registries.Names, has))
}
