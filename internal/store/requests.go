package store

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

const requestColumns = shownColumns + `, r.submit_key, r.params, r.plan, r.plan_key, r.form_hash, r.judged`

// listColumns are what lists show of a request, however large it is: of the plan
// what the column listed keeps.
const listColumns = shownColumns + `, r.listed`

const shownColumns = `r.id, r.number, r.operation, r.target_id, r.target_ids, r.target_name,
	r.justification, r.digest, r.state, r.reason, r.result, coalesce(r.progress, '{}') AS progress, r.issuer, r.subject, r.requester_name,
	r.created_at, r.updated_at, r.revision, r.planned_at, r.due_at, r.starts_at AS starts, r.reminded_at AS reminded, r.released_at AS released,
	coalesce(r.campaign_id::text, '') AS campaign_id, r.campaign_wave, coalesce((SELECT k.number FROM campaigns k WHERE k.id = r.campaign_id), 0) AS campaign_number,
	coalesce(r.team_id::text, '') AS team_id, coalesce(t.slug, '') AS team_slug, coalesce(t.name, '') AS team_name,
	coalesce(t.member_group, '') AS member_group, coalesce(t.approver_group, '') AS approver_group,
	coalesce(t.quota, '{}') AS quota,
	coalesce(t.version, 0) AS team_version, coalesce(t.updated_at, 'epoch') AS team_updated_at`

const requestTables = ` FROM requests r LEFT JOIN teams t ON t.id = r.team_id `

// requestRow is a request as requestColumns has it, or listColumns.
type requestRow struct {
	portal.Request
	Listed                                                 portal.Plan
	Issuer, Subject, RequesterName                         string
	Starts, Reminded, Released                             *time.Time
	CampaignID                                             string
	CampaignWave                                           int
	CampaignNumber                                         int64
	TeamID, TeamSlug, TeamName, MemberGroup, ApproverGroup string
	Quota                                                  portal.Quota
	TeamVersion                                            int
	TeamUpdatedAt                                          time.Time
}

func readRequest(row pgx.CollectableRow) (portal.Request, error) {
	got, err := pgx.RowToStructByNameLax[requestRow](row)
	return got.request(), err
}

// readListed reads a row of a list.
func readListed(row pgx.CollectableRow) (portal.Request, error) {
	got, err := pgx.RowToStructByNameLax[requestRow](row)
	got.Plan = got.Listed
	return got.request(), err
}

func (got requestRow) request() portal.Request {
	r := got.Request
	r.Requester, r.StartsAt = person(got.Issuer, got.Subject, got.RequesterName), fromNull(got.Starts)
	r.RemindedAt, r.ReleasedAt = fromNull(got.Reminded), fromNull(got.Released)
	if r.Params.Campaign == nil && got.CampaignID != "" { // a list leaves out the parameters
		r.Params.Campaign = &portal.CampaignMember{ID: got.CampaignID, Wave: got.CampaignWave}
	}
	if r.Params.Campaign != nil {
		r.Params.Campaign.Number = got.CampaignNumber
	}
	r.Team = portal.Team{ID: got.TeamID, Slug: got.TeamSlug, Name: got.TeamName, MemberGroup: got.MemberGroup, ApproverGroup: got.ApproverGroup,
		Quota: got.Quota, Version: got.TeamVersion, UpdatedAt: got.TeamUpdatedAt}
	if len(r.TargetIDs) == 0 && r.TargetID != "" {
		r.TargetIDs = []string{r.TargetID} // kept by a replica of an earlier version
	}
	return r
}

