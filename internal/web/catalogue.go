package web

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"doksportal/internal/portal"
	"doksportal/internal/request"
	"doksportal/views"
)

func (s *Server) catalogue(c *gin.Context, v viewer) error {
	p := views.CataloguePage{Page: s.page(c, v, "Catalogue")}
	rules, err := s.Requests.Rules.InForce(c.Request.Context(), s.Pool)
	if err != nil {
		return err
	}
	for _, op := range portal.Catalogue {
		p.Entries = append(p.Entries, views.CatalogueEntry{Operation: op, Open: mayOpen(v, op.Page),
			Policy: request.PolicySummary(rules, op, v.actor, v.memberTeams())})
	}
	s.render(c, http.StatusOK, views.Catalogue(p))
	return nil
}

// mayOpen reports whether a reader may open the page of an operation. Those of a
// cluster are reached from it.
func mayOpen(v viewer, page string) bool {
	switch page {
	case "/clusters":
		return v.belongs()
	case "/clusters/new":
		return len(v.memberTeams()) > 0
	case "/admin/registries":
		return v.actor.HasRole(portal.RoleAdmin)
	}
	return false
}

// gallery shows the parts that pages are made of.
func (s *Server) gallery(c *gin.Context, v viewer) error {
	s.render(c, http.StatusOK, views.Gallery(views.GalleryPage{Page: s.page(c, v, "Parts"), Now: s.Now()}))
	return nil
}
