package web

import (
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"doksportal/internal/portal"
	"doksportal/internal/store"
	"doksportal/views"
)

const (
	searchFound = 8  // of each kind that a search shows
	searchMost  = 63 // characters of what is looked for, as in a cluster's name
)

// search finds what the reader may see by its name or number.
func (s *Server) search(c *gin.Context, v viewer) error {
	p, err := s.searched(c, v)
	if err != nil {
		return err
	}
	s.render(c, http.StatusOK, views.Search(p))
	return nil
}

// found is what a search found, for the palette.
func (s *Server) found(c *gin.Context, v viewer) error {
	p, err := s.searched(c, v)
	if err != nil {
		return err
	}
	s.render(c, http.StatusOK, views.Found(p, "palette-found"))
	return nil
}

func (s *Server) searched(c *gin.Context, v viewer) (views.SearchPage, error) {
	text := strings.TrimSpace(query(c, "q"))
	if utf8.RuneCountInString(text) > searchMost {
		text = string([]rune(text)[:searchMost])
	}
	p := views.SearchPage{Page: s.page(c, v, "Search"), Text: text}
	err := s.find(c, v, &p)
	return p, err
}

func (s *Server) find(c *gin.Context, v viewer, p *views.SearchPage) error {
	if p.Text == "" {
		return nil
	}
	ctx := c.Request.Context()
	if n, ok := portal.ParseNumber[int64](strings.TrimPrefix(p.Text, "#"), 1, portal.MaxNumber); ok {
		r, err := s.Requests.VisibleRequest(ctx, v.actor, n)
		if err == nil {
			p.Requests = append(p.Requests, r)
		} else if !portal.Is(err, portal.KindNotFound) {
			return err
		}
	}
	f := store.SearchFilter{Text: p.Text, All: v.actor.SeesAll(), TeamIDs: v.teamIDs(), Groups: v.actor.Groups, Limit: searchFound}
	var err error
	if p.Clusters, err = store.SearchClusters(ctx, s.Pool, f); err != nil {
		return err
	}
	named, err := store.SearchRequests(ctx, s.Pool, f)
	if err != nil {
		return err
	}
	p.Requests = append(p.Requests, named...)
	for _, t := range v.teams {
		if containsFold(t.Name, p.Text) || containsFold(t.Slug, p.Text) {
			p.Teams = append(p.Teams, t)
		}
	}
	if p.CanAudit() {
		p.People, err = store.SearchPeople(ctx, s.Pool, p.Text, searchFound)
	}
	return err
}

// containsFold reports whether a text has a part, as people read both.
func containsFold(text, part string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(part))
}
