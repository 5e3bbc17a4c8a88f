package web

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"doksportal/internal/portal"
	"doksportal/internal/store"
	"doksportal/internal/teams"
	"doksportal/views"
	"doksportal/views/ui"
)

// changes shows the changes that wait for a second admin.
func (s *Server) changes(c *gin.Context, v viewer) error {
	return s.showChanges(c, v, http.StatusOK, "")
}

func (s *Server) showChanges(c *gin.Context, v viewer, code int, problem string) error {
	list, err := s.Teams.Proposed(c.Request.Context(), v.actor)
	if err != nil {
		return err
	}
	mandates, err := store.MandatesLately(c.Request.Context(), s.Pool, v.actor.Identity, s.Now())
	if err != nil {
		return err
	}
	if _, err := s.typed(c, v); err != nil { // a decision that had to wait for a fresh sign-in has nothing typed
		return err
	}
	clusters, err := s.clustersOf(c.Request.Context(), list)
	if err != nil {
		return err
	}
	s.render(c, code, views.Changes(views.ChangesPage{
		Page: s.page(c, v, "Changes"), Changes: list, Clusters: clusters, Mandates: mandates, Now: s.Now(), Problem: problem,
	}))
	return nil
}

// clustersOf are the clusters that changes are about. Several may have one name.
func (s *Server) clustersOf(ctx context.Context, changes []portal.AdminChange) (map[string]portal.Cluster, error) {
	ids := []string{}
	for _, c := range changes {
		if id := c.ClusterID(); id != "" {
			ids = append(ids, id)
		}
	}
	list, err := store.ClustersByID(ctx, s.Pool, ids)
	byID := make(map[string]portal.Cluster, len(list))
	for _, c := range list {
		byID[c.ID] = c
	}
	return byID, err
}

// decideChange decides on a proposed change.
func (s *Server) decideChange(decide func(ctx context.Context, a portal.Actor, id string) error, done string) personal {
	return func(c *gin.Context, v viewer) error {
		id, err := pathID(c, "id")
		if err != nil {
			return err
		}
		err = decide(c.Request.Context(), v.actor, id)
		if portal.Is(err, portal.KindConflict) {
			return s.showChanges(c, v, status(err), message(err))
		}
		if err != nil {
			return err
		}
		after, err := store.Teams(c.Request.Context(), s.Pool)
		if err != nil {
			return err
		}
		return s.flash(c, "/admin/changes", warned(ui.ToastProps{Text: "The change is " + done + "."}, "", s.account(after).Grown(s.account(v.teams))))
	}
}

func (s *Server) flashProposed(c *gin.Context, out teams.Outcome, warning string) error {
	return s.flash(c, "/admin/changes", warned(ui.ToastProps{Text: "Proposed: " + out.Title + ". It takes effect when another admin accepts it."}, "With it: ", warning))
}
