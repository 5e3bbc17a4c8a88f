package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"doksportal/internal/portal"
	"doksportal/internal/store"
	"doksportal/views"
)

// openState is the filter for requests that are not at an end.
const openState = "open"

func (s *Server) requests(c *gin.Context, v viewer) error {
	p := views.RequestsPage{Page: s.page(c, v, "Requests"), Teams: v.teams, CanCreate: len(v.memberTeams()) > 0}
	f, err := s.requestFilter(c, v, &p.Filter)
	if err != nil {
		return err
	}
	list, err := store.Requests(c.Request.Context(), s.Pool, f)
	if err != nil {
		return err
	}
	if len(list) > pageSize {
		list = list[:pageSize]
		p.Next = requestsPath(queryForm(c), list[pageSize-1].Number)
	}
	p.Requests = list
	s.render(c, http.StatusOK, views.Requests(p))
	return nil
}

// requestFilter reads from the address what the list is narrowed to, within what
// the viewer may see.
func (s *Server) requestFilter(c *gin.Context, v viewer, form *views.RequestsForm) (store.RequestFilter, error) {
	*form = views.RequestsForm{
		Open: query(c, "state") == openState, Team: query(c, "team"), Operation: portal.OperationID(query(c, "operation")),
		Mine: query(c, "mine") == "true", Name: strings.TrimSpace(query(c, "name")),
	}
	f := s.visibleTo(v)
	f.Open, f.Operation, f.Name, f.Before, f.Limit = form.Open, form.Operation, form.Name, before(c), pageSize+1
	if !form.Open {
		form.State = portal.State(query(c, "state"))
		f.State = form.State
	}
	if f.State != "" && !slices.Contains(portal.States, f.State) {
		return f, portal.E(portal.KindNotFound, "there is no such state")
	}
	if f.Operation != "" && f.Operation.Title() == "" {
		return f, portal.E(portal.KindNotFound, "there is no such operation")
	}
	if form.Mine {
		f.Requester = v.actor.Identity
	}
	if form.Team == "" {
		return f, nil
	}
	i := slices.IndexFunc(v.teams, func(t portal.Team) bool { return t.Slug == form.Team })
	if i < 0 {
		return f, portal.E(portal.KindNotFound, "there is no such team")
	}
	f.All, f.TeamIDs, f.Groups = false, []string{v.teams[i].ID}, nil
	return f, nil
}

// requestsPath is the list with the same filters, below a number.
func requestsPath(filters portal.Form, number int64) string {
	filters.Set("before", strconv.FormatInt(number, 10))
	return "/requests?" + url.Values(filters).Encode()
}
