package web

import (
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"doksportal/internal/events"
	"doksportal/internal/portal"
	"doksportal/internal/store"
	"doksportal/views"
)

// pageSize is how many rows a list shows at once.
const pageSize = 100

func (s *Server) clusters(c *gin.Context, v viewer) error {
	p := views.ClustersPage{Page: s.page(c, v, "Clusters"), CanCreate: len(v.memberTeams()) > 0}
	p.Live = []string{string(events.Inventory)}
	var err error
	if p.Clusters, p.Next, err = s.listClusters(c, v); err != nil {
		return err
	}
	if p.Freshness, err = s.freshness(c); err != nil {
		return err
	}
	s.render(c, http.StatusOK, views.Clusters(p))
	return nil
}

// listClusters returns the page of clusters that the address asks for, and the
// address of the next one.
func (s *Server) listClusters(c *gin.Context, v viewer) ([]portal.ClusterSummary, string, error) {
	list, err := store.Clusters(c.Request.Context(), s.Pool, store.ClusterFilter{
		All: v.actor.SeesAll(), TeamIDs: v.teamIDs(),
		AfterName: query(c, "after"), AfterID: query(c, "id"), Limit: pageSize + 1,
	})
	if err != nil || len(list) <= pageSize {
		return list, "", err
	}
	list = list[:pageSize]
	last := list[pageSize-1]
	return list, c.FullPath() + "?" + url.Values{"after": {last.Name}, "id": {last.ID}}.Encode(), nil
}

func (s *Server) freshness(c *gin.Context) (views.Freshness, error) {
	state, err := store.Freshness(c.Request.Context(), s.Pool)
	return views.Freshness{State: state, Now: s.Now()}, err
}

func (s *Server) cluster(c *gin.Context, v viewer) error {
	cluster, team, err := s.Requests.VisibleCluster(c.Request.Context(), v.actor, clean(c.Param("id")))
	if err != nil {
		return err
	}
	p := views.ClusterPage{Page: s.page(c, v, cluster.Name), Cluster: cluster}
	p.Live = []string{string(events.Inventory), string(events.Requests)}
	p.CanDelete = v.actor.MemberOf(team) && cluster.GoneAt.IsZero()
	if p.Freshness, err = s.freshness(c); err != nil {
		return err
	}
	p.Requests, err = store.Requests(c.Request.Context(), s.Pool, store.RequestFilter{
		All: v.actor.SeesAll(), TeamIDs: v.teamIDs(), TargetID: cluster.ID, Limit: pageSize})
	if err != nil {
		return err
	}
	s.render(c, http.StatusOK, views.Cluster(p))
	return nil
}
