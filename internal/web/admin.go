package web

import (
	"context"
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"doksportal/internal/db"
	"doksportal/internal/portal"
	"doksportal/internal/quota"
	"doksportal/internal/store"
	"doksportal/internal/teams"
	"doksportal/views"
	"doksportal/views/ui"
)

func (s *Server) teams(c *gin.Context, v viewer) error {
	p := views.TeamsPage{Page: s.page(c, v, "Teams")}
	var err error
	if p.Teams, err = s.standings(c.Request.Context(), v.teams); err != nil {
		return err
	}
	s.render(c, http.StatusOK, views.Teams(p))
	return nil
}

func (s *Server) newTeam(c *gin.Context, v viewer) error {
	typed, err := s.typed(c, v)
	if err != nil {
		return err
	}
	in := teamInput(typed)
	if len(in.Quota) == 0 {
		start, err := s.Teams.DefaultQuota(c.Request.Context(), v.actor)
		if err != nil {
			return err
		}
		in.Quota = start.Quota
	}
	return s.showTeam(c, v, http.StatusOK, true, in, nil)
}

// defaultQuota shows the quota that the form for a new team starts with.
func (s *Server) defaultQuota(c *gin.Context, v viewer) error {
	in, err := s.Teams.DefaultQuota(c.Request.Context(), v.actor)
	if err != nil {
		return err
	}
	return s.showDefaultQuota(c, v, http.StatusOK, in, nil)
}

func (s *Server) setDefaultQuota(c *gin.Context, v viewer) error {
	in := teamInput(portal.Form(c.Request.PostForm))
	if err := s.Teams.SetDefaultQuota(c.Request.Context(), v.actor, in); err != nil {
		return s.showDefaultQuota(c, v, status(err), in, err)
	}
	return s.flash(c, "/admin/teams", warned(ui.ToastProps{Text: "The default quota is saved.", Next: "/admin/teams/new", Label: "Create a team"},
		"With a new team that keeps it: ", s.defaultQuotaWarning(v, in)))
}

// showDefaultQuota shows the form with what was typed and what is wrong with it.
func (s *Server) showDefaultQuota(c *gin.Context, v viewer, code int, in teams.Input, problem error) error {
	if problem != nil && !portal.Is(problem, portal.KindInvalid) && !portal.Is(problem, portal.KindConflict) {
		return problem
	}
	p, err := s.teamPage(c, v, "Default quota", in)
	if err != nil {
		return err
	}
	if p.New, p.Faults = true, portal.FieldErrorsOf(problem); problem != nil && len(p.Faults) == 0 {
		p.Problem = message(problem)
	}
	s.render(c, code, views.DefaultQuota(p))
	return nil
}

func (s *Server) createTeam(c *gin.Context, v viewer) error {
	in := teamInput(portal.Form(c.Request.PostForm))
	out, err := s.Teams.Create(c.Request.Context(), v.actor, in)
	if err != nil {
		return s.showTeam(c, v, status(err), true, in, err)
	}
	warning := s.accountWarning(v, in)
	if out.Proposed {
		return s.flashProposed(c, out, warning)
	}
	return s.flash(c, "/admin/teams/"+in.Slug, warned(ui.ToastProps{Text: "Team " + in.Slug + " is created.", Next: "/admin/clusters", Label: "Give it clusters"}, "", warning))
}

func (s *Server) team(c *gin.Context, v viewer) error {
	team, err := store.TeamBySlug(c.Request.Context(), s.Pool, db.Text(c.Param("slug")))
	if err != nil {
		return err
	}
	if !v.actor.HasRole(portal.RoleAdmin) {
		return s.teamFacts(c, v, team)
	}
	in := teams.FormOf(team)
	typed, err := s.typed(c, v)
	if err != nil {
		return err
	}
	if typed != nil {
		in = teamInput(typed)
		in.Slug = team.Slug
	}
	return s.showTeam(c, v, http.StatusOK, false, in, nil)
}

func (s *Server) updateTeam(c *gin.Context, v viewer) error {
	in := teamInput(portal.Form(c.Request.PostForm))
	in.Slug = db.Text(c.Param("slug"))
	out, err := s.Teams.Update(c.Request.Context(), v.actor, in.Slug, in)
	if err != nil {
		return s.showTeam(c, v, status(err), false, in, err)
	}
	warning := s.accountWarning(v, in)
	if out.Proposed {
		return s.flashProposed(c, out, warning)
	}
	return s.flash(c, "/admin/teams/"+in.Slug, warned(ui.ToastProps{Text: "Team " + in.Slug + " is saved."}, "", warning))
}

// showTeam shows the form with what was typed and what is wrong with it; other
// problems are pages of their own.
func (s *Server) showTeam(c *gin.Context, v viewer, code int, isNew bool, in teams.Input, problem error) error {
	kind := portal.KindOf(problem)
	if problem != nil && kind != portal.KindInvalid && kind != portal.KindConflict {
		return problem
	}
	title := "Team " + in.Slug
	if isNew {
		title = "Create team"
	}
	p, err := s.teamPage(c, v, title, in)
	if err != nil {
		return err
	}
	p.New, p.Faults = isNew, portal.FieldErrorsOf(problem)
	if problem != nil && len(p.Faults) == 0 {
		p.Problem = message(problem)
	}
	if !isNew {
		if err := s.quotaHistory(c.Request.Context(), in.Slug, &p); err != nil {
			return err
		}
		own, err := s.teamChannels(c, v)
		if err != nil {
			return err
		}
		if p.Channels, err = s.channelsPanel(c, own, views.ChannelForm{}, nil); err != nil {
			return err
		}
	}
	s.render(c, code, views.Team(p))
	return nil
}

