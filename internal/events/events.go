// Package events tells open pages, in every process, that something changed.
// A change is announced with NOTIFY in its own transaction, so it is heard
// only when it holds, by all replicas. Messages name what changed and carry no
// data: who hears one reads the database.
//
// Whoever writes what pages show calls Publish; web subscribes to a Hub for each
// open page.
package events

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/portal"
)

const channel = "portal_events"

// Feed names what changed.
type Feed string

// Inventory is the feed of all clusters.
const Inventory Feed = "inventory"

// Readings is the feed of whether the inventory can be read from DigitalOcean. It
// is silent while that stays so; how old the inventory is pages hear of without.
const Readings Feed = "readings"

// Cluster is the feed of one cluster.
func Cluster(id string) Feed { return Feed("cluster:" + id) }

// Team is the feed of the clusters of one team.
func Team(id string) Feed { return Feed("team:" + id) }

// ClusterChanged are the feeds of a cluster that has changed, or changed hands
// between teams; an empty id stands for no team.
func ClusterChanged(id string, teamIDs ...string) []Feed {
	feeds := []Feed{Inventory, Cluster(id)}
	for _, team := range teamIDs {
		if team != "" {
			feeds = append(feeds, Team(team))
		}
	}
	return feeds
}

// Requests is the feed of all requests.
const Requests Feed = "requests"

// Request is the feed of one request.
func Request(id string) Feed { return Feed("request:" + id) }

// Campaign is followed by the page of a campaign.
func Campaign(id string) Feed { return Feed("campaign:" + id) }

// Sessions is the feed of a person's sessions having been ended.
func Sessions(id portal.Identity) Feed {
	sum := sha256.Sum256([]byte(id.Issuer + "\x00" + id.Subject))
	return Feed("sessions:" + hex.EncodeToString(sum[:]))
}

// Publish announces changes when tx commits.
func Publish(ctx context.Context, tx pgx.Tx, feeds ...Feed) error {
	if len(feeds) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `SELECT pg_notify(@channel, feed) FROM unnest(@feeds::text[]) AS feed`, pgx.StrictNamedArgs{"channel": channel, "feeds": feeds})
	return err
}

// Hub hears announcements on one connection and wakes this process'
// subscribers.
type Hub struct {
	pool   *pgxpool.Pool
	logger *slog.Logger

	mu   sync.Mutex
	subs map[*subscriber]struct{}
}

type subscriber struct {
	feeds map[Feed]bool
	wake  chan struct{}
}

// NewHub makes a hub; Run makes it work.
func NewHub(pool *pgxpool.Pool, logger *slog.Logger) *Hub {
	return &Hub{pool: pool, logger: logger, subs: map[*subscriber]struct{}{}}
}

// Subscribe returns a channel that receives whenever one of the feeds may
// have changed, several changes at once being one, and a function that ends
// the subscription.
func (h *Hub) Subscribe(feeds ...Feed) (<-chan struct{}, func()) {
	s := &subscriber{feeds: map[Feed]bool{}, wake: make(chan struct{}, 1)}
	for _, feed := range feeds {
		s.feeds[feed] = true
	}
	h.mu.Lock()
	h.subs[s] = struct{}{}
	h.mu.Unlock()
	return s.wake, func() {
		h.mu.Lock()
		delete(h.subs, s)
		h.mu.Unlock()
	}
}

// Run listens until ctx ends. When the connection is lost it connects again
// and then wakes every subscriber, because something may have been missed.
func (h *Hub) Run(ctx context.Context) {
	const pause = time.Second
	for ctx.Err() == nil {
		err := h.listen(ctx)
		if ctx.Err() != nil {
			return
		}
		h.logger.Warn("live updates interrupted", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

func (h *Hub) listen(ctx context.Context) error {
	// The connection is the hub's own: one of the pool's would be missing there.
	conn, err := pgx.ConnectConfig(ctx, h.pool.Config().ConnConfig)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		return err
	}
	h.wake(nil)
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		h.wake(n)
	}
}

// wake wakes the subscribers of n's feed, all of them when n is nil.
func (h *Hub) wake(n *pgconn.Notification) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.subs {
		if n != nil && !s.feeds[Feed(n.Payload)] {
			continue
		}
		select {
		case s.wake <- struct{}{}:
		default: // a wake-up is waiting already
		}
	}
}
