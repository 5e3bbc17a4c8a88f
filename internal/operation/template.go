package operation

import (
	"slices"
	"time"

	"doksportal/internal/portal"
)

// TemplateOf reads what a template keeps of a form for a new cluster, and what is
// wrong with that. A template may leave the environment open.
func TemplateOf(form portal.Form, team portal.Team, offer portal.Options) (portal.CreateParams, portal.FieldErrors) {
	d := portal.Draft{Operation: portal.CreateCluster, Form: form, Team: team, Offer: offer}
	var f fieldErrors
	readCreate(&d, &f)
	if form.Get("lasts") == portal.LastsDays {
		d.Params.Create.Lease = f.readLasting(&d, time.Time{})
	}
	return withoutOwn(*d.Params.Create), slices.DeleteFunc(f.FieldErrors, func(e portal.FieldError) bool {
		return slices.Contains(ownFields, e.Field) || e.Field == "environment" && form.Get("environment") == ""
	})
}

// TemplateChanges says line by line what a template keeps.
func TemplateChanges(t portal.Template) []portal.Change {
	return createChanges(portal.Team{Name: t.TeamName}, t.Params)
}

// ownFields are those of which each cluster has its own. So is the day until which
// one is kept.
var ownFields = []string{"name", "cluster_subnet", "service_subnet"}

// withoutOwn leaves out what ownFields ask for.
func withoutOwn(p portal.CreateParams) portal.CreateParams {
	p.Name, p.ClusterSubnet, p.ServiceSubnet = "", "", ""
	p.Lease.Until = nil
	return p
}

// kept are parameters for another cluster that were kept for some time. A version
// that is no longer offered gives way to the patch of its minor that is; what else
// is no longer offered stays, so that its field says so.
func kept(d *portal.Draft, p portal.CreateParams) portal.CreateParams {
	if !portal.Has(d.Offer.Versions, p.Version) {
		if patch := likeVersion(d.Offer.Versions, p.Version); portal.MinorOf(patch) == portal.MinorOf(p.Version) {
			p.Version = patch
		}
	}
	return withoutOwn(p)
}

// OpeningErrors are what is wrong with what a form for a new cluster was opened
// with. What is left for people to type is not wrong yet.
func OpeningErrors(d portal.Draft) portal.FieldErrors {
	if d.Like.ID == "" && d.LikeRequest.ID == "" && d.Template.ID == "" {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(d.Errors), func(e portal.FieldError) bool { return d.Form.Get(e.Field) == "" })
}
