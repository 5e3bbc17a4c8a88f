package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

const requestColumns = `r.id, r.number, r.submit_key, r.operation, r.target_id, r.target_ids, r.target_name, r.params,
	r.justification, r.plan, r.digest, r.state, r.reason, r.result, r.issuer, r.subject, r.requester_name,
	r.created_at, r.updated_at, r.revision, r.planned_at, r.plan_key, r.form_hash, r.due_at, r.starts_at, r.judged, coalesce(r.team_id::text, ''), coalesce(slug, ''), coalesce(teams.name, ''),
	coalesce(member_group, ''), coalesce(approver_group, ''), coalesce(quota_nodes, 0),
	coalesce(quota_sizes, '{}'), coalesce(teams.version, 0), coalesce(teams.updated_at, 'epoch')`

const requestTables = ` FROM requests r LEFT JOIN teams ON teams.id = r.team_id `

func scanRequest(row pgx.CollectableRow) (portal.Request, error) {
	var r portal.Request
	var startsAt *time.Time
	fields := []any{&r.ID, &r.Number, &r.SubmitKey, &r.Operation, &r.TargetID, &r.TargetIDs, &r.TargetName, &r.Params,
		&r.Justification, &r.Plan, &r.Digest, &r.State, &r.Reason, &r.Result,
		&r.Requester.Issuer, &r.Requester.Subject, &r.Requester.Name, &r.CreatedAt, &r.UpdatedAt,
		&r.Revision, &r.PlannedAt, &r.PlanKey, &r.FormHash, &r.DueAt, &startsAt, &r.Judged}
	err := row.Scan(append(fields, teamFields(&r.Team)...)...)
	r.StartsAt = fromNull(startsAt)
	if len(r.TargetIDs) == 0 && r.TargetID != "" {
		r.TargetIDs = []string{r.TargetID} // kept by a replica of an earlier version
	}
	return r, err
}

// InsertRequest keeps a new request and returns its number. A second deletion
// of the same cluster, or a second request with the same key, gives an error
// of KindConflict.
func InsertRequest(ctx context.Context, tx pgx.Tx, r portal.Request) (int64, error) {
	var number int64
	err := tx.QueryRow(ctx, `INSERT INTO requests (id, submit_key, team_id, operation, target_id, target_name,
			params, justification, plan, digest, state, reason, issuer, subject, requester_name, created_at, updated_at, target_ids,
			revision, planned_at, due_at, starts_at, judged, approver_groups, form_hash)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $16, $17, $18, $19, $20, $21, $22, $23, $24)
		RETURNING number`,
		r.ID, r.SubmitKey, db.OrNull(r.Team.ID), r.Operation, r.TargetID, r.TargetName, r.Params, r.Justification, r.Plan,
		r.Digest, r.State, r.Reason, r.Requester.Issuer, r.Requester.Subject, r.Requester.Name, r.CreatedAt, notNil(r.TargetIDs),
		r.Revision, r.PlannedAt, r.DueAt, db.OrNull(r.StartsAt), r.Judged, notNil(r.Plan.Verdict.Groups()), r.FormHash).Scan(&number)
	return number, onlyDeletion(err)
}

func onlyDeletion(err error) error {
	if db.IsUnique(err, "requests_one_deletion") {
		return portal.E(portal.KindConflict, "a deletion of this cluster is under way already", err)
	}
	return db.Wrap(err)
}

