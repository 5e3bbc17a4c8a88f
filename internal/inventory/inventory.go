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
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/doapi"
	"doksportal/internal/events"
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

// Syncer brings the inventory up to date. All members must be set.
type Syncer struct {
	Pool *pgxpool.Pool
	DO   Reader
	Now  func() time.Time
}

// Sync reads everything from DigitalOcean. When something cannot be read the
// inventory stays as it is and says since when. Either is announced, because
// open pages show how old the inventory is.
func (s *Syncer) Sync(ctx context.Context) error {
	ctx = doapi.Background(ctx)
	err := s.sync(ctx)
	if err == nil {
		return nil
	}
	return errors.Join(err, db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		if err := store.SetInventoryFailure(ctx, tx, s.Now(), why(err)); err != nil {
			return err
		}
		return events.Publish(ctx, tx, events.Inventory)
	}))
}

// why says in plain words what came between DigitalOcean and the inventory.
func why(err error) string {
	var e *doapi.Error
	if errors.As(err, &e) {
		return doapi.UserMessage(err)
	}
	return "the portal could not keep what it said."
}

func (s *Syncer) sync(ctx context.Context) error {
	if err := s.syncOptions(ctx); err != nil {
		return fmt.Errorf("read options: %w", err)
	}
	asOf := s.Now()
	listed, err := s.DO.ListClusters(ctx)
	if err != nil {
		return fmt.Errorf("list clusters: %w", err)
	}
	unlisted, gone, err := s.missing(ctx, listed, asOf)
	if err != nil {
		return err
	}
	there := slices.Concat(listed, unlisted)
	return db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error { return s.write(ctx, tx, there, gone, asOf) })
}

func (s *Syncer) write(ctx context.Context, tx pgx.Tx, there []doapi.Cluster, gone []string, asOf time.Time) error {
	byID := make(map[string]doapi.Cluster, len(there))
	for _, c := range there {
		byID[c.ID] = c
	}
	// In the order in which others lock clusters, so that nobody waits in a circle.
	ids := slices.AppendSeq(gone, maps.Keys(byID))
	slices.Sort(ids)
	for _, id := range ids {
		var err error
		if c, ok := byID[id]; ok {
			err = store.UpsertCluster(ctx, tx, c.Portal(asOf))
		} else {
			err = s.markGone(ctx, tx, id)
		}
		if err != nil {
			return err
		}
	}
	if err := store.SetInventoryComplete(ctx, tx, asOf); err != nil {
		return err
	}
	return events.Publish(ctx, tx, events.Inventory)
}

// missing asks by its id for each cluster that is known and not in the list,
// which can be stale. It returns those that are there all the same, and the ids
// of those that DigitalOcean no longer has.
func (s *Syncer) missing(ctx context.Context, listed []doapi.Cluster, asOf time.Time) (there []doapi.Cluster, gone []string, err error) {
	known, err := store.ClusterIDs(ctx, s.Pool, asOf)
	if err != nil {
		return nil, nil, err
	}
	missing := slices.DeleteFunc(known, func(id string) bool {
		return slices.ContainsFunc(listed, func(c doapi.Cluster) bool { return c.ID == id })
	})
	for _, id := range missing {
		c, err := s.DO.GetCluster(ctx, id)
		switch {
		case doapi.IsNotFound(err):
			gone = append(gone, id)
		case err != nil:
			return nil, nil, fmt.Errorf("look for cluster %s: %w", id, err)
		default:
			there = append(there, c)
		}
	}
	return there, gone, nil
}

func (s *Syncer) markGone(ctx context.Context, tx pgx.Tx, id string) error {
	c, err := store.Cluster(ctx, tx, id)
	if err != nil {
		return err
	}
	first, err := store.MarkClusterGone(ctx, tx, id, s.Now())
	if err != nil || !first {
		return err
	}
	return audit.Append(ctx, tx, portal.Event{
		At: s.Now(), Kind: portal.EventClusterGone, Actor: portal.System("inventory").Person(),
		TeamID: c.TeamID, Target: portal.EventTarget{Kind: portal.TargetCluster, ID: id, Name: c.Name},
		Summary: fmt.Sprintf("Cluster %s is no longer at DigitalOcean", c.Name),
	})
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
