package web

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"doksportal/internal/portal"
	"doksportal/views"
)

func (s *Server) catalogue(c *gin.Context, v viewer) error {
	p := views.CataloguePage{Page: s.page(c, v, "Catalogue")}
	for _, op := range portal.Catalogue {
		p.Entries = append(p.Entries, views.CatalogueEntry{Operation: op, Asks: s.Requests.Asks(op, v.actor, v.memberTeams())})
	}
	s.render(c, http.StatusOK, views.Catalogue(p))
	return nil
}
