package store

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// NoOrphan is said of an orphan that there is not, and of one of another team.
const NoOrphan = "there is no such resource among those that deleted clusters left behind"

const orphanColumns = `o.id, o.kind, o.resource_id, o.name, o.team_id, t.slug AS team_slug, t.name AS team_name, r.number AS request_number,
	r.target_id AS cluster_id, r.target_name AS cluster_name, o.left_at, o.state, o.reason,
	o.resolved_issuer, o.resolved_subject, o.resolved_name, o.resolved_at AS resolved`

const orphanTables = ` JOIN teams t ON t.id = o.team_id JOIN requests r ON r.id = o.request_id `

func readOrphan(row pgx.CollectableRow) (portal.Orphan, error) {
	type orphan struct {
		portal.Orphan
		Kind, ResourceID, Name                        string
		ResolvedIssuer, ResolvedSubject, ResolvedName string
		Resolved                                      *time.Time
	}
	got, err := pgx.RowToStructByNameLax[orphan](row)
	o := got.Orphan
	o.Resource = portal.Resource{Kind: got.Kind, ID: got.ResourceID, Name: got.Name}
	o.ResolvedBy, o.ResolvedAt = person(got.ResolvedIssuer, got.ResolvedSubject, got.ResolvedName), fromNull(got.Resolved)
	return o, err
}

// InsertOrphans keeps what a request, which deleted a cluster of its team's, left
// behind.
func InsertOrphans(ctx context.Context, tx pgx.Tx, r portal.Request, left []portal.Resource, at time.Time) error {
	ids, kinds, resources, names := make([]string, len(left)), make([]string, len(left)), make([]string, len(left)), make([]string, len(left))
	for i, l := range left {
		ids[i], kinds[i], resources[i], names[i] = uuid.Must(uuid.NewV7()).String(), l.Kind, l.ID, db.Text(l.Name)
	}
	_, err := tx.Exec(ctx, `INSERT INTO orphans (id, team_id, request_id, kind, resource_id, name, left_at)
		SELECT l.id, @team, @request, l.kind, l.resource, l.name, @at
		FROM unnest(@ids::uuid[], @kinds::text[], @resources::text[], @names::text[]) AS l (id, kind, resource, name)
		ON CONFLICT ON CONSTRAINT orphans_left_once DO NOTHING`,
		pgx.StrictNamedArgs{"team": r.Team.ID, "request": r.ID, "at": at, "ids": ids, "kinds": kinds, "resources": resources, "names": names})
	return db.Wrap(err)
}

// OrphanFilter chooses orphans of teams.
type OrphanFilter struct {
	TeamIDs []string
	State   portal.OrphanState
	Before  string // id of the one that the previous page ended with; empty: the newest
	Limit   int
}

// Orphans lists orphans, those that were left last first. Each team's are read by
// themselves, so that it reads no more than the page of any.
func Orphans(ctx context.Context, q Querier, f OrphanFilter) ([]portal.Orphan, error) {
	return db.All(ctx, q, readOrphan, `
		SELECT `+orphanColumns+` FROM unnest(@teams::uuid[]) AS of (team) CROSS JOIN LATERAL (
			SELECT * FROM orphans WHERE team_id = of.team AND state = @state AND (@before = '' OR id < nullif(@before, '')::uuid)
			ORDER BY id DESC LIMIT @limit) o `+orphanTables+`
		ORDER BY o.id DESC LIMIT @limit`,
		pgx.StrictNamedArgs{"teams": notNil(f.TeamIDs), "state": f.State, "before": f.Before, "limit": f.Limit})
}

// OpenOrphans adds up the open orphans of teams.
func OpenOrphans(ctx context.Context, q Querier, teamIDs []string) (portal.OrphanSum, error) {
	type row struct {
		Kind  string
		Count int
	}
	list, err := db.All(ctx, q, pgx.RowToStructByName[row], `SELECT kind, count(*)::int AS count FROM orphans
		WHERE team_id = ANY (@teams::uuid[]) AND state = @open GROUP BY kind`, pgx.StrictNamedArgs{"teams": notNil(teamIDs), "open": portal.OrphanOpen})
	kinds := make(map[string]int, len(list))
	for _, r := range list {
		kinds[r.Kind] = r.Count
	}
	return portal.SumOrphans(kinds), err
}

// OrphansByID returns those of the orphans that there are, in the order of their ids.
// Callers make sure that the reader may see their teams.
func OrphansByID(ctx context.Context, q Querier, ids []string) ([]portal.Orphan, error) {
	return orphansByID(ctx, q, ids, "")
}

// LockOrphans is OrphansByID, and keeps others from resolving them until tx ends.
func LockOrphans(ctx context.Context, tx pgx.Tx, ids []string) ([]portal.Orphan, error) {
	return orphansByID(ctx, tx, ids, " FOR UPDATE OF o")
}

func orphansByID(ctx context.Context, q Querier, ids []string, lock string) ([]portal.Orphan, error) {
	return db.All(ctx, q, readOrphan, `SELECT `+orphanColumns+` FROM orphans o `+orphanTables+`
		WHERE o.id = ANY (@ids::uuid[]) ORDER BY o.id`+lock, pgx.StrictNamedArgs{"ids": notNil(ids)})
}

// ResolveOrphan keeps what became of an orphan that is in a state, and locked. Of one that
// is open again nothing is kept.
func ResolveOrphan(ctx context.Context, tx pgx.Tx, from portal.OrphanState, o portal.Orphan) error {
	if o.State == portal.OrphanOpen {
		o.Reason, o.ResolvedBy, o.ResolvedAt = "", portal.Person{}, time.Time{}
	}
	tag, err := tx.Exec(ctx, `UPDATE orphans SET state = @state, reason = @reason, resolved_issuer = @issuer, resolved_subject = @subject,
			resolved_name = @name, resolved_at = @at
		WHERE id = @id AND state = @from`, pgx.StrictNamedArgs{"id": o.ID, "state": o.State, "reason": o.Reason, "from": from,
		"issuer": o.ResolvedBy.Issuer, "subject": o.ResolvedBy.Subject, "name": o.ResolvedBy.Name, "at": db.OrNull(o.ResolvedAt)})
	return expectOne(tag.RowsAffected(), err)
}
