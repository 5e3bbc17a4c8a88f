package web

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"doksportal/internal/events"
	"doksportal/internal/operation"
	"doksportal/internal/portal"
	"doksportal/internal/quota"
	"doksportal/internal/store"
	"doksportal/views"
)

// How much a desk shows at once.
const (
	fewOnDesk     = 10
	unusualFor    = 7 * 24 * time.Hour
	teamsOnDesk   = 10 // whose quota is shown
	clusterOnDesk = 20
	sinceOnDesk   = 6
)

// home shows the desk of its reader.
func (s *Server) home(c *gin.Context, v viewer) error {
	if !v.belongs() {
		return s.noAccess(c, v)
	}
	ctx := c.Request.Context()
	p := views.HomePage{Page: s.page(c, v, "Home"), Decides: v.decides(), Tour: s.tour(c.Request, v)}
	p.Live = append(followTeams(v, v.memberTeams()), string(events.Requests))
	var err error
	if p.Freshness, err = s.freshness(c); err != nil {
		return err
	}
	if p.Waiting, err = store.ToDecide(ctx, s.Pool, v.actor, s.Now(), fewOnDesk); err != nil {
		return err
	}
	if p.StandsIn, err = s.standsIn(ctx, v, p.Waiting); err != nil {
		return err
	}
	p.Decides = p.Decides || len(p.Waiting) > 0 // as a stand-in
	for _, part := range []func(context.Context, viewer, *views.HomePage) error{s.sinceDesk, s.ownDesk, s.memberDesk, s.adminDesk, s.auditorDesk} {
		if err := part(ctx, v, &p); err != nil {
			return err
		}
	}
	s.render(c, http.StatusOK, views.Home(p))
	return nil
}

// decides reports whether the viewer is an approver of anything.
func (v viewer) decides() bool {
	return v.named || v.actor.HasRole(portal.RolePlatformApprover) ||
		slices.ContainsFunc(v.teams, func(t portal.Team) bool { return v.actor.InGroup(t.ApproverGroup) })
}

// ownDesk reads what the viewer has asked for and who can decide on it.
func (s *Server) ownDesk(ctx context.Context, v viewer, p *views.HomePage) error {
	var err error
	if p.Mine, err = store.Requests(ctx, s.Pool, store.RequestFilter{All: true, Open: true, Requester: v.actor.Identity, Limit: fewOnDesk}); err != nil {
		return err
	}
	p.Approvers, err = s.approvers(ctx, p.Mine...)
	return err
}

// memberDesk reads the quota and the clusters of the viewer's teams.
func (s *Server) memberDesk(ctx context.Context, v viewer, p *views.HomePage) error {
	teams := v.memberTeams()
	if len(teams) == 0 {
		return nil
	}
	var err error
	if p.Teams, err = s.standings(ctx, teams[:min(len(teams), teamsOnDesk)]); err != nil {
		return err
	}
	ids := make([]string, len(teams))
	for i, t := range teams {
		ids[i] = t.ID
	}
	list, err := store.ClustersOf(ctx, s.Pool, ids, clusterOnDesk+1)
	if err != nil {
		return err
	}
	offer, err := store.Offer(ctx, s.Pool)
	if err != nil {
		return err
	}
	p.MoreClusters = len(list) > clusterOnDesk
	for _, cluster := range list[:min(len(list), clusterOnDesk)] {
		p.Clusters = append(p.Clusters, views.HomeCluster{
			Cluster: cluster, Upgrade: offer.Options.UpgradeTo(cluster.Version), Cost: operation.ClusterCost(offer.Options, cluster),
		})
	}
	return nil
}

// adminDesk reads what needs an admin.
func (s *Server) adminDesk(ctx context.Context, v viewer, p *views.HomePage) error {
	if !v.actor.HasRole(portal.RoleAdmin) {
		return nil
	}
	d := &views.AdminDesk{}
	var err error
	if d.Unowned, err = store.UnownedClusters(ctx, s.Pool, views.DeskMost+1); err != nil {
		return err
	}
	if d.Failed, err = s.Notify.Failed(ctx, v.actor, views.DeskMost+1); err != nil {
		return err
	}
	if d.Proposed, err = store.ProposedAdminChanges(ctx, s.Pool, fewOnDesk); err != nil {
		return err
	}
	policy, err := store.ProposedPolicy(ctx, s.Pool)
	switch {
	case err == nil:
		d.Policy = &policy
	case !portal.Is(err, portal.KindNotFound):
		return err
	}
	d.ToReview, err = store.ToReview(ctx, s.Pool, v.actor, fewOnDesk)
	p.Admin = d
	return err
}

// auditorDesk reads what was unusual of late.
func (s *Server) auditorDesk(ctx context.Context, v viewer, p *views.HomePage) error {
	if !v.actor.HasRole(portal.RoleAuditor) {
		return nil
	}
	now := s.Now()
	d := &views.AuditorDesk{}
	var err error
	if d.Events, err = store.UnusualBetween(ctx, s.Pool, now.Add(-unusualFor), now, fewOnDesk); err != nil {
		return err
	}
	if d.AccessDue, err = s.Auditors.AccessDue(ctx, s.Pool); err != nil {
		return err
	}
	d.AccessOverdue = !now.Before(d.AccessDue)
	days, err := s.Auditors.ReviewDays(ctx, s.Pool)
	for i, day := range days {
		if i > 0 && !day.Done() { // today is not over
			d.Open++
		}
	}
	p.Auditor = d
	return err
}

func (s *Server) standings(ctx context.Context, list []portal.Team) ([]views.TeamStanding, error) {
	offer, err := store.Offer(ctx, s.Pool)
	if err != nil {
		return nil, err
	}
	used, err := store.UsageOf(ctx, s.Pool, teamIDs(list))
	standings := make([]views.TeamStanding, len(list))
	for i, t := range list {
		standings[i] = views.TeamStanding{Team: t, Quota: quota.Standing(t.QuotaAt(s.Now()), offer.Options, used[t.ID]), Grants: t.GrantsAt(s.Now())}
	}
	return standings, err
}
