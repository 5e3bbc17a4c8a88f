package web

import (
	"context"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"doksportal/internal/events"
	"doksportal/internal/portal"
	"doksportal/internal/request"
	"doksportal/internal/store"
	"doksportal/views"
	"doksportal/views/ui"
)

func (s *Server) campaigns(c *gin.Context, v viewer) error {
	list, err := store.Campaigns(c.Request.Context(), s.Pool, store.CampaignFilter{
		All: v.actor.SeesAll(), TeamIDs: v.teamIDs(), Requester: v.actor.Identity, Before: before(c), Limit: pageSize + 1})
	if err != nil {
		return err
	}
	p := views.CampaignsPage{Page: s.page(c, v, "Campaigns"), CanCreate: len(v.memberTeams()) > 0}
	p.Live = []string{string(events.Requests)}
	if len(list) > pageSize {
		list = list[:pageSize]
		p.Next = "/campaigns?before=" + strconv.FormatInt(list[pageSize-1].Number, 10)
	}
	p.Campaigns = list
	s.render(c, http.StatusOK, views.Campaigns(p))
	return nil
}

// openCampaign opens the form, with the clusters that were ticked in the list.
func (s *Server) openCampaign(c *gin.Context, v viewer) error {
	form, err := s.typed(c, v)
	if err != nil {
		return err
	}
	if form == nil {
		form = queryForm(c)
	}
	if form.Get("submit_key") == "" {
		form.Set("submit_key", uuid.Must(uuid.NewV7()).String())
	}
	d, err := s.Requests.PlanCampaign(c.Request.Context(), v.actor, form)
	if err != nil {
		return err
	}
	return s.showCampaignForm(c, v, http.StatusOK, d, nil)
}

// submitCampaign shows the plan of what was typed, or starts what was planned.
func (s *Server) submitCampaign(c *gin.Context, v viewer) error {
	form, ctx := portal.Form(c.Request.PostForm), c.Request.Context()
	if action := form.Get("action"); action != "submit" {
		d, err := s.Requests.PlanCampaign(ctx, v.actor, form)
		if err == nil && action == "leave_out" {
			form["cluster"] = d.Possible()
			d, err = s.Requests.PlanCampaign(ctx, v.actor, form)
		}
		switch {
		case err != nil:
			return err
		case len(d.Errors) > 0:
			return s.showCampaignForm(c, v, http.StatusUnprocessableEntity, d, portal.Invalid(d.Errors...))
		}
		return s.showCampaignForm(c, v, http.StatusOK, d, nil)
	}
	made, d, err := s.Requests.SubmitCampaign(ctx, v.actor, form)
	switch {
	case err != nil && formProblem(err):
		if d.Form == nil {
			return err
		}
		return s.showCampaignForm(c, v, status(err), d, err)
	case err != nil:
		return err
	}
	return s.flash(c, views.CampaignPath(made.Number), ui.ToastProps{Text: "Campaign #" + strconv.FormatInt(made.Number, 10) + " has started."})
}

func (s *Server) showCampaignForm(c *gin.Context, v viewer, code int, d request.CampaignDraft, problem error) error {
	p := views.CampaignFormPage{Page: s.page(c, v, "New campaign"), Form: d.Form, Operation: d.Campaign.Operation, Clusters: d.Clusters,
		Seen: d.Seen, Summary: d.Campaign.Summary, Faults: portal.FieldErrorsOf(problem)}
	if problem != nil && len(p.Faults) == 0 {
		p.Problem = message(problem)
	}
	p.Path, p.Waves = "/campaigns/new", make([][]views.PlannedMember, d.Campaign.Waves)
	for _, m := range d.Members {
		at := m.Wave - 1
		p.Waves[at] = append(p.Waves[at], views.PlannedMember{Name: m.Draft.Cluster.Name, Team: m.Draft.Team.Name,
			Environment: m.Draft.Cluster.Environment, Plan: m.Draft.Plan, Problem: m.Problem})
	}
	var err error
	if p.Freshness, err = s.freshness(c); err != nil {
		return err
	}
	s.render(c, code, views.CampaignForm(p))
	return nil
}

