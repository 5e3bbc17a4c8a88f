package web

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"doksportal/internal/delegation"
	"doksportal/internal/portal"
	"doksportal/internal/store"
	"doksportal/views"
	"doksportal/views/ui"
)

// delegationInput is a delegation as typed.
func delegationInput(f portal.Form) delegation.Input {
	return delegation.Input{StandIn: f.Get("stand_in"), LastDay: f.Get("last_day"), Zone: f.Get("zone"), Reason: f.Typed("delegation_reason")}
}

// delegate has somebody stand in for the reader.
func (s *Server) delegate(c *gin.Context, v viewer) error {
	typed := portal.Form(c.Request.PostForm)
	err := s.Delegations.Make(c.Request.Context(), v.actor, delegationInput(typed))
	switch {
	case portal.Is(err, portal.KindInvalid), portal.Is(err, portal.KindConflict):
		return s.showMe(c, v, status(err), meForms{delegation: typed, delegationProblem: err})
	case err != nil:
		return err
	}
	return s.flash(c, "/me", ui.ToastProps{Text: "Your stand-in is named. They and the admins are told."})
}

// endDelegation ends a delegation and shows the page again where it was ended.
func (s *Server) endDelegation(page string) personal {
	return func(c *gin.Context, v viewer) error {
		id, err := pathID(c, "id")
		if err != nil {
			return err
		}
		if err := s.Delegations.End(c.Request.Context(), v.actor, id); err != nil && !portal.Is(err, portal.KindConflict) {
			return err
		}
		return s.flash(c, page, ui.ToastProps{Text: "The delegation has ended."})
	}
}

// delegationPanel shows the reader who stands in for them and for whom they do,
// nil when neither can be.
func (s *Server) delegationPanel(c *gin.Context, v viewer, typed portal.Form, problem error) (*views.DelegationPanel, error) {
	ctx := c.Request.Context()
	choice, allowed, err := s.Delegations.Choices(ctx, v.actor)
	if err != nil {
		return nil, err
	}
	list, err := store.DelegationsOf(ctx, s.Pool, v.actor.Identity, s.Now())
	if err != nil || !allowed && len(list) == 0 {
		return nil, err
	}
	p := &views.DelegationPanel{Allowed: allowed, Longest: choice.Longest, Zone: v.actor.TimeZone, Typed: typed, Faults: portal.FieldErrorsOf(problem)}
	if problem != nil && len(p.Faults) == 0 {
		p.Problem = message(problem)
	}
	for _, person := range choice.People {
		p.People = append(p.People, views.StandInChoice{ID: delegation.IDOf(person.Identity), Name: person.Name, Email: person.Email})
	}
	for _, d := range list {
		if d.Delegator.Identity == v.actor.Identity {
			p.Own = &d
		} else {
			p.StandsInFor = append(p.StandsInFor, d)
		}
	}
	return p, nil
}

// delegations shows admins who stands in for whom.
func (s *Server) delegations(c *gin.Context, v viewer) error {
	list, err := s.Delegations.Active(c.Request.Context(), v.actor)
	if err != nil {
		return err
	}
	s.render(c, http.StatusOK, views.Delegations(views.DelegationsPage{Page: s.page(c, v, "Stand-ins"), List: list}))
	return nil
}

// mandates are those by which the reader may decide as a stand-in.
func (s *Server) mandates(ctx context.Context, v viewer) ([]portal.Mandate, error) {
	return store.MandatesOf(ctx, s.Pool, v.actor.Identity, s.Now(), s.Now().Add(-portal.KnownFor))
}

// standsIn says by which delegation the reader would decide on each request, by
// its number; those on which they decide for themselves are left out.
func (s *Server) standsIn(ctx context.Context, v viewer, list []portal.Request) (map[int64]portal.Delegation, error) {
	mandates, err := s.mandates(ctx, v)
	if err != nil || len(mandates) == 0 {
		return nil, err
	}
	found := map[int64]portal.Delegation{}
	for _, r := range list {
		if word, err := r.WordOf(v.actor, mandates, s.Now()); err == nil && !word.For().IsZero() {
			found[r.Number] = word.Delegation
		}
	}
	return found, nil
}

// standIns are those who may decide for people of the groups.
func (s *Server) standIns(ctx context.Context, groups []string) ([]portal.Approver, error) {
	mandates, err := store.MandatesFor(ctx, s.Pool, groups, s.Now(), s.Now().Add(-portal.KnownFor))
	list := make([]portal.Approver, len(mandates))
	for i := range mandates {
		m := &mandates[i]
		list[i] = portal.Approver{Person: m.StandIn, Mandate: m, Roles: s.Auth.RoleGroups().Of(m.StandInGroups)}
	}
	return list, err
}
