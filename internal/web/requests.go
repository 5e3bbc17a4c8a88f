package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/gin-gonic/gin"

	"doksportal/internal/audit"
	"doksportal/internal/events"
	"doksportal/internal/portal"
	"doksportal/internal/request"
	"doksportal/internal/store"
	"doksportal/views"
)

func (s *Server) requests(c *gin.Context, v viewer) error {
	p := views.RequestsPage{Page: s.page(c, v, "Requests"), State: portal.State(query(c, "state")), Mine: query(c, "mine") == "true"}
	if p.State != "" && !slices.Contains(portal.States, p.State) {
		return portal.E(portal.KindNotFound, "there is no such state")
	}
	f := store.RequestFilter{All: v.actor.SeesAll(), TeamIDs: v.teamIDs(), State: p.State, Limit: pageSize + 1}
	if p.Mine {
		f.Requester = v.actor.Identity
	}
	f.Before, _ = strconv.ParseInt(query(c, "before"), 10, 64) // anything else is the first page
	list, err := store.Requests(c.Request.Context(), s.Pool, f)
	if err != nil {
		return err
	}
	if len(list) > pageSize {
		list = list[:pageSize]
		p.Next = "/requests?" + url.Values{
			"state": {string(p.State)}, "mine": {query(c, "mine")},
			"before": {strconv.FormatInt(list[pageSize-1].Number, 10)},
		}.Encode()
	}
	p.Requests = list
	s.render(c, http.StatusOK, views.Requests(p))
	return nil
}

func (s *Server) request(c *gin.Context, v viewer) error {
	typed, err := s.typed(c, v)
	if err != nil {
		return err
	}
	return s.showRequest(c, v, http.StatusOK, typed, nil)
}

func (s *Server) review(c *gin.Context, v viewer) error {
	n, err := number(c)
	if err != nil {
		return err
	}
	f := c.Request.PostForm
	decision := f.Get("decision")
	if decision != "approve" && decision != "reject" {
		return portal.E(portal.KindInvalid, "choose whether you approve or reject")
	}
	err = s.Requests.Review(c.Request.Context(), v.actor, request.ReviewInput{
		Number: n, Approve: decision == "approve", Comment: f.Get("comment"), Digest: f.Get("digest")})
	switch {
	case err == nil:
		return seeRequest(c, n)
	case portal.KindOf(err) == portal.KindInvalid, portal.KindOf(err) == portal.KindConflict:
		return s.showRequest(c, v, status(err), portal.Form(f), err)
	}
	return err
}

func (s *Server) withdraw(c *gin.Context, v viewer) error {
	n, err := number(c)
	if err != nil {
		return err
	}
	if err := s.Requests.Withdraw(c.Request.Context(), v.actor, n); err != nil {
		return err
	}
	return seeRequest(c, n)
}

func (s *Server) showRequest(c *gin.Context, v viewer, code int, typed portal.Form, problem error) error {
	n, err := number(c)
	if err != nil {
		return err
	}
	r, err := s.Requests.VisibleRequest(c.Request.Context(), v.actor, n)
	if err != nil {
		return err
	}
	p := views.RequestPage{Page: s.page(c, v, "Request #"+strconv.FormatInt(n, 10)), Request: r, Typed: typed, Digest: r.Digest}
	if digest := typed.Get("digest"); c.Request.Method == http.MethodGet && digest != "" {
		p.Digest = digest // what was typed before a fresh sign-in was typed about that
	}
	p.Path = c.Request.URL.Path
	if c.Request.Method == http.MethodPost {
		p.Path = "/requests/" + strconv.FormatInt(n, 10)
	}
	p.Live = []string{string(events.Request(r.ID))}
	refusal := r.ReviewRefusal(v.actor)
	p.CanReview, p.CanWithdraw = refusal == nil, r.CanWithdraw(v.actor)
	p.CanCollect = r.CanCollect(v.actor)
	if refusal != nil && r.State == portal.Pending {
		p.WhyNot = message(refusal)
	}
	if p.Faults = portal.FieldErrors(problem); problem != nil && len(p.Faults) == 0 {
		p.Problem = message(problem)
	}
	if p.Trail, err = audit.OfRequest(c.Request.Context(), s.Pool, r.Number); err != nil {
		return err
	}
	s.render(c, code, views.Request(p))
	return nil
}