func (s *Server) campaign(c *gin.Context, v viewer) error {
	typed, err := s.typed(c, v)
	if err != nil {
		return err
	}
	return s.showCampaign(c, v, http.StatusOK, typed, nil)
}

func (s *Server) showCampaign(c *gin.Context, v viewer, code int, typed portal.Form, problem error) error {
	n, err := number(c)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	camp, members, hidden, err := s.Requests.VisibleCampaign(ctx, v.actor, n)
	if err != nil {
		return err
	}
	p := views.CampaignPage{Page: s.page(c, v, "Campaign #"+strconv.FormatInt(n, 10)), Campaign: camp, Members: members, Hidden: hidden, Typed: typed}
	p.Path, p.Live = views.CampaignPath(n), []string{string(events.Campaign(camp.ID))}
	all := members
	if hidden > 0 {
		if all, err = store.Members(ctx, s.Pool, camp.ID); err != nil {
			return err
		}
	}
	p.Digest = portal.MembersDigest(all)
	p.CanSteer = camp.SteerRefusal(v.actor, members) == nil
	mandates, err := s.mandates(ctx, v)
	if err != nil {
		return err
	}
	for _, m := range members {
		if _, refusal := m.WordOf(v.actor, mandates, s.Now()); refusal == nil {
			p.CanReview++
		}
	}
	if p.Approvers, err = s.approvers(ctx, members...); err != nil {
		return err
	}
	if p.Faults = portal.FieldErrorsOf(problem); problem != nil && len(p.Faults) == 0 {
		p.Problem = message(problem)
	}
	if problem != nil {
		p.Live = nil // a page that renews itself would say nothing of it
	}
	s.render(c, code, views.Campaign(p))
	return nil
}

// campaignAction does something to a campaign, with what was typed, and says what that
// was.
type campaignAction func(ctx context.Context, a portal.Actor, number int64, f portal.Form) (said string, err error)

// campaignActions are what the forms on a campaign's page do, by their addresses.
func (s *Server) campaignActions() map[string]campaignAction {
	r := s.Requests
	return map[string]campaignAction{
		"review": func(ctx context.Context, a portal.Actor, n int64, f portal.Form) (string, error) {
			return "Your decision is recorded.", r.ReviewCampaign(ctx, a, request.CampaignReview{
				Number: n, Decision: portal.ReviewDecision(f.Get("decision")), Comment: f.Typed("comment"), Digest: f.Get("digest")})
		},
		"continue": func(ctx context.Context, a portal.Actor, n int64, f portal.Form) (string, error) {
			wave, _ := portal.ParseNumber(f.Get("wave"), 1, portal.MostMembers)
			return "Wave " + strconv.Itoa(wave) + " has begun.", r.ContinueCampaign(ctx, a, n, wave)
		},
		"stop": func(ctx context.Context, a portal.Actor, n int64, f portal.Form) (string, error) {
			return "The campaign is stopped. What was sent goes on.", r.StopCampaign(ctx, a, n, f.Typed("stop_reason"))
		},
		"resume": func(ctx context.Context, a portal.Actor, n int64, f portal.Form) (string, error) {
			return "The campaign goes on.", r.ResumeCampaign(ctx, a, n, f.Typed("resume_reason"))
		},
		"end": func(ctx context.Context, a portal.Actor, n int64, _ portal.Form) (string, error) {
			return "What had not been sent is given up.", r.EndCampaign(ctx, a, n)
		},
	}
}

// onCampaign does what a form on a campaign's page asks for, and shows the page.
func (s *Server) onCampaign(do campaignAction) personal {
	return func(c *gin.Context, v viewer) error {
		n, err := number(c)
		if err != nil {
			return err
		}
		form := portal.Form(c.Request.PostForm)
		said, err := do(c.Request.Context(), v.actor, n, form)
		switch {
		case err == nil:
			return s.flash(c, views.CampaignPath(n), ui.ToastProps{Text: said})
		case portal.Is(err, portal.KindInvalid), portal.Is(err, portal.KindConflict):
			return s.showCampaign(c, v, status(err), form, err)
		}
		return err
	}
}
