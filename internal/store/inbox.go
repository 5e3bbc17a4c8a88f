package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// toDecide finds the requests that wait for the decision of a person with
// certain groups, or as a stand-in. What they stand in for is found by groups
// first, for which there is an index.
var toDecide = `r.state IN ` + literals(portal.Pending) + ` AND NOT (r.issuer = @issuer AND r.subject = @subject)
	AND r.approver_groups && (@groups::text[] || ARRAY(SELECT unnest(p.groups) ` + standsIn + `))
	AND ` + undecidedBy(`@issuer`, `@subject`) + `
	AND (r.approver_groups && @groups::text[] OR ` + asStandIn + `) AND NOT (` + gains + `)
	AND NOT EXISTS (` + sooner + `)`

// sooner finds what stands for a member of a campaign, which is decided on as a whole:
// the first of the same team that waits for the person.
var sooner = `SELECT FROM requests o WHERE o.campaign_id = r.campaign_id AND o.team_id = r.team_id AND o.number < r.number AND o.state IN ` + literals(portal.Pending) + `
	AND NOT EXISTS (SELECT FROM reviews v WHERE v.request_id = o.id AND v.revision = o.revision AND v.issuer = @issuer AND v.subject = @subject)`

// gains finds the requests by which a person gains themselves, or somebody for whom
// they stand in: on those they do not decide, see portal.Request.GainedBy.
var gains = `r.operation IN ` + literals(portal.RaiseQuota) + ` AND EXISTS (SELECT FROM teams g WHERE g.id = r.team_id
	AND (g.member_group = ANY(@groups::text[]) OR EXISTS (SELECT ` + standsIn + ` AND g.member_group = ANY(p.groups))))`

// standsIn are the delegations by which a person may decide as a stand-in.
const standsIn = `FROM delegations d JOIN people p ON p.issuer = d.issuer AND p.subject = d.subject
	WHERE d.stand_in_issuer = @issuer AND d.stand_in_subject = @subject AND ` + active + ` AND p.groups_at > @since`

// asStandIn finds the requests on which a person may decide as a stand-in, see
// portal.Request.WordOf: they see them by their own groups, the delegator has
// neither asked nor decided, and the policy lets somebody stand in for so long.
var asStandIn = `(@sees_all OR EXISTS (SELECT FROM teams t WHERE t.id = r.team_id
		AND (t.member_group <> '' AND t.member_group = ANY(@groups) OR t.approver_group <> '' AND t.approver_group = ANY(@groups))))
	AND EXISTS (SELECT ` + standsIn + ` AND p.groups && r.approver_groups AND NOT (r.issuer = d.issuer AND r.subject = d.subject)
		AND extract(epoch FROM d.until - d.starts_at) * 1000000000 <= coalesce((r.listed #>> '{verdict,stand_in}')::numeric, 0)
		AND ` + undecidedBy(`d.issuer`, `d.subject`) + `)`

// undecidedBy finds the requests on which somebody has not decided yet, in
// whichever way.
func undecidedBy(issuer, subject string) string {
	return `NOT EXISTS (SELECT FROM reviews v WHERE v.request_id = r.id AND v.revision = r.revision
		AND (v.issuer = ` + issuer + ` AND v.subject = ` + subject + ` OR v.for_issuer = ` + issuer + ` AND v.for_subject = ` + subject + `))`
}

// toReview finds the requests that were carried out without approvals and wait
// for the review of a person, who may be an admin.
const toReview = `(@admin OR r.approver_groups && @groups::text[]) AND NOT (r.issuer = @issuer AND r.subject = @subject)
	AND EXISTS (SELECT FROM break_glasses g WHERE g.request_id = r.id AND g.reviewed_at IS NULL AND NOT (g.issuer = @issuer AND g.subject = @subject))`

// toAct finds what a person asked for that waits for themselves: to be
// collected, or to be planned again.
const toAct = `r.issuer = @issuer AND r.subject = @subject AND (r.state = @stale
	OR r.state = @approved AND r.operation = ANY(@secrets))`

// riskiestFirst orders requests by how much they can harm, and then by age, but
// for those of one person beyond the first five, which come after everybody's
// first: so nobody's many bury those of others.
const riskiestFirst = ` ORDER BY (row_number() OVER (PARTITION BY r.issuer, r.subject ORDER BY ` + risk + `, r.number) - 1) / 5, ` + risk + `, r.number`

