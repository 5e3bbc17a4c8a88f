package web

import (
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"doksportal/internal/events"
	"doksportal/internal/portal"
	"doksportal/internal/store"
	"doksportal/views"
)

// inbox shows what waits for the reader, and what they had to do with lately.
func (s *Server) inbox(c *gin.Context, v viewer) error {
	const few = 20
	ctx := c.Request.Context()
	p := views.InboxPage{Page: s.page(c, v, "Inbox"), CanCreate: len(v.memberTeams()) > 0}
	p.Live = []string{string(events.Requests)}
	var err error
	if p.ToDecide, err = store.ToDecide(ctx, s.Pool, v.actor, s.Now(), pageSize+1); err != nil {
		return err
	}
	if p.More = len(p.ToDecide) > pageSize; p.More {
		p.ToDecide = p.ToDecide[:pageSize]
	}
	if p.StandsIn, err = s.standsIn(ctx, v, p.ToDecide); err != nil {
		return err
	}
	if p.ToReview, err = store.ToReview(ctx, s.Pool, v.actor, pageSize); err != nil {
		return err
	}
	if p.ToAct, err = store.ToAct(ctx, s.Pool, v.actor, pageSize); err != nil {
		return err
	}
	if p.Mine, err = store.Requests(ctx, s.Pool, store.RequestFilter{All: true, Open: true, Requester: v.actor.Identity, Limit: few}); err != nil {
		return err
	}
	if p.Approvers, err = s.approvers(ctx, p.Mine...); err != nil {
		return err
	}
	if p.Decided, err = store.Requests(ctx, s.Pool, store.RequestFilter{All: true, Reviewed: v.actor.Identity, Limit: few}); err != nil {
		return err
	}
	p.Decided = slices.DeleteFunc(p.Decided, func(r portal.Request) bool { return !r.VisibleTo(v.actor) }) // who has left a team since
	s.render(c, http.StatusOK, views.Inbox(p))
	return nil
}

func (s *Server) inboxCount(c *gin.Context, v viewer) error {
	s.render(c, http.StatusOK, views.InboxNews(v.inbox, pausesOf(c), v.actor))
	return nil
}
