package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

const leaseQuery = `SELECT l.cluster_id, l.until, l.request_id::text AS request_id, r.number, r.issuer, r.subject, r.requester_name,
	l.told, l.told_at, l.ended_at, l.outcome FROM leases l JOIN requests r ON r.id = l.request_id `

func readLease(row pgx.CollectableRow) (portal.Lease, error) {
	type lease struct {
		ClusterID, RequestID, Issuer, Subject, RequesterName, Outcome string
		Number                                                        int64
		Until                                                         time.Time
		Told                                                          int
		ToldAt, EndedAt                                               *time.Time
	}
	l, err := pgx.RowToStructByName[lease](row)
	return portal.Lease{
		ClusterID: l.ClusterID, Until: l.Until, RequestID: l.RequestID, Number: l.Number, By: person(l.Issuer, l.Subject, l.RequesterName),
		Told: l.Told, ToldAt: fromNull(l.ToldAt), EndedAt: fromNull(l.EndedAt), Outcome: l.Outcome,
	}, err
}

// Lease returns the lease of a cluster, also one that has ended, or KindNotFound.
func Lease(ctx context.Context, q Querier, clusterID string) (portal.Lease, error) {
	l, err := db.One(ctx, q, readLease, leaseQuery+`WHERE l.cluster_id = @cluster`, pgx.StrictNamedArgs{"cluster": clusterID})
	return l, named(err, "this cluster has no lease")
}

// LeasesUntil lists the leases of clusters that exist which end by the given time and
// of whose end nothing has come yet, those that end first first.
func LeasesUntil(ctx context.Context, q Querier, by time.Time, limit int) ([]portal.Lease, error) {
	return db.All(ctx, q, readLease, leaseQuery+`JOIN clusters c ON c.id = l.cluster_id AND c.gone_at IS NULL
		WHERE l.ended_at IS NULL AND l.until <= @by ORDER BY l.until, l.cluster_id LIMIT @limit`, pgx.StrictNamedArgs{"by": by, "limit": limit})
}

// SetLease gives a cluster a lease, instead of the one that it has. The caller has
// locked its team and the cluster.
func SetLease(ctx context.Context, tx pgx.Tx, l portal.Lease) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO leases (cluster_id, until, request_id, told, told_at, ended_at, outcome)
		VALUES (@cluster, @until, @request, @told, @told_at, @ended, @outcome)
		ON CONFLICT (cluster_id) DO UPDATE SET until = @until, request_id = @request, told = @told, told_at = @told_at, ended_at = @ended, outcome = @outcome`,
		pgx.StrictNamedArgs{"cluster": l.ClusterID, "until": l.Until, "request": l.RequestID, "told": l.Told, "told_at": db.OrNull(l.ToldAt),
			"ended": db.OrNull(l.EndedAt), "outcome": l.Outcome})
	return db.Wrap(err)
}

// DropLease has a cluster be kept until somebody deletes it. The caller has locked
// its team and the cluster.
func DropLease(ctx context.Context, tx pgx.Tx, clusterID string) error {
	_, err := tx.Exec(ctx, `DELETE FROM leases WHERE cluster_id = @cluster`, pgx.StrictNamedArgs{"cluster": clusterID})
	return db.Wrap(err)
}

// SubmissionAtHand reports whether the trail in the database still has that a request was
// submitted. It is archived a year later at the earliest.
func SubmissionAtHand(ctx context.Context, q Querier, requestID string) (bool, error) {
	return db.One(ctx, q, pgx.RowTo[bool], `SELECT EXISTS (SELECT FROM events WHERE request_id = @request AND kind = @kind)`,
		pgx.StrictNamedArgs{"request": requestID, "kind": portal.EventSubmitted})
}
