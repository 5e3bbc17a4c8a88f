package request

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"

	"doksportal/internal/doapi"
	"doksportal/internal/operation"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// prepare finds out what an operation is about, and reads what was typed. To
// submit, the target is read live.
func (s *Service) prepare(ctx context.Context, a portal.Actor, ask SubmitInput, live bool) (portal.Draft, error) {
	ctx = doapi.WithCaller(ctx, a.Identity)
	if !live {
		ctx = doapi.Recent(ctx)
	}
	d := portal.Draft{Operation: ask.Operation, Form: ask.Form, Revises: ask.revises}
	if ask.Form == nil {
		d.Form = portal.Form{"submit_key": {uuid.Must(uuid.NewV7()).String()}}
	}
	if !operation.Exists(ask.Operation) {
		return d, portal.E(portal.KindNotFound, "there is no such operation")
	}
	if err := s.findTarget(ctx, a, ask, &d, live); err != nil {
		return d, err
	}
	offer, err := store.Offer(ctx, s.Pool)
	if err != nil {
		return d, err
	}
	if offer.AsOf.IsZero() {
		return d, portal.E(portal.KindUnavailable, "the portal has not yet read from DigitalOcean what can be created; try again in a minute")
	}
	d.Offer = offer.Options
	if d.Longest, err = s.longestAccess(ctx, &d, a); err != nil {
		return d, err
	}
	if d.Params.Campaign = ask.campaign; d.Params.Campaign == nil {
		d.Params.Campaign = ask.revises.Params.Campaign
	}
	if ask.campaign != nil && ask.Operation == portal.UpgradeCluster { // nobody asks DigitalOcean about each of many clusters
		if v := d.Offer.NextOf(d.Cluster.Version); v != "" {
			d.Upgrades = append(d.Upgrades, portal.Choice{Slug: v})
		}
	}
	d.ETag = operation.ETag(&d)
	if ask.Form == nil {
		if err := s.findDefaults(ctx, &d); err != nil {
			return d, err
		}
		operation.Open(&d)
	}
	operation.Read(&d, s.Now())
	return d, checkSize(&d, ask.Form)
}

// checkSize refuses a form that is too large to be planned, at the field that takes
// most of it.
func checkSize(d *portal.Draft, form portal.Form) error {
	tooLarge := form.CheckSize()
	if len(tooLarge) == 0 {
		return nil
	}
	if len(d.Errors) == 0 {
		d.Errors = tooLarge
	}
	return portal.Invalid(d.Errors...)
}

// findTarget finds the team and what the operation is about, and makes sure
// that a may ask for it.
func (s *Service) findTarget(ctx context.Context, a portal.Actor, ask SubmitInput, d *portal.Draft, live bool) error {
	switch {
	case ask.Operation == portal.CreateCluster:
		return s.findTeam(ctx, a, ask, d)
	case ask.Operation == portal.RaiseQuota:
		return s.findRaised(ctx, a, ask, d)
	case ask.Operation.Risk() == portal.RiskAccount:
		return s.findClusters(ctx, a, ask, d, live)
	}
	var err error
	if d.Cluster, d.Team, err = s.ownCluster(ctx, a, ask.ClusterID); err != nil {
		return err
	}
	d.TargetIDs, d.TargetName = []string{d.Cluster.ID}, d.Cluster.Name
	if d.Lease, d.Ended = ask.ended, ask.ended.ClusterID != ""; ask.Operation == portal.ExtendLease {
		if d.Lease, err = store.Lease(ctx, s.Pool, d.Cluster.ID); err != nil {
			return err
		}
	}
	if ask.campaign == nil {
		if err := s.look(ctx, d, live); err != nil {
			return err
		}
	}
	return findPool(ask, d)
}

// findPool finds the pool and the node that the operation is about.
func findPool(ask SubmitInput, d *portal.Draft) error {
	path := ask.Operation.Operation().Path
	if !strings.Contains(path, "{node_pool_id}") {
		return nil
	}
	var ok bool
	if d.Pool, ok = d.Cluster.Pool(ask.PoolID); !ok {
		return portal.E(portal.KindNotFound, "there is no such pool")
	}
	d.TargetName += "/" + d.Pool.Name
	if !strings.Contains(path, "{node_id}") {
		return nil
	}
	if d.Node, ok = d.Pool.Node(ask.NodeID); !ok {
		return portal.E(portal.KindNotFound, "there is no such node")
	}
	return nil
}

