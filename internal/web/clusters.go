package web

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"doksportal/internal/audit"
	"doksportal/internal/auth"
	"doksportal/internal/db"
	"doksportal/internal/events"
	"doksportal/internal/portal"
	"doksportal/internal/store"
	"doksportal/views"
)

// pageSize is how many rows a list shows at once.
const pageSize = views.PageRows

func (s *Server) freshness(c *gin.Context) (views.Freshness, error) {
	state, err := store.Freshness(c.Request.Context(), s.Pool)
	return views.Freshness{State: state, Now: s.Now()}, err
}

// tabs head every page about a cluster. canAsk says whether the reader belongs
// to the team that owns it.
func (s *Server) tabs(c *gin.Context, cluster portal.Cluster, canAsk bool) (views.Tabs, error) {
	f, err := s.freshness(c)
	reader, _ := auth.ActorFrom(c.Request.Context())
	return views.Tabs{Freshness: f, Cluster: cluster, Path: c.Request.URL.Path, CanAsk: canAsk && cluster.GoneAt.IsZero(), Audits: reader.RequireAuditor() == nil}, err
}

// clusterPage is what every page shows of a cluster in the inventory.
func (s *Server) clusterPage(c *gin.Context, v viewer) (views.ClusterPage, error) {
	cluster, team, err := s.Requests.VisibleCluster(c.Request.Context(), v.actor, db.Text(c.Param("id")))
	if err != nil {
		return views.ClusterPage{}, err
	}
	p := views.ClusterPage{Page: s.page(c, v, cluster.Name)}
	p.Live = []string{string(events.Cluster(cluster.ID)), string(events.Readings)}
	p.Tabs, err = s.tabs(c, cluster, v.actor.MemberOf(team))
	return p, err
}

// latest is how many requests the overview of a cluster shows.
const latest = 5

func (s *Server) cluster(c *gin.Context, v viewer) error {
	p, err := s.clusterPage(c, v)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	offer, err := store.Offer(ctx, s.Pool)
	if err != nil {
		return err
	}
	p.UpgradeTo = offer.Options.UpgradeTo(p.Cluster.Version)
	p.MonthlyCents, p.PriceKnown = p.Cluster.Summary().MonthlyCents(offer.Options)
	p.Requests, err = store.Requests(ctx, s.Pool, store.RequestFilter{All: v.actor.SeesAll(), TeamIDs: v.teamIDs(), TargetID: p.Cluster.ID, Limit: latest})
	if err != nil {
		return err
	}
	p.CanCreate = len(v.memberTeams()) > 0
	if p.Drift, err = audit.Drift(ctx, s.Pool, p.Cluster.ID, s.Now().AddDate(0, 0, -views.DriftDays), latest); err != nil {
		return err
	}
	p.Drift = slices.DeleteFunc(p.Drift, func(e portal.DriftEvent) bool { return e.Kind == portal.EventClusterAppeared })
	if p.Lease, err = store.Lease(ctx, s.Pool, p.Cluster.ID); err != nil && !portal.Is(err, portal.KindNotFound) {
		return err
	}
	s.render(c, http.StatusOK, views.Cluster(p))
	return nil
}

func (s *Server) pools(c *gin.Context, v viewer) error {
	p, err := s.clusterPage(c, v)
	if err != nil {
		return err
	}
	p.Title = "Pools of " + p.Cluster.Name
	s.render(c, http.StatusOK, views.Pools(p))
	return nil
}

func (s *Server) pool(c *gin.Context, v viewer) error {
	p, err := s.clusterPage(c, v)
	if err != nil {
		return err
	}
	pool, ok := p.Cluster.Pool(db.Text(c.Param("pool")))
	if !ok {
		return portal.E(portal.KindNotFound, "there is no such pool")
	}
	p.Title = "Pool " + pool.Name
	s.render(c, http.StatusOK, views.Pool(views.PoolPage{Page: p.Page, Tabs: p.Tabs, Pool: pool}))
	return nil
}

func (s *Server) activity(c *gin.Context, v viewer) error {
	p, err := s.clusterPage(c, v)
	if err != nil {
		return err
	}
	p.Title = "Activity on " + p.Cluster.Name
	f := store.RequestFilter{All: v.actor.SeesAll(), TeamIDs: v.teamIDs(), TargetID: p.Cluster.ID, Limit: pageSize + 1}
	f.Before = before(c)
	if p.Requests, err = store.Requests(c.Request.Context(), s.Pool, f); err != nil {
		return err
	}
	if len(p.Requests) > pageSize {
		p.Requests = p.Requests[:pageSize]
		p.Next = c.Request.URL.Path + "?before=" + strconv.FormatInt(p.Requests[pageSize-1].Number, 10)
	}
	if f.Before == 0 { // the first page
		p.Drift, err = audit.Drift(c.Request.Context(), s.Pool, p.Cluster.ID, time.Time{}, pageSize)
		if err != nil {
			return err
		}
	}
	s.render(c, http.StatusOK, views.Activity(p))
	return nil
}