// quotaHistory reads what a team was granted and asked for.
func (s *Server) quotaHistory(ctx context.Context, slug string, p *views.TeamPage) error {
	var err error
	if p.Team, err = store.TeamBySlug(ctx, s.Pool, slug); err != nil {
		return err
	}
	p.Grants = p.Team.GrantsAt(s.Now())
	p.Raises, err = s.raises(ctx, p.Team)
	return err
}

// raises are the newest requests for a larger quota of a team.
func (s *Server) raises(ctx context.Context, t portal.Team) ([]portal.Request, error) {
	const few = 20
	return store.Requests(ctx, s.Pool, store.RequestFilter{TeamIDs: []string{t.ID}, Operation: portal.RaiseQuota, Limit: few})
}

// teamPage is the page of a team with its form.
func (s *Server) teamPage(c *gin.Context, v viewer, title string, in teams.Input) (views.TeamPage, error) {
	p := views.TeamPage{Page: s.page(c, v, title), Account: s.account(v.teams), Form: views.TeamForm(in),
		BelowUse: views.QuotaField{Name: teams.BelowUse.Name, Label: teams.BelowUse.Label, Help: teams.BelowUse.Help}}
	used, offer, err := s.usageOf(c.Request.Context(), in.Slug)
	for _, limit := range teams.QuotaFields() {
		field := views.QuotaField{Name: limit.Name, Label: limit.Label, Help: limit.Help, Number: limit.Item != "", Lines: limit.Lines}
		if field.Number && limit.Item != portal.PoolNodes {
			field.Used = limit.Item.Number(quota.Used(limit.Item, offer, used))
		}
		p.Limits = append(p.Limits, field)
	}
	return p, err
}

// usageOf is what the team called slug uses of its quota, nothing for one that is
// not there yet.
func (s *Server) usageOf(ctx context.Context, slug string) (portal.Usage, portal.Options, error) {
	offer, err := store.Offer(ctx, s.Pool)
	if err != nil {
		return nil, offer.Options, err
	}
	team, err := store.TeamBySlug(ctx, s.Pool, slug)
	if portal.Is(err, portal.KindNotFound) {
		return nil, offer.Options, nil
	}
	if err != nil {
		return nil, offer.Options, err
	}
	used, err := store.TeamUsage(ctx, s.Pool, team.ID)
	return used, offer.Options, err
}

func teamInput(f portal.Form) teams.Input {
	in := teams.Input{
		Slug: f.Typed("slug"), Name: f.Typed("name"), MemberGroup: f.Typed("member_group"), ApproverGroup: f.Typed("approver_group"),
		Quota: map[string]string{}, BelowUse: f.Typed(teams.BelowUse.Name) != "", Version: f.Typed("version"),
	}
	for _, limit := range teams.QuotaFields() {
		if f.Has(limit.Name) {
			in.Quota[limit.Name] = f.Typed(limit.Name)
		}
	}
	return in
}

func (s *Server) ownership(c *gin.Context, v viewer) error {
	return s.showOwnership(c, v, http.StatusOK, nil)
}

func (s *Server) assign(c *gin.Context, v viewer) error {
	f := c.Request.PostForm
	out, err := s.Teams.Assign(c.Request.Context(), v.actor, f.Get("cluster"), teams.Ownership{
		Slug: f.Get("team"), Environment: portal.Environment(f.Get("environment")), Protected: f.Get("protected") == "true", ETag: f.Get("seen")})
	switch {
	case portal.Is(err, portal.KindInvalid), portal.Is(err, portal.KindConflict):
		return s.showOwnership(c, v, status(err), err)
	case err != nil:
		return err
	}
	if out.Proposed {
		return s.flashProposed(c, out, "")
	}
	return s.flash(c, "/admin/clusters", ui.ToastProps{Text: "Done: " + out.Title + ".", Next: "/clusters/" + url.PathEscape(f.Get("cluster")), Label: "View the cluster"})
}

func etagOf(c portal.ClusterSummary) string {
	return teams.ETagOf(c.TeamID, c.Environment, c.Protected)
}

func (s *Server) showOwnership(c *gin.Context, v viewer, code int, problem error) error {
	p := views.OwnershipPage{Page: s.page(c, v, "Ownership"), Teams: v.teams, Seen: etagOf}
	if faults := portal.FieldErrorsOf(problem); len(faults) > 0 {
		p.Problem = faults[0].Message
	} else if problem != nil {
		p.Problem = message(problem)
	}
	var err error
	if p.Clusters, p.Next, err = s.listClusters(c, v); err != nil {
		return err
	}
	if p.Freshness, err = s.freshness(c); err != nil {
		return err
	}
	proposals, err := s.Teams.ProposedOwners(c.Request.Context(), v.actor)
	if err != nil {
		return err
	}
	p.Proposed, p.Disputed = proposedOwners(proposals)
	s.render(c, code, views.Ownership(p))
	return nil
}