// InsertRequest keeps a new request and returns its number. A second deletion
// of the same cluster, or a second request with the same key, gives an error
// of KindConflict.
func InsertRequest(ctx context.Context, tx pgx.Tx, r portal.Request) (int64, error) {
	var member portal.CampaignMember
	if r.Params.Campaign != nil {
		member = *r.Params.Campaign
	}
	number, err := db.One(ctx, tx, pgx.RowTo[int64], `
		INSERT INTO requests (id, submit_key, team_id, operation, target_id, target_name, params, justification, plan, digest,
			state, reason, issuer, subject, requester_name, created_at, updated_at, target_ids,
			revision, planned_at, due_at, starts_at, judged, approver_groups, form_hash, campaign_id, campaign_wave)
		VALUES (@id, @submit_key, @team, @operation, @target, @target_name, @params, @justification, @plan, @digest,
			@state, @reason, @issuer, @subject, @requester, @created, @created, @targets,
			@revision, @planned, @due, @starts, @judged, @approvers, @form_hash, nullif(@campaign, '')::uuid, @wave)
		RETURNING number`,
		pgx.StrictNamedArgs{"id": r.ID, "submit_key": r.SubmitKey, "team": db.OrNull(r.Team.ID), "operation": r.Operation,
			"target": r.TargetID, "target_name": r.TargetName, "params": r.Params, "justification": r.Justification,
			"plan": r.Plan, "digest": r.Digest, "state": r.State, "reason": r.Reason,
			"issuer": r.Requester.Issuer, "subject": r.Requester.Subject, "requester": r.Requester.Name,
			"created": r.CreatedAt, "targets": notNil(r.TargetIDs), "revision": r.Revision, "planned": r.PlannedAt, "due": r.DueAt,
			"starts": db.OrNull(r.StartsAt), "judged": r.Judged, "approvers": notNil(r.Plan.Verdict.Groups()), "form_hash": r.FormHash, "campaign": member.ID, "wave": member.Wave})
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
	_, err := tx.Exec(ctx, `
		INSERT INTO request_revisions (request_id, revision, params, plan, digest, justification, reason, planned_at, ended_at)
		VALUES (@id, @revision, @params, @plan, @digest, @justification, @reason, @planned, @ended)`,
		pgx.StrictNamedArgs{"id": before.ID, "revision": before.Revision, "params": before.Params, "plan": before.Plan, "digest": before.Digest,
			"justification": before.Justification, "reason": before.Reason, "planned": before.PlannedAt, "ended": after.PlannedAt})
	if err != nil {
		return db.Wrap(err)
	}
	tag, err := tx.Exec(ctx, `
		UPDATE requests SET operation = @operation, target_id = @target, target_ids = @targets, target_name = @target_name,
			params = @params, justification = @justification, plan = @plan, digest = @digest, state = @state, reason = '',
			revision = @revision + 1, planned_at = @planned, reminded_at = NULL, updated_at = @planned, due_at = @due, starts_at = @starts,
			warned_at = NULL, released_at = NULL, judged = @judged, approver_groups = @approvers, plan_key = @plan_key
		WHERE id = @id AND revision = @revision`,
		pgx.StrictNamedArgs{"id": before.ID, "revision": before.Revision, "operation": after.Operation, "target": after.TargetID,
			"targets": notNil(after.TargetIDs), "target_name": after.TargetName, "params": after.Params, "justification": after.Justification,
			"plan": after.Plan, "digest": after.Digest, "state": after.State, "planned": after.PlannedAt, "due": after.DueAt,
			"starts": db.OrNull(after.StartsAt), "judged": after.Judged, "approvers": notNil(after.Plan.Verdict.Groups()), "plan_key": after.PlanKey})
	if err != nil {
		return onlyDeletion(err)
	}
	return expectOne(tag.RowsAffected(), nil)
}

// Revisions lists the last few of the earlier plans of a request, oldest first.
func Revisions(ctx context.Context, q Querier, requestID string) ([]portal.Revision, error) {
	const few = 10
	list, err := db.All(ctx, q, pgx.RowToStructByName[portal.Revision], `
		SELECT revision AS number, plan ->> 'summary' AS summary, coalesce(nullif(plan -> 'changes', 'null'), '[]') AS changes, digest, justification, reason, planned_at
		FROM request_revisions WHERE request_id = @id ORDER BY revision DESC LIMIT @few`, pgx.StrictNamedArgs{"id": requestID, "few": few})
	slices.Reverse(list)
	return list, err
}

