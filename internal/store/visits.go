package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// How visits are told apart, and how precisely.
const (
	AwayFor   = 30 * time.Minute // without a page, after which the next is a new visit
	VisitStep = time.Minute      // within which a visit is noted once
)

// NoteVisit notes that somebody opens a page. The first page after AwayFor begins a
// new visit; all others leave when the one before ended.
func NoteVisit(ctx context.Context, q Querier, id portal.Identity, now time.Time) error {
	_, err := q.Exec(ctx, `INSERT INTO visits AS v (issuer, subject, seen_at) VALUES (@issuer, @subject, @now)
		ON CONFLICT (issuer, subject) DO UPDATE SET seen_at = @now, before_at = CASE WHEN v.seen_at <= @away THEN v.seen_at ELSE v.before_at END
		WHERE v.seen_at <= @step`,
		pgx.StrictNamedArgs{"issuer": id.Issuer, "subject": id.Subject, "now": now, "away": now.Add(-AwayFor), "step": now.Add(-VisitStep)})
	return db.Wrap(err)
}

// LastVisit returns when somebody's visit before this one ended, zero in their first.
func LastVisit(ctx context.Context, q Querier, id portal.Identity) (time.Time, error) {
	at, err := db.One(ctx, q, pgx.RowTo[*time.Time], `SELECT before_at FROM visits WHERE issuer = @issuer AND subject = @subject`,
		pgx.StrictNamedArgs{"issuer": id.Issuer, "subject": id.Subject})
	if errors.Is(err, pgx.ErrNoRows) {
		return time.Time{}, nil
	}
	return fromNull(at), err
}

// LastSeen returns when somebody last opened a page, zero when that is not known.
func LastSeen(ctx context.Context, q Querier, id portal.Identity) (time.Time, error) {
	at, err := db.One(ctx, q, pgx.RowTo[time.Time], `SELECT seen_at FROM visits WHERE issuer = @issuer AND subject = @subject`,
		pgx.StrictNamedArgs{"issuer": id.Issuer, "subject": id.Subject})
	if errors.Is(err, pgx.ErrNoRows) {
		return time.Time{}, nil
	}
	return at, err
}

// decided are the states that tell somebody who was away what became of a request.
var decided = []portal.State{portal.Approved, portal.Stale, portal.Unknown, portal.Succeeded, portal.Failed, portal.Rejected, portal.Withdrawn, portal.Expired}

// ActivitySince lists what became since a time of requests of the teams, and of
// those of no team that somebody made, and which clusters of the teams are gone
// that no request deleted, newest first. Of each team no more than limit are read,
// however much it does.
func ActivitySince(ctx context.Context, q Querier, teamIDs []string, own portal.Identity, since time.Time, limit int) ([]portal.Activity, error) {
	return db.All(ctx, q, pgx.RowToStructByName[portal.Activity], `
		SELECT r.updated_at AS at, r.number, r.operation, r.target_name, r.state, r.requester_name, '' AS cluster_id
		FROM unnest(@teams::uuid[]) AS team CROSS JOIN LATERAL (
			SELECT * FROM requests WHERE team_id = team AND updated_at > @since AND state = ANY(@decided) ORDER BY updated_at DESC LIMIT @limit) r
		UNION ALL (
		SELECT updated_at, number, operation, target_name, state, requester_name, ''
		FROM requests WHERE team_id IS NULL AND updated_at > @since AND state = ANY(@decided) AND issuer = @issuer AND subject = @subject
			ORDER BY updated_at DESC LIMIT @limit)
		UNION ALL
		SELECT c.gone_at, 0, '', c.name, '', '', c.id
		FROM unnest(@teams::uuid[]) AS team CROSS JOIN LATERAL (
			SELECT * FROM clusters WHERE team_id = team AND gone_at > @since
				AND NOT EXISTS (SELECT FROM requests WHERE target_ids @> ARRAY[clusters.id] AND operation = ANY(@deletions) AND state = @succeeded)
			ORDER BY gone_at DESC LIMIT @limit) c
		ORDER BY at DESC, number DESC LIMIT @limit`,
		pgx.StrictNamedArgs{"teams": teamIDs, "issuer": own.Issuer, "subject": own.Subject, "since": since, "decided": decided, "limit": limit,
			"deletions": []portal.OperationID{portal.DeleteCluster, portal.DeleteClusterSelective, portal.DeleteClusterDangerous}, "succeeded": portal.Succeeded})
}
