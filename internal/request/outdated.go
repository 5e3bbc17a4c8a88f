package request

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/policy"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// outdated says why a request is no longer what would happen, or what the
// policy asks for, as far as the portal's own copy tells; empty when it is.
// What only DigitalOcean knows is looked at before it is carried out.
func (s *Service) outdated(ctx context.Context, tx pgx.Tx, r portal.Request) (string, error) {
	clusters, err := store.ClustersByID(ctx, tx, r.TargetIDs)
	if err != nil {
		return "", err
	}
	if drift := drift(r, clusters); drift != "" {
		return drift, nil
	}
	rules, err := s.Rules.InForce(ctx, tx)
	if err != nil {
		return "", err
	}
	return Rejudge(rules, r, func(in *policy.Input) { renewTarget(in, r, clusters) })
}

// drift says how the inventory differs from what a request was planned for.
func drift(r portal.Request, clusters []portal.Cluster) string {
	if r.Operation == portal.CreateCluster {
		return ""
	}
	if len(clusters) < len(r.TargetIDs) {
		return "The cluster is gone already."
	}
	if r.Team.ID != "" && clusters[0].TeamID != r.Team.ID {
		return "The cluster belongs to another team now."
	}
	for _, c := range clusters {
		if c.SeenAt.Before(r.PlannedAt) {
			return "" // the copy is older than what the request was planned with
		}
	}
	return portal.Drift(r.Params.Target, Facts(r.Operation, r.Params, clusters))
}

// Renew puts what may have changed since a request was planned into what the
// policy judges it by: its requester, its team and clusters as the portal keeps
// them, and the quota, unless the request takes none.
func Renew(in *policy.Input, r portal.Request, requester portal.Actor, clusters []portal.Cluster, q portal.QuotaEffect) {
	in.Actor = actorInput(requester)
	renewTarget(in, r, clusters)
	if len(q.Lines) > 0 {
		in.Quota = quotaInput(q)
	}
}

func renewTarget(in *policy.Input, r portal.Request, clusters []portal.Cluster) {
	in.Team = teamInput(r.Team)
	if r.Team.ID != "" && len(clusters) == 1 && r.Operation != portal.CreateCluster {
		in.Cluster.Environment, in.Cluster.Protected = guarded(clusters[0].Environment), clusters[0].Protected
	}
}

func (s *Service) makeStale(ctx context.Context, tx pgx.Tx, r portal.Request, actor portal.Person, why string) error {
	return Move(ctx, tx, r, Step{
		Next: portal.Stale, Reason: why, At: s.Now(), Actor: actor, Kind: portal.EventStale,
		Summary: describe(r) + " is out of date: " + why,
	})
}

// Freshen finds the requests that wait and are out of date, so that people hear
// of it before they decide. A job calls it.
func (s *Service) Freshen(ctx context.Context) error {
	var errs []error
	for last := int64(0); ; {
		ids, next, err := store.WaitingAfter(ctx, s.Pool, last, atOnce)
		if err != nil {
			return err
		}
		errs = append(errs, each(ids, func(id string) error { return s.freshen(ctx, id) }))
		if len(ids) < atOnce {
			return errors.Join(errs...)
		}
		last = next
	}
}

func (s *Service) freshen(ctx context.Context, id string) error {
	return db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		r, err := store.LockRequest(ctx, tx, id)
		if err != nil || r.State != portal.Pending && r.State != portal.Approved {
			return err
		}
		why, err := s.outdated(ctx, tx, r)
		if err != nil || why == "" {
			return err
		}
		return s.makeStale(ctx, tx, r, clock, why)
	})
}