// DigestOfRevision is that of the plan of a revision of a request, the newest or another.
func DigestOfRevision(ctx context.Context, q Querier, requestID string, revision int) (string, error) {
	return db.One(ctx, q, pgx.RowTo[string], `
		SELECT digest FROM requests WHERE id = @id AND revision = @revision
		UNION ALL SELECT digest FROM request_revisions WHERE request_id = @id AND revision = @revision LIMIT 1`, pgx.StrictNamedArgs{"id": requestID, "revision": revision})
}

// CaseRevisions lists the newest of the plans of a request, whole, oldest first, the
// last being the one that counts.
func CaseRevisions(ctx context.Context, q Querier, r portal.Request, limit int) ([]portal.CaseRevision, error) {
	list, err := db.All(ctx, q, pgx.RowToStructByName[portal.CaseRevision], `
		SELECT revision AS number, plan, digest, justification, reason, planned_at
		FROM request_revisions WHERE request_id = @id ORDER BY revision DESC LIMIT @limit`, pgx.StrictNamedArgs{"id": r.ID, "limit": limit - 1})
	slices.Reverse(list)
	return append(list, portal.CaseRevision{Number: r.Revision, Plan: r.Plan, Digest: r.Digest, Justification: r.Justification, PlannedAt: r.PlannedAt}), err
}

// SetTimes says from when on an approved request is carried out, and when it is
// out of date.
func SetTimes(ctx context.Context, tx pgx.Tx, id string, startsAt, dueAt time.Time) error {
	_, err := tx.Exec(ctx, `UPDATE requests SET starts_at = @starts, due_at = @due WHERE id = @id`,
		pgx.StrictNamedArgs{"id": id, "starts": startsAt, "due": dueAt})
	return db.Wrap(err)
}

// RequestByNumber returns a request with its reviews and attempts, or an error
// of KindNotFound.
func RequestByNumber(ctx context.Context, q Querier, number int64) (portal.Request, error) {
	return oneRequest(ctx, q, `WHERE r.number = @number`, pgx.StrictNamedArgs{"number": number})
}

// RequestByID is RequestByNumber for the UUID.
func RequestByID(ctx context.Context, q Querier, id string) (portal.Request, error) {
	return oneRequest(ctx, q, `WHERE r.id = @id`, pgx.StrictNamedArgs{"id": id})
}

// RequestBySubmitKey returns the request that a person submitted with a form
// made with key, or an error of KindNotFound.
func RequestBySubmitKey(ctx context.Context, q Querier, who portal.Identity, key string) (portal.Request, error) {
	return oneRequest(ctx, q, `WHERE r.issuer = @issuer AND r.subject = @subject AND r.submit_key = @key`,
		pgx.StrictNamedArgs{"issuer": who.Issuer, "subject": who.Subject, "key": key})
}

// LockRequest returns a request and keeps others from changing it until tx ends.
func LockRequest(ctx context.Context, tx pgx.Tx, id string) (portal.Request, error) {
	return oneRequest(ctx, tx, `WHERE r.id = @id FOR UPDATE OF r`, pgx.StrictNamedArgs{"id": id})
}

// LockRequestByNumber is LockRequest for the number.
func LockRequestByNumber(ctx context.Context, tx pgx.Tx, number int64) (portal.Request, error) {
	return oneRequest(ctx, tx, `WHERE r.number = @number FOR UPDATE OF r`, pgx.StrictNamedArgs{"number": number})
}

