package web

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/gin-gonic/gin"

	"doksportal/internal/portal"
	"doksportal/internal/store"
	"doksportal/internal/teams"
	"doksportal/views"
	"doksportal/views/ui"
)

// selected shows what can be done with the clusters that were ticked in the list, or
// that were to be assigned before a fresh sign-in.
func (s *Server) selected(c *gin.Context, v viewer) error {
	typed, err := s.typed(c, v)
	if err != nil {
		return err
	}
	ids := typed.All("cluster")
	if typed == nil {
		ids = queryForm(c).All("cluster")
	}
	return s.showSelected(c, v, http.StatusOK, ids, typed, nil)
}

// assignSeveral gives clusters that nobody owns to one team.
func (s *Server) assignSeveral(c *gin.Context, v viewer) error {
	f := portal.Form(c.Request.PostForm)
	list, err := s.Teams.AssignUnowned(c.Request.Context(), v.actor, f.All("cluster"), teams.Ownership{
		Slug: f.Get("team"), Environment: portal.Environment(f.Get("environment")), Protected: f.On("protected")})
	switch {
	case err != nil && formProblem(err):
		return s.showSelected(c, v, status(err), f.All("cluster"), f, err)
	case err != nil:
		return err
	}
	proposed := 0
	for _, out := range list {
		if out.Proposed {
			proposed++
		}
	}
	if proposed == 0 {
		return s.flash(c, "/clusters", ui.ToastProps{Text: clustersText(len(list)) + " assigned to team " + f.Get("team") + "."})
	}
	text := "Proposed for " + strconv.Itoa(proposed) + " of " + clustersText(len(list)) + ": team " + f.Get("team") + " gets them when another admin accepts each."
	return s.flash(c, "/admin/changes", ui.ToastProps{Text: text})
}

func clustersText(n int) string {
	if n == 1 {
		return "1 cluster"
	}
	return strconv.Itoa(n) + " clusters"
}

// showSelected shows those of the clusters that the reader may see. Of what they may
// not see it says nothing.
func (s *Server) showSelected(c *gin.Context, v viewer, code int, ids []string, typed portal.Form, problem error) error {
	p := views.SelectedPage{Page: s.page(c, v, "Selected clusters"), Teams: v.teams, Most: teams.MostAtOnce, Typed: typed, Faults: portal.FieldErrorsOf(problem)}
	p.Path = "/clusters"
	if problem != nil && len(p.Faults) == 0 {
		p.Problem = message(problem)
	}
	var err error
	if p.Freshness, err = s.freshness(c); err != nil {
		return err
	}
	list, err := store.ClustersByID(c.Request.Context(), s.Pool, ids[:min(len(ids), pageSize)])
	if err != nil {
		return err
	}
	seen := v.teamIDs()
	for _, cluster := range list {
		if !v.actor.SeesAll() && !slices.Contains(seen, cluster.TeamID) {
			continue
		}
		p.Clusters = append(p.Clusters, cluster)
		if cluster.TeamID == "" {
			p.Unowned = append(p.Unowned, cluster)
		}
	}
	s.render(c, code, views.Selected(p))
	return nil
}
