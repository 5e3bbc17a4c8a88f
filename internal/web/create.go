package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"doksportal/internal/portal"
	"doksportal/internal/request"
	"doksportal/internal/store"
	"doksportal/views"
)

// newCluster shows the form, filled in as far as there is nothing to choose.
func (s *Server) newCluster(c *gin.Context, v viewer) error {
	form := views.CreateForm{SubmitKey: uuid.Must(uuid.NewV7()).String(), Pools: []views.PoolForm{{Name: "pool-1", Count: "3"}}}
	if teams := v.memberTeams(); len(teams) == 1 {
		form.Team = teams[0].Slug
	}
	return s.showCreate(c, v, http.StatusOK, form, nil)
}

// createCluster submits the form, or changes its number of pools.
func (s *Server) createCluster(c *gin.Context, v viewer) error {
	form := createForm(c.Request.PostForm)
	if changed := changePools(&form, c.Request.PostForm.Get("action")); changed {
		return s.showCreate(c, v, http.StatusOK, form, nil)
	}
	r, err := s.Requests.SubmitCreate(c.Request.Context(), v.actor, createInput(form))
	if err == nil {
		return seeRequest(c, r.Number)
	}
	switch portal.KindOf(err) {
	case portal.KindInvalid, portal.KindConflict, portal.KindUnavailable:
		return s.showCreate(c, v, status(err), form, err)
	}
	return err
}

// planCluster renews the plan while the form is filled in.
func (s *Server) planCluster(c *gin.Context, v viewer) error {
	plan, err := s.Requests.PlanCreate(c.Request.Context(), v.actor, createInput(createForm(c.Request.PostForm)))
	problem := ""
	if err != nil && plan.Verdict.Decision == "" {
		if kind := portal.KindOf(err); kind == portal.KindUnknown || kind == portal.KindForbidden {
			return err
		}
		problem = planProblem(err)
	}
	s.render(c, http.StatusOK, views.PlanPanel(plan, problem))
	return nil
}

// planProblem says why there is no plan.
func planProblem(err error) string {
	if faults := portal.FieldErrors(err); len(faults) > 0 {
		return faults[0].Message
	}
	return message(err)
}

func (s *Server) showCreate(c *gin.Context, v viewer, status int, form views.CreateForm, problem error) error {
	offer, err := store.Offer(c.Request.Context(), s.Pool)
	if err != nil {
		return err
	}
	p := views.CreatePage{Page: s.page(c, v, "Create cluster"), Teams: v.memberTeams(), Options: offer.Options, Form: form}
	p.WithHTMX = true
	if len(p.Teams) == 0 {
		return portal.E(portal.KindForbidden, "only members of a team can ask for clusters")
	}
	for _, t := range p.Teams {
		if t.Slug == form.Team {
			p.Quota = t.Quota
		}
	}
	if p.Faults = portal.FieldErrors(problem); problem != nil && len(p.Faults) == 0 {
		p.Problem = message(problem)
	}
	if form.Team != "" {
		// What is wrong with the form is told when it is submitted.
		p.Plan, err = s.Requests.PlanCreate(c.Request.Context(), v.actor, createInput(form))
		if err != nil && portal.KindOf(err) != portal.KindInvalid {
			p.Problem = message(err)
		}
	}
	s.render(c, status, views.Create(p))
	return nil
}

func createForm(f url.Values) views.CreateForm {
	form := views.CreateForm{
		SubmitKey: f.Get("submit_key"), Team: f.Get("team"), Name: f.Get("name"), Region: f.Get("region"),
		Version: f.Get("version"), HA: f.Get("ha") == "true", Environment: f.Get("environment"),
		Tags: f.Get("tags"), Justification: f.Get("justification"),
	}
	for i := 0; ; i++ {
		pool := fmt.Sprintf("pools[%d].", i)
		if !f.Has(pool+"name") && !f.Has(pool+"size") && !f.Has(pool+"count") {
			return form
		}
		form.Pools = append(form.Pools, views.PoolForm{
			Name: f.Get(pool + "name"), Size: f.Get(pool + "size"), Count: f.Get(pool + "count")})
	}
}

func createInput(f views.CreateForm) request.CreateInput {
	in := request.CreateInput{
		Team: f.Team, Name: f.Name, Region: f.Region, Version: f.Version, HA: f.HA, Environment: f.Environment,
		Tags: f.Tags, Justification: f.Justification, SubmitKey: f.SubmitKey,
	}
	for _, p := range f.Pools {
		in.Pools = append(in.Pools, request.PoolInput(p))
	}
	return in
}

// changePools does what the buttons beside the pools ask for, and reports
// whether one of them was pressed.
func changePools(form *views.CreateForm, action string) bool {
	if action == "add-pool" {
		form.Pools = append(form.Pools, views.PoolForm{Name: fmt.Sprintf("pool-%d", len(form.Pools)+1), Count: "1"})
		return true
	}
	nr, ok := strings.CutPrefix(action, "remove-pool-")
	if !ok {
		return false
	}
	if i, err := strconv.Atoi(nr); err == nil && i >= 0 && i < len(form.Pools) {
		form.Pools = slices.Delete(form.Pools, i, i+1)
	}
	return true
}

// seeRequest sends the browser to a request's page.
func seeRequest(c *gin.Context, number int64) error {
	c.Redirect(http.StatusSeeOther, "/requests/"+strconv.FormatInt(number, 10))
	return nil
}