func oneRequest(ctx context.Context, q Querier, where string, args pgx.StrictNamedArgs) (portal.Request, error) {
	r, err := db.One(ctx, q, readRequest, `SELECT `+requestColumns+requestTables+where, args)
	if err != nil {
		return r, named(err, "there is no such request")
	}
	if r.Reviews, err = reviews(ctx, q, r.ID); err != nil {
		return r, err
	}
	if r.BreakGlasses, err = breakGlasses(ctx, q, r.ID); err != nil {
		return r, err
	}
	one := []portal.Request{r}
	err = addAttempts(ctx, q, one)
	return one[0], err
}

// RequestFilter narrows a list of requests. Empty members match all.
type RequestFilter struct {
	All       bool     // of every team
	TeamIDs   []string // of these teams, unless All
	State     portal.State
	Open      bool // not at an end
	Requester portal.Identity
	TargetID  string
	Name      string // how the name that they are about begins
	Operation portal.OperationID
	Reviewed  portal.Identity // who has decided on them
	Groups    []string        // besides TeamIDs: whose members may decide on them
	Before    int64           // number of the last request of the previous page
	Limit     int
}

// Requests lists requests, newest first, with their reviews and without attempts.
// Like every list of this package it leaves out the parameters, what the policy
// judged by, and of the plan all but verdict, summary and what the list shows.
func Requests(ctx context.Context, q Querier, f RequestFilter) ([]portal.Request, error) {
	return withReviews(ctx, q, `SELECT `+listColumns+requestTables+`
		WHERE (@all OR r.team_id = ANY(@teams::uuid[]) OR r.approver_groups && @groups) AND (@state = '' OR r.state = @state)
			AND (NOT @open OR r.state = ANY(@unended)) AND (@name = '' OR lower(r.target_name) LIKE lower(@name) || '%')
			AND (@issuer = '' OR (r.issuer = @issuer AND r.subject = @subject)) AND (@target = '' OR r.target_ids @> ARRAY[@target])
			AND (@before::bigint = 0 OR r.number < @before) AND (@operation = '' OR r.operation = @operation)
			AND (@reviewer_issuer = '' OR EXISTS (SELECT FROM reviews v
				WHERE v.request_id = r.id AND v.issuer = @reviewer_issuer AND v.subject = @reviewer_subject))
		ORDER BY r.number DESC LIMIT @limit`,
		pgx.StrictNamedArgs{"all": f.All, "teams": f.TeamIDs, "groups": notNil(f.Groups), "state": f.State,
			"open": f.Open, "unended": unended, "name": likeText(f.Name),
			"issuer": f.Requester.Issuer, "subject": f.Requester.Subject, "target": f.TargetID, "before": f.Before, "operation": f.Operation,
			"reviewer_issuer": f.Reviewed.Issuer, "reviewer_subject": f.Reviewed.Subject, "limit": f.Limit})
}

// RequestIDsSince returns the ids of requests in a state since before the
// given time, oldest first.
func RequestIDsSince(ctx context.Context, q Querier, s portal.State, before time.Time, limit int) ([]string, error) {
	return db.All(ctx, q, pgx.RowTo[string], `
		SELECT id::text FROM requests WHERE state = @state AND updated_at < @before ORDER BY number LIMIT @limit`,
		pgx.StrictNamedArgs{"state": s, "before": before, "limit": limit})
}

// DueBefore returns the ids of requests in a state that are due before the
// given time, the most overdue first.
func DueBefore(ctx context.Context, q Querier, s portal.State, before time.Time, limit int) ([]string, error) {
	return db.All(ctx, q, pgx.RowTo[string], `
		SELECT id::text FROM requests WHERE state IN `+literals(s)+` AND due_at < @before ORDER BY due_at LIMIT @limit`,
		pgx.StrictNamedArgs{"before": before, "limit": limit})
}

