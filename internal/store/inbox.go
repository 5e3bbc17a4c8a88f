package store

import (
	"context"
	"strconv"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// toDecide finds the requests that wait for the decision of a person with
// certain groups: $1 issuer, $2 subject, $3 groups.
const toDecide = `r.state = 'pending' AND r.approver_groups && $3::text[] AND NOT (r.issuer = $1 AND r.subject = $2)
	AND NOT EXISTS (SELECT FROM reviews v WHERE v.request_id = r.id AND v.revision = r.revision AND v.issuer = $1 AND v.subject = $2)`

// toReview finds the requests that were carried out without approvals and wait
// for the review of a person: $1 issuer, $2 subject, $3 groups, $4 whether they
// are an admin.
const toReview = `($4 OR r.approver_groups && $3::text[]) AND NOT (r.issuer = $1 AND r.subject = $2)
	AND EXISTS (SELECT FROM break_glasses g WHERE g.request_id = r.id AND g.reviewed_at IS NULL AND NOT (g.issuer = $1 AND g.subject = $2))`

// toAct finds what a person asked for that waits for themselves: to be
// collected, or to be planned anew.
const toAct = `r.issuer = $1 AND r.subject = $2 AND (r.state = 'stale'
	OR r.state = 'approved' AND r.operation IN ('get_kubeconfig', 'get_credentials'))`

// ToDecide lists the requests that wait for a's decision, oldest first.
func ToDecide(ctx context.Context, q Querier, a portal.Actor, limit int) ([]portal.Request, error) {
	return inbox(ctx, q, toDecide, limit, a.Issuer, a.Subject, notNil(a.Groups))
}

// ToReview lists the requests that were carried out without approvals and wait
// for a's review, oldest first.
func ToReview(ctx context.Context, q Querier, a portal.Actor, limit int) ([]portal.Request, error) {
	return inbox(ctx, q, toReview, limit, a.Issuer, a.Subject, notNil(a.Groups), a.HasRole(portal.RoleAdmin))
}

// ToAct lists what a asked for that waits for themselves, oldest first.
func ToAct(ctx context.Context, q Querier, a portal.Actor, limit int) ([]portal.Request, error) {
	return inbox(ctx, q, toAct, limit, a.Issuer, a.Subject)
}

func inbox(ctx context.Context, q Querier, where string, limit int, args ...any) ([]portal.Request, error) {
	rows, err := q.Query(ctx, `SELECT `+requestColumns+requestTables+`WHERE `+where+`
		ORDER BY r.number LIMIT `+strconv.Itoa(limit), args...)
	if err != nil {
		return nil, db.Wrap(err)
	}
	list, err := pgx.CollectRows(rows, scanRequest)
	return list, db.Wrap(err)
}

// InboxCount is how many requests wait for a, counted to a limit.
func InboxCount(ctx context.Context, q Querier, a portal.Actor, limit int) (int, error) {
	var n int
	err := q.QueryRow(ctx, `SELECT count(*) FROM (
			SELECT FROM requests r WHERE `+toDecide+`
			UNION ALL SELECT FROM requests r WHERE `+toReview+`
			UNION ALL SELECT FROM requests r WHERE `+toAct+`
		LIMIT $5) waiting`, a.Issuer, a.Subject, notNil(a.Groups), a.HasRole(portal.RoleAdmin), limit).Scan(&n)
	return n, db.Wrap(err)
}

// OpenOn lists the requests that are not at an end and concern one of the
// clusters, but for one by its id, oldest first.
func OpenOn(ctx context.Context, q Querier, clusterIDs []string, except string) ([]portal.Request, error) {
	const most = 50
	rows, err := q.Query(ctx, `SELECT `+requestColumns+requestTables+`
		WHERE r.target_ids && $1 AND r.id::text <> $2 AND r.state IN ('pending', 'approved', 'executing', 'settling', 'unknown')
		ORDER BY r.number LIMIT $3`, notNil(clusterIDs), except, most)
	if err != nil {
		return nil, db.Wrap(err)
	}
	list, err := pgx.CollectRows(rows, scanRequest)
	return list, db.Wrap(err)
}
