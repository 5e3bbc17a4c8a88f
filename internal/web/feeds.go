package web

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"doksportal/internal/db"
	"doksportal/internal/events"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// maxFeeds bounds what one page may follow, mostTeams of how many teams it does one
// by one before it follows all clusters.
const (
	maxFeeds  = 10
	mostTeams = 5
)

// followTeams are what a page follows that shows clusters of the teams, or of all
// whose reader sees all.
func followTeams(v viewer, teams []portal.Team) []string {
	if v.actor.SeesAll() || len(teams) > mostTeams {
		return []string{string(events.Inventory), string(events.Readings)}
	}
	list := []string{string(events.Readings)}
	for _, t := range teams {
		list = append(list, string(events.Team(t.ID)))
	}
	return list
}

// feeds returns what the page asks to follow, as far as the viewer may.
func (s *Server) feeds(c *gin.Context, v viewer) ([]events.Feed, error) {
	asked := queryForm(c).All("feed")
	if len(asked) == 0 || len(asked) > maxFeeds {
		return nil, portal.E(portal.KindNotFound, "there is nothing to follow")
	}
	feeds := make([]events.Feed, len(asked))
	for i, name := range asked {
		feeds[i] = events.Feed(db.Text(name))
		if err := s.checkFeed(c, v, feeds[i]); err != nil {
			return nil, err
		}
	}
	return feeds, nil
}

// checkFeed makes sure that the viewer may follow a feed.
func (s *Server) checkFeed(c *gin.Context, v viewer, feed events.Feed) error {
	if slices.Contains([]events.Feed{events.Inventory, events.Readings, events.Requests, ownInbox}, feed) {
		return nil
	}
	kind, id, _ := strings.Cut(string(feed), ":")
	var err error
	switch kind + ":" {
	case string(events.Request("")):
		_, err = s.Requests.VisibleRequestID(c.Request.Context(), v.actor, id)
	case string(events.Campaign("")):
		err = s.checkCampaignFeed(c, v, id)
	case string(events.Cluster("")):
		_, _, err = s.Requests.VisibleCluster(c.Request.Context(), v.actor, id)
	case string(events.Team("")):
		if !slices.Contains(v.teamIDs(), id) {
			err = portal.Hidden("there is no such team")
		}
	default:
		err = portal.E(portal.KindNotFound, "there is nothing to follow")
	}
	return err
}

func (s *Server) checkCampaignFeed(c *gin.Context, v viewer, id string) error {
	if !portal.IsUUID(id) {
		return portal.Hidden("there is no such campaign")
	}
	camp, err := store.CampaignByID(c.Request.Context(), s.Pool, id)
	if err == nil {
		_, _, _, err = s.Requests.VisibleCampaign(c.Request.Context(), v.actor, camp.Number)
	}
	return err
}

// readingMessage tells a page that follows the readings of the inventory how old
// that is by now, which changes also when nothing else does. Nothing is fetched for it.
func (s *Server) readingMessage(ctx context.Context, feeds []events.Feed) string {
	if !slices.Contains(feeds, events.Readings) {
		return ""
	}
	at := s.readings.get(ctx, s.Config)
	if at.IsZero() {
		return ""
	}
	return "event: reading\ndata: " + at.UTC().Format(time.RFC3339) + "\n\n"
}

// readingCache has all streams together ask once in a while when the inventory was
// last read.
type readingCache struct {
	mu    sync.Mutex
	asked time.Time
	at    time.Time
}

func (r *readingCache) get(ctx context.Context, cfg Config) time.Time {
	const goodFor = 5 * time.Second
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := cfg.Now(); now.Sub(r.asked) >= goodFor {
		f, err := store.Freshness(ctx, cfg.Pool)
		if err != nil {
			return time.Time{} // pages keep the age that they show
		}
		r.asked, r.at = now, f.CompleteAt
	}
	return r.at
}