// ExpiringAt returns the ids of pending requests that have used three quarters
// of the time that they wait at the most, and have not said so yet.
func ExpiringAt(ctx context.Context, q Querier, now time.Time, limit int) ([]string, error) {
	return db.All(ctx, q, pgx.RowTo[string], `
		SELECT id::text FROM requests WHERE state IN `+literals(portal.Pending)+` AND warned_at IS NULL
			AND @now > due_at - (due_at - planned_at) / 4 ORDER BY due_at LIMIT @limit`,
		pgx.StrictNamedArgs{"now": now, "limit": limit})
}

// SetWarned notes that a request has said that it expires soon.
func SetWarned(ctx context.Context, tx pgx.Tx, id string, now time.Time) error {
	_, err := tx.Exec(ctx, `UPDATE requests SET warned_at = @now WHERE id = @id`, pgx.StrictNamedArgs{"id": id, "now": now})
	return db.Wrap(err)
}

// SetReminded notes when those who can decide on a request were reminded of it.
func SetReminded(ctx context.Context, tx pgx.Tx, id string, now time.Time) error {
	_, err := tx.Exec(ctx, `UPDATE requests SET reminded_at = @now WHERE id = @id`, pgx.StrictNamedArgs{"id": id, "now": now})
	return db.Wrap(err)
}

// waiting finds the requests that wait for a decision or to be carried out.
var waiting = `state IN ` + literals(portal.Pending, portal.Approved)

// WaitingAfter lists the requests that wait for a decision or to be carried out
// and whose number is above the given one, by number and whole, without reviews
// and attempts.
func WaitingAfter(ctx context.Context, q Querier, number int64, limit int) ([]portal.Request, error) {
	return db.All(ctx, q, readRequest, `SELECT `+requestColumns+requestTables+`
		WHERE r.`+waiting+` AND r.number > @after ORDER BY r.number LIMIT @limit`, pgx.StrictNamedArgs{"after": number, "limit": limit})
}

// Requester returns who asked for a request.
func Requester(ctx context.Context, q Querier, id string) (portal.Identity, error) {
	return db.One(ctx, q, pgx.RowToStructByName[portal.Identity], `SELECT issuer, subject FROM requests WHERE id = @id`,
		pgx.StrictNamedArgs{"id": id})
}

// UnfinishedAfter returns the ids of requests that are being carried out, or may
// be at the given time, and whose number is above the given one, with the last
// number. What hands out a secret waits for its requester.
func UnfinishedAfter(ctx context.Context, q Querier, number int64, now time.Time, limit int) (ids []string, last int64, err error) {
	type row struct {
		ID     string
		Number int64
	}
	list, err := db.All(ctx, q, pgx.RowToStructByName[row], `
		SELECT id::text, number FROM requests
		WHERE (state = ANY(@under_way) OR state = @approved AND starts_at <= @now AND operation <> ALL(@secrets)
				AND (campaign_id IS NULL OR released_at IS NOT NULL))
			AND number > @after ORDER BY number LIMIT @limit`,
		pgx.StrictNamedArgs{"under_way": underWay, "approved": portal.Approved, "now": now, "secrets": secrets, "after": number, "limit": limit})
	for _, r := range list {
		ids, last = append(ids, r.ID), r.Number
	}
	return ids, last, err
}

// SetState moves a request, as it was read, to its next state. It refuses a
// move that the state machine does not know and one from a state that the
// request has left meanwhile (KindConflict).
func SetState(ctx context.Context, tx pgx.Tx, r portal.Request, next portal.State, reason string, now time.Time) error {
	if !r.State.CanBecome(next) {
		return portal.E(portal.KindConflict, "a request that is "+string(r.State)+" cannot become "+string(next))
	}
	tag, err := tx.Exec(ctx, `
		UPDATE requests SET state = @next, reason = @reason, progress = NULL, updated_at = @now
		WHERE id = @id AND state = @state AND revision = @revision`,
		pgx.StrictNamedArgs{"id": r.ID, "state": r.State, "revision": r.Revision, "next": next, "reason": reason, "now": now})
	return expectOne(tag.RowsAffected(), err)
}

