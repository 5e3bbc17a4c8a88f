package web

import (
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"doksportal/internal/portal"
	"doksportal/internal/store"
	"doksportal/internal/teams"
	"doksportal/views"
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
	return s.showTeam(c, v, http.StatusOK, true, teams.Input{}, nil)
}

func (s *Server) createTeam(c *gin.Context, v viewer) error {
	in := teamInput(c)
	if err := s.Teams.Create(c.Request.Context(), v.actor, in); err != nil {
		return s.showTeam(c, v, status(err), true, in, err)
	}
	c.Redirect(http.StatusSeeOther, "/admin/teams/"+in.Slug+"?saved=1")
	return nil
}

func (s *Server) team(c *gin.Context, v viewer) error {
	team, err := store.TeamBySlug(c.Request.Context(), s.Pool, clean(c.Param("slug")))
	if err != nil {
		return err
	}
	return s.showTeam(c, v, http.StatusOK, false, teams.FormOf(team), nil)
}

func (s *Server) updateTeam(c *gin.Context, v viewer) error {
	in := teamInput(c)
	in.Slug = clean(c.Param("slug"))
	if err := s.Teams.Update(c.Request.Context(), v.actor, in.Slug, in); err != nil {
		return s.showTeam(c, v, status(err), false, in, err)
	}
	c.Redirect(http.StatusSeeOther, "/admin/teams/"+in.Slug+"?saved=1")
	return nil
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
	p := views.TeamPage{
		Page: s.page(c, v, title), New: isNew, Form: views.TeamForm(in),
		Faults: portal.FieldErrors(problem), Saved: problem == nil && query(c, "saved") != "",
	}
	if problem != nil && len(p.Faults) == 0 {
		p.Problem = message(problem)
	}
	if !isNew {
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

func teamInput(c *gin.Context) teams.Input {
	f := c.Request.PostForm
	return teams.Input{
		Slug: f.Get("slug"), Name: f.Get("name"), MemberGroup: f.Get("member_group"), ApproverGroup: f.Get("approver_group"),
		Nodes: f.Get("nodes"), Sizes: f.Get("sizes"), Version: f.Get("version"),
	}
}

func (s *Server) ownership(c *gin.Context, v viewer) error {
	return s.showOwnership(c, v, http.StatusOK, nil)
}

func (s *Server) assign(c *gin.Context, v viewer) error {
	f := c.Request.PostForm
	name, err := s.Teams.Assign(c.Request.Context(), v.actor, f.Get("cluster"), f.Get("team"), portal.Environment(f.Get("environment")))
	switch {
	case portal.KindOf(err) == portal.KindInvalid && err != nil:
		return s.showOwnership(c, v, status(err), err)
	case err != nil:
		return err
	}
	c.Redirect(http.StatusSeeOther, "/admin/clusters?"+url.Values{"saved": {name}}.Encode())
	return nil
}

func (s *Server) showOwnership(c *gin.Context, v viewer, code int, problem error) error {
	p := views.OwnershipPage{Page: s.page(c, v, "Ownership"), Teams: v.teams, Saved: query(c, "saved")}
	if faults := portal.FieldErrors(problem); len(faults) > 0 {
		p.Problem = faults[0].Message
	}
	var err error
	if p.Clusters, p.Next, err = s.listClusters(c, v); err != nil {
		return err
	}
	if p.Freshness, err = s.freshness(c); err != nil {
		return err
	}
	s.render(c, code, views.Ownership(p))
	return nil
}