const risk = `CASE WHEN r.operation = ANY(@dangerous) THEN 0 WHEN r.operation = ANY(@destructive) THEN 1 ELSE 2 END`

// ToDecide lists the requests that wait for a's decision at a time, by their own
// groups or as a stand-in, riskiest and oldest
// first, with their reviews.
func ToDecide(ctx context.Context, q Querier, a portal.Actor, now time.Time, limit int) ([]portal.Request, error) {
	return withReviews(ctx, q, `SELECT `+listColumns+requestTables+`WHERE `+toDecide+riskiestFirst+` LIMIT @limit`, inboxOf(a, now, limit))
}

// NumbersToDecide are the numbers of the requests of ToDecide.
func NumbersToDecide(ctx context.Context, q Querier, a portal.Actor, now time.Time, limit int) ([]int64, error) {
	return db.All(ctx, q, pgx.RowTo[int64], `SELECT r.number FROM requests r WHERE `+toDecide+riskiestFirst+` LIMIT @limit`, inboxOf(a, now, limit))
}

// ToReview lists the requests that were carried out without approvals and wait
// for a's review, oldest first.
func ToReview(ctx context.Context, q Querier, a portal.Actor, limit int) ([]portal.Request, error) {
	return inbox(ctx, q, toReview, a, limit)
}

// ToAct lists what a asked for that waits for themselves, oldest first.
func ToAct(ctx context.Context, q Querier, a portal.Actor, limit int) ([]portal.Request, error) {
	return inbox(ctx, q, toAct, a, limit)
}

func inbox(ctx context.Context, q Querier, where string, a portal.Actor, limit int) ([]portal.Request, error) {
	return withReviews(ctx, q, `SELECT `+listColumns+requestTables+`WHERE `+where+` ORDER BY r.number LIMIT @limit`, inboxOf(a, time.Time{}, limit))
}

// inboxOf are the arguments of what finds the requests that wait for a.
func inboxOf(a portal.Actor, now time.Time, limit int) pgx.NamedArgs {
	return pgx.NamedArgs{"now": now, "since": now.Add(-portal.KnownFor), "sees_all": a.SeesAll(),
		"issuer": a.Issuer, "subject": a.Subject, "groups": notNil(a.Groups), "admin": a.HasRole(portal.RoleAdmin),
		"stale": portal.Stale, "approved": portal.Approved, "secrets": secrets, "limit": limit,
		"dangerous": dangerous, "destructive": destructive}
}

// inboxCount is how many requests wait for a person, counted to a limit.
var inboxCount = `
	SELECT count(*) FROM (
		SELECT FROM requests r WHERE ` + toDecide + `
		UNION ALL SELECT FROM requests r WHERE ` + toReview + `
		UNION ALL SELECT FROM requests r WHERE ` + toAct + `
	LIMIT @limit) waiting`

// OpenRequest is a row of OpenOn.
type OpenRequest struct {
	portal.Request
	PoolID string // that it is about, as of its parameters; empty: none
}

// OpenOn lists the requests that are not at an end and concern one of the
// clusters, but for one by its id, oldest first.
func OpenOn(ctx context.Context, q Querier, clusterIDs []string, except string) ([]OpenRequest, error) {
	const most = 50
	return db.All(ctx, q, readOpen, `SELECT `+listColumns+`, coalesce(r.params #>> '{update_pool,pool_id}', r.params #>> '{delete_pool,pool_id}',
			r.params #>> '{delete_node,pool_id}', r.params #>> '{recycle,pool_id}', '') AS pool_id`+requestTables+`
		WHERE r.target_ids && @clusters AND r.id::text <> @except AND r.state = ANY(@open) ORDER BY r.number LIMIT @most`,
		pgx.StrictNamedArgs{"clusters": notNil(clusterIDs), "except": except, "open": open, "most": most})
}

func readOpen(row pgx.CollectableRow) (OpenRequest, error) {
	type open struct {
		requestRow
		PoolID string
	}
	got, err := pgx.RowToStructByNameLax[open](row)
	got.Plan = got.Listed
	return OpenRequest{Request: got.request(), PoolID: got.PoolID}, err
}
