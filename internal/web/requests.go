package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/gin-gonic/gin"

	"doksportal/internal/portal"
	"doksportal/internal/store"
	"doksportal/views"
)

func (s *Server) requests(c *gin.Context, v viewer) error {
	p := views.RequestsPage{Page: s.page(c, v, "Requests"), State: portal.State(query(c, "state")), Mine: query(c, "mine") == "true"}
	if p.State != "" && !slices.Contains(portal.States, p.State) {
		return portal.E(portal.KindNotFound, "there is no such state")
	}
	f := store.RequestFilter{All: v.actor.SeesAll(), TeamIDs: v.teamIDs(), Groups: v.actor.Groups, State: p.State, Limit: pageSize + 1}
	if p.Mine {
		f.Requester = v.actor.Identity
	}
	f.Before = before(c)
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
