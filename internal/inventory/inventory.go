// Package inventory keeps the portal's copy of what DigitalOcean has: clusters
// with their node pools, and what is on offer. A periodic task of the job queue
// calls Sync; pages, plans and quotas read the copy through store, so that they
// work while DigitalOcean is away. Between two readings execute writes into it
// what it has seen. The portal's own data, team and environment, stay as they are.
package inventory

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/db"
	"doksportal/internal/doapi"
	"doksportal/internal/events"
	"doksportal/internal/pauses"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// Reader is what of DigitalOcean's API the inventory needs.
type Reader interface {
	ListClusters(ctx context.Context) ([]doapi.Cluster, error)
	GetCluster(ctx context.Context, id string) (doapi.Cluster, error)
	ListOptions(ctx context.Context) (doapi.Options, error)
	ListSizes(ctx context.Context) ([]doapi.Size, error)
}

// optionsFor is how long the options are good for; they change with
// DigitalOcean's releases.
const optionsFor = 5 * time.Minute

// Syncer brings the inventory up to date. All members but Pauses must be set.
type Syncer struct {
	Pool   *pgxpool.Pool
	DO     Reader
	Now    func() time.Time
	Pauses *pauses.Service // hears whether DigitalOcean accepts the portal's token; nil: nobody does
}

// Sync reads everything from DigitalOcean. When something cannot be read the
// inventory stays as it is and says since when and why. Pages hear of what has
// changed, and of when reading begins or ceases to fail.
func (s *Syncer) Sync(ctx context.Context) error {
	ctx = doapi.Upkeep(ctx)
	err := s.sync(ctx)
	if err == nil {
		return nil
	}
	return errors.Join(err, db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		news, failed := store.SetInventoryFailure(ctx, tx, s.Now(), why(err))
		if failed != nil {
			return failed
		}
		if news {
			if failed := events.Publish(ctx, tx, events.Readings); failed != nil {
				return failed
			}
		}
		return s.refused(ctx, tx, err)
	}))
}

// refused pauses execution where DigitalOcean does not know the portal's token any more.
func (s *Syncer) refused(ctx context.Context, tx pgx.Tx, err error) error {
	var e *doapi.Error
	if s.Pauses == nil || !errors.As(err, &e) || e.Status != http.StatusUnauthorized {
		return nil
	}
	return s.Pauses.Refused(ctx, tx, pauses.Refusal{By: self, Status: e.Status, Message: e.Message, DORequestID: e.RequestID})
}

// why says in plain words what came between DigitalOcean and the inventory.
func why(err error) string {
	var e *doapi.Error
	if errors.As(err, &e) {
		return doapi.UserMessage(err)
	}
	return "the portal could not keep what it said."
}

// reading is what DigitalOcean said it has.
type reading struct {
	asOf     time.Time        // when it was asked
	clusters []portal.Cluster // those that exist, by id
	gone     []string         // ids of those that no longer do
}

func (s *Syncer) sync(ctx context.Context) error {
	if err := s.syncOptions(ctx); err != nil {
		return fmt.Errorf("read options: %w", err)
	}
	r, err := s.read(ctx)
	if err != nil {
		return err
	}
	return db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error { return s.write(ctx, tx, r) })
}

// read lists all clusters. The list can be stale: a cluster that is known and not
// in it, or that is in it and known to be gone, is asked for by its id.
func (s *Syncer) read(ctx context.Context) (reading, error) {
	r := reading{asOf: s.Now()}
	list, err := s.DO.ListClusters(ctx)
	if err != nil {
		return r, fmt.Errorf("list clusters: %w", err)
	}
	listed := make(map[string]doapi.Cluster, len(list))
	for _, c := range list {
		listed[c.ID] = c
	}
	known, err := store.KnownClusters(ctx, s.Pool, ids(list))
	if err != nil {
		return r, err
	}
	for _, k := range known {
		_, there := listed[k.ID]
		if there != k.Gone || k.SeenAt.After(r.asOf) { // as known, or older than what is known
			continue
		}
		c, err := s.DO.GetCluster(ctx, k.ID)
		switch {
		case doapi.IsNotFound(err):
			delete(listed, k.ID)
			if !k.Gone {
				r.gone = append(r.gone, k.ID)
			}
		case err != nil:
			return r, fmt.Errorf("look for cluster %s: %w", k.ID, err)
		default:
			listed[k.ID] = c
		}
	}
	for _, c := range listed {
		r.clusters = append(r.clusters, c.Portal(r.asOf))
	}
	slices.SortFunc(r.clusters, func(a, b portal.Cluster) int { return strings.Compare(a.ID, b.ID) })
	return r, nil
}

