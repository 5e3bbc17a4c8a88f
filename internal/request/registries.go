package request

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// maxChoices is how many clusters an account may have for all to be chosen from.
const maxChoices = 1000

// findClusters finds the clusters that an operation on several is about. Only
// admins may ask for one.
func (s *Service) findClusters(ctx context.Context, a portal.Actor, ask SubmitInput, d *portal.Draft, live bool) error {
	if !a.HasRole(portal.RoleAdmin) {
		return portal.E(portal.KindForbidden, "only admins of the portal can ask for this")
	}
	var err error
	if d.Choices, err = store.Clusters(ctx, s.Pool, store.ClusterFilter{All: true, Limit: maxChoices}); err != nil {
		return err
	}
	chosen := ask.Form.All("clusters")
	if ask.Form == nil {
		chosen = ask.revises.TargetIDs
	}
	if d.Chosen, err = store.ClustersByID(ctx, s.Pool, chosen); err != nil {
		return err
	}
	names := make([]string, len(d.Chosen))
	for i, c := range d.Chosen {
		d.TargetIDs, names[i] = append(d.TargetIDs, c.ID), c.Name
	}
	d.TargetName = strings.Join(names, ", ")
	if !live {
		return nil
	}
	found, err := ReadClusters(ctx, s.DO, d.TargetIDs)
	if err != nil {
		return unreadable(err)
	}
	for i, c := range d.Chosen {
		now, ok := found[c.ID]
		if !ok {
			return portal.E(portal.KindConflict, "DigitalOcean no longer has the cluster "+c.Name)
		}
		d.Chosen[i] = now.Portal(s.Now())
	}
	return nil
}

var registryName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{2,62}$`)

func readRegistries(d *portal.Draft, f *fieldErrors) {
	p := portal.RegistryParams{ClusterIDs: d.TargetIDs}
	if len(d.Chosen) == 0 {
		f.add("clusters", "Choose at least one cluster.")
	}
	for _, id := range d.Form.All("clusters")[:min(len(d.Form.All("clusters")), maxChoices)] {
		if !slices.Contains(d.TargetIDs, id) {
			f.add("clusters", "There is no cluster %s now.", quote(id))
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
		f.add("registries", "Enter the names of one or more registries.")
	}
	if len(names) > maxTags {
		f.add("registries", "These are %d registries; at most %d are allowed.", len(names), maxTags)
		return nil
	}
	for _, name := range names {
		if !registryName.MatchString(name) {
			f.add("registries", "%s is no name of a registry: 3 to 63 small letters, digits and hyphens.", quote(name))
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
		verb, to, effect = "Remove", "from", "Pods of these clusters can no longer pull images from there, also when they are started anew."
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