// SetReason says more about the state that a request stays in.
func SetReason(ctx context.Context, tx pgx.Tx, r portal.Request, reason string) error {
	tag, err := tx.Exec(ctx, `UPDATE requests SET reason = @reason WHERE id = @id AND state = @state AND revision = @revision`,
		pgx.StrictNamedArgs{"id": r.ID, "state": r.State, "revision": r.Revision, "reason": reason})
	return expectOne(tag.RowsAffected(), err)
}

// SetProgress says how far DigitalOcean is with a request that it is carrying out.
func SetProgress(ctx context.Context, tx pgx.Tx, r portal.Request, p portal.Progress) error {
	tag, err := tx.Exec(ctx, `UPDATE requests SET progress = @progress WHERE id = @id AND state = @state AND revision = @revision`,
		pgx.StrictNamedArgs{"id": r.ID, "state": r.State, "revision": r.Revision, "progress": p})
	return expectOne(tag.RowsAffected(), err)
}

// SetTarget records the id of the cluster that a create made.
func SetTarget(ctx context.Context, tx pgx.Tx, requestID, clusterID string) error {
	_, err := tx.Exec(ctx, `UPDATE requests SET target_id = @cluster, target_ids = ARRAY[@cluster] WHERE id = @id`,
		pgx.StrictNamedArgs{"id": requestID, "cluster": clusterID})
	return db.Wrap(err)
}

// SetResult records the id of what DigitalOcean made for a request.
func SetResult(ctx context.Context, tx pgx.Tx, requestID, result string) error {
	_, err := tx.Exec(ctx, `UPDATE requests SET result = @result WHERE id = @id`, pgx.StrictNamedArgs{"id": requestID, "result": result})
	return db.Wrap(err)
}

// Busy returns the number of another request that is changing one of r's
// clusters now, or has ended since they were looked at; 0 when there is none.
// Only those for the given operations count.
func Busy(ctx context.Context, q Querier, r portal.Request, operations []portal.OperationID, lookedAt time.Time) (int64, error) {
	return db.One(ctx, q, pgx.RowTo[int64], `
		SELECT coalesce(min(number), 0) FROM requests
		WHERE target_ids && @targets AND id <> @id AND operation = ANY(@operations)
			AND (state = ANY(@under_way) OR state = ANY(@ended) AND updated_at >= @looked_at)`,
		pgx.StrictNamedArgs{"targets": notNil(r.TargetIDs), "id": r.ID, "operations": operations, "under_way": underWay, "ended": ended,
			"looked_at": lookedAt})
}

// CarriedOut lists the requests that DigitalOcean has taken, or may have taken, that
// change any of the clusters, and that are being carried out or have ended at or after
// the given time; and those with the given ids, whenever they ended. Reviews and
// attempts are left out.
func CarriedOut(ctx context.Context, q Querier, clusterIDs, ids []string, since time.Time) ([]portal.Request, error) {
	return db.All(ctx, q, readRequest, `SELECT `+requestColumns+requestTables+`
		WHERE operation <> ALL(@harmless) AND (r.id = ANY(@ids::uuid[])
				OR target_ids && @targets AND (state = ANY(@under_way) OR state = ANY(@ended) AND r.updated_at >= @since))
			AND EXISTS (SELECT FROM executions e WHERE e.request_id = r.id AND e.outcome <> ALL(@not_taken))
		ORDER BY number`,
		pgx.StrictNamedArgs{"harmless": harmless, "ids": notNil(ids), "targets": notNil(clusterIDs), "under_way": underWay, "ended": ended, "since": since,
			"not_taken": []portal.Outcome{portal.OutcomeRefused, portal.OutcomeDeferred, portal.OutcomeAbsent}})
}

func expectOne(affected int64, err error) error {
	if err == nil && affected != 1 {
		return portal.E(portal.KindConflict, "this request has changed in the meantime")
	}
	return db.Wrap(err)
}
