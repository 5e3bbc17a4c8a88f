package request

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/operation"
	"doksportal/internal/policy"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// outdated says why a request is no longer what would happen, or what the
// policy asks for, as far as the portal's own copy of its clusters tells; empty
// when it is. What only DigitalOcean knows is looked at before it is carried
// out.
func outdated(rules *policy.Policy, r portal.Request, clusters []portal.Cluster, offer portal.Options, now time.Time) (string, error) {
	if p := r.Params.Raise; p != nil && p.Over(now) {
		return GrantOver, nil
	}
	older := slices.ContainsFunc(clusters, func(c portal.Cluster) bool { return c.SeenAt.Before(r.PlannedAt) })
	if drift := drift(r, clusters, older); drift != "" {
		return drift, nil
	}
	return Rejudge(rules, r, Now{Clusters: clusters, Older: older, Offer: offer})
}

// outdated is what the function says of a request as tx sees its clusters and
// the policy.
func (s *Service) outdated(ctx context.Context, tx pgx.Tx, r portal.Request, offer portal.Options) (string, error) {
	clusters, err := store.ClustersByID(ctx, tx, r.TargetIDs)
	if err != nil {
		return "", err
	}
	rules, err := s.Rules.InForce(ctx, tx)
	if err != nil {
		return "", err
	}
	return outdated(rules, r, clusters, offer, s.Now())
}

// outdatedNow is outdated with what DigitalOcean offered when it was last asked.
func (s *Service) outdatedNow(ctx context.Context, tx pgx.Tx, r portal.Request) (string, error) {
	offer, err := store.Offer(ctx, tx)
	if err != nil {
		return "", err
	}
	return s.outdated(ctx, tx, r, offer.Options)
}

// GrantOver says why a larger quota until a date can no longer be approved, or come.
const GrantOver = "The day until which the quota was to be larger is over."

// drift says how the inventory differs from what a request was planned for. A
// copy that is older than the plan says nothing about the target.
func drift(r portal.Request, clusters []portal.Cluster, older bool) string {
	switch {
	case r.Operation == portal.CreateCluster:
		return ""
	case r.Params.Raise != nil:
		return portal.Drift(r.Params.Target, operation.QuotaFacts(*r.Params.Raise, r.Team))
	}
	if len(clusters) < len(r.TargetIDs) {
		return "The cluster is gone already."
	}
	if r.Team.ID != "" && clusters[0].TeamID != r.Team.ID {
		return "The cluster belongs to another team now."
	}
	if older {
		return ""
	}
	if r.Operation == portal.ExtendLease {
		return "" // what it rests on is the lease, which carrying it out looks at
	}
	return portal.Drift(r.Params.Target, operation.Facts(r.Operation, r.Params, clusters))
}

// MakeStale moves a locked request to where it has to be planned again.
func MakeStale(ctx context.Context, tx pgx.Tx, r portal.Request, at time.Time, actor portal.Person, why string) error {
	return Move(ctx, tx, r, Step{
		Next: portal.Stale, Reason: why, At: at, Actor: actor, Kind: portal.EventStale,
		Summary: describe(r) + " is out of date: " + why,
	})
}

// Freshen finds the requests that wait and are out of date, so that people hear
// of it before they decide. A job calls it.
func (s *Service) Freshen(ctx context.Context) error {
	offer, err := store.Offer(ctx, s.Pool)
	if err != nil {
		return err
	}
	var errs []error
	for last := int64(0); ; {
		page, err := store.WaitingAfter(ctx, s.Pool, last, atOnce)
		if err != nil {
			return err
		}
		suspects, err := s.suspects(ctx, page, offer.Options)
		errs = append(errs, err, each(suspects, func(id string) error { return s.freshen(ctx, id, offer.Options) }))
		if len(page) < atOnce {
			return errors.Join(errs...)
		}
		last = page[len(page)-1].Number
	}
}

// suspects are the ids of those of the requests that seem to be out of date,
// found without locking the others.
func (s *Service) suspects(ctx context.Context, page []portal.Request, offer portal.Options) ([]string, error) {
	var ids []string
	for _, r := range page {
		ids = append(ids, r.TargetIDs...)
	}
	clusters, err := store.ClustersByID(ctx, s.Pool, ids)
	if err != nil {
		return nil, err
	}
	rules, err := s.Rules.InForce(ctx, s.Pool)
	if err != nil {
		return nil, err
	}
	var list []string
	var errs []error
	for _, r := range page {
		own := slices.DeleteFunc(slices.Clone(clusters), func(c portal.Cluster) bool { return !slices.Contains(r.TargetIDs, c.ID) })
		why, err := outdated(rules, r, own, offer, s.Now())
		if err != nil {
			errs = append(errs, fmt.Errorf("request %s: %w", r.ID, err))
		} else if why != "" {
			list = append(list, r.ID)
		}
	}
	return list, errors.Join(errs...)
}

// freshen makes a request stale, if it is out of date indeed.
func (s *Service) freshen(ctx context.Context, id string, offer portal.Options) error {
	return db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		r, err := store.LockRequest(ctx, tx, id)
		if err != nil || r.State != portal.Pending && r.State != portal.Approved {
			return err
		}
		why, err := s.outdated(ctx, tx, r, offer)
		if err != nil || why == "" {
			return err
		}
		return MakeStale(ctx, tx, r, s.Now(), clock, why)
	})
}