// findTeam finds the team that a new cluster is for.
func (s *Service) findTeam(ctx context.Context, a portal.Actor, ask SubmitInput, d *portal.Draft) error {
	var err error
	if d.Teams, err = s.MemberTeams(ctx, a); err != nil {
		return err
	}
	if len(d.Teams) == 0 {
		return portal.E(portal.KindForbidden, "only members of a team can request clusters")
	}
	if ask.Form == nil {
		if err := s.findLike(ctx, a, ask, d); err != nil {
			return err
		}
	}
	slug := ask.Form.Get("team")
	if ask.Form == nil {
		slug = firstTeam(ask, d)
	}
	if i := slices.IndexFunc(d.Teams, func(t portal.Team) bool { return t.Slug == slug }); i >= 0 {
		d.Team = d.Teams[i]
	}
	return nil
}

// findRaised finds the team that is to have more.
func (s *Service) findRaised(ctx context.Context, a portal.Actor, ask SubmitInput, d *portal.Draft) error {
	teams, err := s.MemberTeams(ctx, a)
	if err != nil {
		return err
	}
	slug := cmp.Or(ask.revises.Team.Slug, ask.Form.Get("team"), ask.Team)
	if slug == "" && len(teams) > 0 {
		slug = teams[0].Slug
	}
	i := slices.IndexFunc(teams, func(t portal.Team) bool { return t.Slug == slug })
	if i < 0 {
		return portal.E(portal.KindForbidden, "only members of a team can request a larger quota for it")
	}
	d.Teams, d.Team, d.TargetName, d.Wanted = teams, teams[i], teams[i].Name, ask.Wanted
	return nil
}

// findLike finds what a form for a new cluster is opened with.
func (s *Service) findLike(ctx context.Context, a portal.Actor, ask SubmitInput, d *portal.Draft) (err error) {
	switch {
	case ask.Like != "":
		d.Like, _, err = s.VisibleCluster(ctx, a, ask.Like)
	case ask.LikeRequest != 0:
		if d.LikeRequest, err = s.VisibleRequest(ctx, a, ask.LikeRequest); err == nil && d.LikeRequest.Params.Create == nil {
			err = portal.E(portal.KindNotFound, "there is no such request for a new cluster")
		}
	case ask.Template != "":
		d.Template, err = store.Template(ctx, s.Pool, ask.Template)
		if err == nil && !slices.ContainsFunc(d.Teams, func(t portal.Team) bool { return t.ID == d.Template.TeamID }) {
			err = portal.Hidden(store.NoTemplate)
		}
	}
	return err
}

// firstTeam is the team that a form for a new cluster is opened with, empty when
// there are several to choose from.
func firstTeam(ask SubmitInput, d *portal.Draft) string {
	if ask.revises.ID != "" {
		return ask.revises.Team.Slug
	}
	if i := slices.IndexFunc(d.Teams, func(t portal.Team) bool {
		return t.ID == cmp.Or(d.Like.TeamID, d.LikeRequest.Team.ID, d.Template.TeamID)
	}); i >= 0 {
		return d.Teams[i].Slug
	}
	if len(d.Teams) == 1 {
		return d.Teams[0].Slug
	}
	return ""
}

// findDefaults finds what a form that offers sizes and regions is opened with.
func (s *Service) findDefaults(ctx context.Context, d *portal.Draft) error {
	if !offersSizes(d) {
		return nil
	}
	used, err := s.used(ctx, s.Pool, d)
	if err != nil {
		return err
	}
	d.Room = s.room(d, used)
	d.Region, err = store.TeamRegion(ctx, s.Pool, d.Team.ID)
	return err
}

// maxChoices is how many clusters an account may have for all to be chosen from.
const maxChoices = 1000

// findClusters finds the clusters that an operation on several is about. Only
// admins may ask for one.
func (s *Service) findClusters(ctx context.Context, a portal.Actor, ask SubmitInput, d *portal.Draft, live bool) error {
	if err := a.RequireAdmin(); err != nil {
		return err
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