// Revise replaces the plan of a request, as it was read and locked, by that of
// its next revision, and keeps the one before. Errors are those of
// InsertRequest.
func Revise(ctx context.Context, tx pgx.Tx, before, after portal.Request) error {
	_, err := tx.Exec(ctx, `INSERT INTO request_revisions (request_id, revision, params, plan, digest, justification, reason, planned_at, ended_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		before.ID, before.Revision, before.Params, before.Plan, before.Digest, before.Justification, before.Reason, before.PlannedAt, after.PlannedAt)
	if err != nil {
		return db.Wrap(err)
	}
	tag, err := tx.Exec(ctx, `UPDATE requests SET target_name = $3, target_ids = $4, params = $5, justification = $6, plan = $7, digest = $8,
			state = $9, reason = '', revision = $2 + 1, planned_at = $10, updated_at = $10, due_at = $11, starts_at = $12,
			warned_at = NULL, judged = $13, approver_groups = $14, target_id = $15, operation = $16, plan_key = $17
		WHERE id = $1 AND revision = $2`,
		before.ID, before.Revision, after.TargetName, notNil(after.TargetIDs), after.Params, after.Justification, after.Plan, after.Digest,
		after.State, after.PlannedAt, after.DueAt, db.OrNull(after.StartsAt), after.Judged, notNil(after.Plan.Verdict.Groups()), after.TargetID, after.Operation, after.PlanKey)
	if err != nil {
		return onlyDeletion(err)
	}
	return expectOne(tag.RowsAffected(), nil)
}

// Revisions lists the earlier plans of a request, oldest first.
func Revisions(ctx context.Context, q Querier, requestID string) ([]portal.Revision, error) {
	rows, err := q.Query(ctx, `SELECT revision, plan ->> 'summary', digest, justification, reason, planned_at
		FROM request_revisions WHERE request_id = $1 ORDER BY revision`, requestID)
	if err != nil {
		return nil, db.Wrap(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[portal.Revision])
	return list, db.Wrap(err)
}

// SetTimes says from when on an approved request is carried out, and when it is
// out of date.
func SetTimes(ctx context.Context, tx pgx.Tx, id string, startsAt, dueAt time.Time) error {
	_, err := tx.Exec(ctx, `UPDATE requests SET starts_at = $2, due_at = $3 WHERE id = $1`, id, startsAt, dueAt)
	return db.Wrap(err)
}

// RequestByNumber returns a request with its reviews and attempts, or an error
// of KindNotFound.
func RequestByNumber(ctx context.Context, q Querier, number int64) (portal.Request, error) {
	return oneRequest(ctx, q, `WHERE r.number = $1`, number)
}

// RequestByID is RequestByNumber for the UUID.
func RequestByID(ctx context.Context, q Querier, id string) (portal.Request, error) {
	return oneRequest(ctx, q, `WHERE r.id = $1`, id)
}

// RequestBySubmitKey returns the request that a person submitted with a form
// made with key, or an error of KindNotFound.
func RequestBySubmitKey(ctx context.Context, q Querier, who portal.Identity, key string) (portal.Request, error) {
	return oneRequest(ctx, q, `WHERE r.issuer = $1 AND r.subject = $2 AND r.submit_key = $3`, who.Issuer, who.Subject, key)
}

// LockRequest returns a request and keeps others from changing it until tx ends.
func LockRequest(ctx context.Context, tx pgx.Tx, id string) (portal.Request, error) {
	return oneRequest(ctx, tx, `WHERE r.id = $1 FOR UPDATE OF r`, id)
}

// LockRequestByNumber is LockRequest for the number.
func LockRequestByNumber(ctx context.Context, tx pgx.Tx, number int64) (portal.Request, error) {
	return oneRequest(ctx, tx, `WHERE r.number = $1 FOR UPDATE OF r`, number)
}

func oneRequest(ctx context.Context, q Querier, where string, args ...any) (portal.Request, error) {
	rows, err := q.Query(ctx, `SELECT `+requestColumns+requestTables+where, args...)
	if err != nil {
		return portal.Request{}, db.Wrap(err)
	}
	r, err := pgx.CollectExactlyOneRow(rows, scanRequest)
	if errors.Is(err, pgx.ErrNoRows) {
		return r, portal.E(portal.KindNotFound, "there is no such request", err)
	}
	if err != nil {
		return r, db.Wrap(err)
	}
	if r.Reviews, err = reviews(ctx, q, r.ID); err != nil {
		return r, err
	}
	if r.BreakGlasses, err = breakGlasses(ctx, q, r.ID); err != nil {
		return r, err
	}
	r.Attempts, err = attempts(ctx, q, r.ID)
	return r, err
}

// RequestFilter narrows a list of requests. Empty members match all.
type RequestFilter struct {
	All       bool     // of every team
	TeamIDs   []string // of these teams, unless All
	State     portal.State
	Requester portal.Identity
	TargetID  string
	Operation portal.OperationID
	Reviewed  portal.Identity // who has decided on them
	Groups    []string        // besides TeamIDs: whose members may decide on them
	Before    int64           // number of the last request of the previous page
	Limit     int
}

// Requests lists requests, newest first, without reviews and attempts.
func Requests(ctx context.Context, q Querier, f RequestFilter) ([]portal.Request, error) {
	rows, err := q.Query(ctx, `SELECT `+requestColumns+requestTables+`
		WHERE ($1 OR r.team_id = ANY($2::uuid[]) OR r.approver_groups && $10) AND ($3 = '' OR r.state = $3)
			AND ($4 = '' OR (r.issuer = $4 AND r.subject = $5)) AND ($6 = '' OR r.target_ids @> ARRAY[$6])
			AND ($7::bigint = 0 OR r.number < $7) AND ($8 = '' OR r.operation = $8)
			AND ($11 = '' OR EXISTS (SELECT FROM reviews v WHERE v.request_id = r.id AND v.issuer = $11 AND v.subject = $12))
		ORDER BY r.number DESC LIMIT $9`,
		f.All, f.TeamIDs, f.State, f.Requester.Issuer, f.Requester.Subject, f.TargetID, f.Before, f.Operation, f.Limit,
		notNil(f.Groups), f.Reviewed.Issuer, f.Reviewed.Subject)
	if err != nil {
		return nil, db.Wrap(err)
	}
	requests, err := pgx.CollectRows(rows, scanRequest)
	return requests, db.Wrap(err)
}

// RequestIDsSince returns the ids of requests in a state since before the
// given time, oldest first.
func RequestIDsSince(ctx context.Context, q Querier, s portal.State, before time.Time, limit int) ([]string, error) {
	return requestIDs(ctx, q, `WHERE state = $1 AND updated_at < $2 ORDER BY number LIMIT $3`, s, before, limit)
}

func requestIDs(ctx context.Context, q Querier, where string, args ...any) ([]string, error) {
	rows, err := q.Query(ctx, `SELECT id::text FROM requests `+where, args...)
	if err != nil {
		return nil, db.Wrap(err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return ids, db.Wrap(err)
}

// DueBefore returns the ids of requests in a state that are due before the
// given time, the most overdue first.
func DueBefore(ctx context.Context, q Querier, s portal.State, before time.Time, limit int) ([]string, error) {
	return requestIDs(ctx, q, `WHERE state = $1 AND due_at < $2 ORDER BY due_at LIMIT $3`, s, before, limit)
}

// ExpiringAt returns the ids of pending requests that have used three quarters
// of the time that they wait at the most, and have not said so yet.
func ExpiringAt(ctx context.Context, q Querier, now time.Time, limit int) ([]string, error) {
	return requestIDs(ctx, q, `WHERE state = 'pending' AND warned_at IS NULL
		AND $1 > due_at - (due_at - planned_at) / 4 ORDER BY due_at LIMIT $2`, now, limit)
}

// SetWarned notes that a request has said that it expires soon.
func SetWarned(ctx context.Context, tx pgx.Tx, id string, now time.Time) error {
	_, err := tx.Exec(ctx, `UPDATE requests SET warned_at = $2 WHERE id = $1`, id, now)
	return db.Wrap(err)
}

// waiting finds the requests that wait for a decision or to be carried out.
const waiting = `state IN ('pending', 'approved')`

// WaitingAfter lists the requests that wait for a decision or to be carried out
// and whose number is above the given one, by number, without reviews and
// attempts.
func WaitingAfter(ctx context.Context, q Querier, number int64, limit int) ([]portal.Request, error) {
	rows, err := q.Query(ctx, `SELECT `+requestColumns+requestTables+`WHERE r.`+waiting+` AND r.number > $1 ORDER BY r.number LIMIT $2`, number, limit)
	if err != nil {
		return nil, db.Wrap(err)
	}
	list, err := pgx.CollectRows(rows, scanRequest)
	return list, db.Wrap(err)
}

// WaitingCount is how many requests wait, counted to a limit.
func WaitingCount(ctx context.Context, q Querier, limit int) (int, error) {
	var n int
	err := q.QueryRow(ctx, `SELECT count(*) FROM (SELECT FROM requests WHERE `+waiting+` LIMIT $1) counted`, limit).Scan(&n)
	return n, db.Wrap(err)
}

// Requester returns who asked for a request.
func Requester(ctx context.Context, q Querier, id string) (portal.Identity, error) {
	var who portal.Identity
	err := q.QueryRow(ctx, `SELECT issuer, subject FROM requests WHERE id = $1`, id).Scan(&who.Issuer, &who.Subject)
	return who, db.Wrap(err)
}

// UnfinishedAfter returns the ids of requests that are being carried out, or may
// be at the given time, and whose number is above the given one, with the last
// number. What hands out a secret waits for its requester.
func UnfinishedAfter(ctx context.Context, q Querier, number int64, now time.Time, limit int) (ids []string, last int64, err error) {
	rows, err := q.Query(ctx, `SELECT id::text, number FROM requests
		WHERE (state IN ('executing', 'unknown', 'settling') OR state = 'approved' AND starts_at <= $3
			AND operation NOT IN ('get_kubeconfig', 'get_credentials'))
		AND number > $1 ORDER BY number LIMIT $2`, number, limit, now)
	if err != nil {
		return nil, 0, db.Wrap(err)
	}
	var id string
	_, err = pgx.ForEachRow(rows, []any{&id, &last}, func() error {
		ids = append(ids, id)
		return nil
	})
	return ids, last, db.Wrap(err)
}

// SetState moves a request, as it was read, to its next state. It refuses a
// move that the state machine does not know and one from a state that the
// request has left meanwhile (KindConflict).
func SetState(ctx context.Context, tx pgx.Tx, r portal.Request, next portal.State, reason string, now time.Time) error {
	if !r.State.CanBecome(next) {
		return portal.E(portal.KindConflict, "a request that is "+string(r.State)+" cannot become "+string(next))
	}
	tag, err := tx.Exec(ctx, `UPDATE requests SET state = $3, reason = $4, updated_at = $5
		WHERE id = $1 AND state = $2 AND revision = $6`, r.ID, r.State, next, reason, now, r.Revision)
	return expectOne(tag.RowsAffected(), err)
}

// SetReason says more about the state that a request stays in.
func SetReason(ctx context.Context, tx pgx.Tx, r portal.Request, reason string) error {
	tag, err := tx.Exec(ctx, `UPDATE requests SET reason = $3 WHERE id = $1 AND state = $2 AND revision = $4`, r.ID, r.State, reason, r.Revision)
	return expectOne(tag.RowsAffected(), err)
}

// SetTarget records the id of the cluster that a create made.
func SetTarget(ctx context.Context, tx pgx.Tx, requestID, clusterID string) error {
	_, err := tx.Exec(ctx, `UPDATE requests SET target_id = $2, target_ids = ARRAY[$2] WHERE id = $1`, requestID, clusterID)
	return db.Wrap(err)
}

// SetResult records the id of what DigitalOcean made for a request.
func SetResult(ctx context.Context, tx pgx.Tx, requestID, result string) error {
	_, err := tx.Exec(ctx, `UPDATE requests SET result = $2 WHERE id = $1`, requestID, result)
	return db.Wrap(err)
}

// Busy returns the number of another request that is changing one of r's
// clusters now, or has ended since they were looked at; 0 when there is none.
// Only those for the given operations count.
func Busy(ctx context.Context, tx pgx.Tx, r portal.Request, operations []portal.OperationID, lookedAt time.Time) (int64, error) {
	var number int64
	err := tx.QueryRow(ctx, `SELECT coalesce(min(number), 0) FROM requests
		WHERE target_ids && $1 AND id <> $2 AND operation = ANY($3)
			AND (state IN ('executing', 'settling', 'unknown') OR state IN ('succeeded', 'failed') AND updated_at >= $4)`,
		notNil(r.TargetIDs), r.ID, operations, lookedAt).Scan(&number)
	return number, db.Wrap(err)
}

func expectOne(affected int64, err error) error {
	if err == nil && affected != 1 {
		return portal.E(portal.KindConflict, "this request has moved on meanwhile")
	}
	return db.Wrap(err)
}