func ids(list []doapi.Cluster) []string {
	ids := make([]string, len(list))
	for i, c := range list {
		ids[i] = c.ID
	}
	return ids
}

// write writes down what of a reading is new, and announces that. A reading that
// another has overtaken is none.
func (s *Syncer) write(ctx context.Context, tx pgx.Tx, r reading) error {
	before, err := store.LockInventory(ctx, tx)
	if err != nil || before.CompleteAt.After(r.asOf) {
		return err
	}
	news, err := changed(ctx, tx, r)
	if err != nil {
		return err
	}
	// In the order in which others lock clusters, so that nobody waits in a circle.
	touched := slices.Concat(clusterIDs(news), r.gone)
	if err := store.LockClusters(ctx, tx, touched); err != nil {
		return err
	}
	d, err := newDrift(ctx, tx, r, before.CompleteAt, touched, news)
	if err != nil {
		return err
	}
	d.find(news)
	written, err := store.WriteClusters(ctx, tx, d.believed(news), d.baselines)
	if err != nil {
		return err
	}
	var feeds []events.Feed
	for _, c := range written {
		if c.Changed || d.tells(c.ID) {
			feeds = append(feeds, events.ClusterChanged(c.ID, c.TeamID)...)
		}
	}
	for _, id := range r.gone {
		c, err := store.Cluster(ctx, tx, id)
		if err != nil {
			return err
		}
		first, err := store.MarkClusterGone(ctx, tx, id, s.Now())
		if err != nil {
			return err
		}
		if first {
			d.disappeared(c)
			feeds = append(feeds, events.ClusterChanged(id, c.TeamID)...)
		}
	}
	if err := d.record(ctx, tx, s.Now()); err != nil {
		return err
	}
	if before.Failure != "" || before.CompleteAt.IsZero() {
		feeds = append(feeds, events.Readings)
	}
	if err := store.SetInventoryComplete(ctx, tx, r.asOf); err != nil {
		return err
	}
	if err := events.Publish(ctx, tx, feeds...); err != nil || s.Pauses == nil {
		return err
	}
	return s.Pauses.ReadWith(ctx, tx, self, r.asOf)
}

// changed are the clusters of which a reading says something else than is known, or
// of which something else than a reading has written what is known.
func changed(ctx context.Context, tx pgx.Tx, r reading) ([]portal.Cluster, error) {
	known, err := store.KnownClusters(ctx, tx, clusterIDs(r.clusters))
	if err != nil {
		return nil, err
	}
	digests := make(map[string]string, len(known))
	for _, k := range known {
		if !k.Gone && k.Accounted {
			digests[k.ID] = k.Digest
		}
	}
	var list []portal.Cluster
	for _, c := range r.clusters {
		digest, err := store.Digest(c)
		if err != nil {
			return nil, err
		}
		if digest != digests[c.ID] {
			list = append(list, c)
		}
	}
	return list, nil
}

func clusterIDs(list []portal.Cluster) []string {
	ids := make([]string, len(list))
	for i, c := range list {
		ids[i] = c.ID
	}
	return ids
}

func (s *Syncer) syncOptions(ctx context.Context) error {
	offer, err := store.Offer(ctx, s.Pool)
	if err != nil || s.Now().Sub(offer.AsOf) < optionsFor {
		return err
	}
	options, err := s.DO.ListOptions(ctx)
	if err != nil {
		return err
	}
	sizes, err := s.DO.ListSizes(ctx)
	if err != nil {
		return err
	}
	return store.SetOptions(ctx, s.Pool, options.Portal(sizes), s.Now())
}
