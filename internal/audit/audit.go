// Package audit keeps and searches the trail of who did what, when, on whose
// word. Every package that changes something calls Append in the transaction of
// the change; web shows what Search and OfRequest find. Nothing here or elsewhere
// changes or removes an event: a trigger in Postgres refuses it.
package audit

import (
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// Append records an event in the transaction of what it tells of. It fills in
// the id. An event without actor, time or kind is refused, and with it the
// transaction.
func Append(ctx context.Context, tx pgx.Tx, e portal.Event) error {
	if e.Actor.IsZero() || e.At.IsZero() || e.Kind == "" {
		return portal.E(portal.KindUnknown, "an event needs an actor, a time and a kind")
	}
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	if e.Data == nil {
		e.Data = map[string]any{}
	}
	e.Summary = strings.Join(strings.Fields(e.Summary), " ") // a line that somebody broke could read as two events
	_, err = tx.Exec(ctx, `INSERT INTO events
		(id, at, kind, issuer, subject, actor_name, team_id, request_id, cluster_id, summary, data)
		VALUES ($1, $2, $3, $4, $5, $6, nullif($7, '')::uuid, nullif($8, '')::uuid, $9, $10, $11)`,
		id, e.At, e.Kind, e.Actor.Issuer, e.Actor.Subject, e.Actor.Name,
		e.TeamID, e.RequestID, e.ClusterID, e.Summary, e.Data)
	return db.Wrap(err)
}

// querier reads: a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Search returns the newest events that match, newest first. Callers make sure
// that the reader may see the whole trail, or narrow f to what they may see.
func Search(ctx context.Context, q querier, f portal.EventFilter) ([]portal.Event, error) {
	rows, err := q.Query(ctx, `
		SELECT e.id, e.at, e.kind, e.issuer, e.subject, e.actor_name, coalesce(e.team_id::text, ''),
			coalesce(t.name, ''), coalesce(e.request_id::text, ''), coalesce(r.number, 0),
			e.cluster_id, e.summary, e.data
		FROM events e LEFT JOIN teams t ON t.id = e.team_id LEFT JOIN requests r ON r.id = e.request_id
		WHERE ($1 = '' OR e.kind = $1) AND ($2 = '' OR e.actor_name = $2)
			AND ($3 = '' OR e.team_id = nullif($3, '')::uuid)
			AND ($4::bigint = 0 OR e.request_id = (SELECT id FROM requests WHERE number = $4))
			AND ($5 = '' OR e.cluster_id = $5)
			AND ($6::timestamptz IS NULL OR e.at >= $6) AND ($7::timestamptz IS NULL OR e.at < $7)
			AND ($8 = '' OR e.id < nullif($8, '')::uuid)
		ORDER BY e.id DESC LIMIT $9`,
		f.Kind, f.Actor, f.TeamID, f.Request, f.Cluster, db.OrNull(f.From), db.OrNull(f.To), f.Before, f.Limit)
	if err != nil {
		return nil, db.Wrap(err)
	}
	list, err := pgx.CollectRows(rows, scanEvent)
	return list, db.Wrap(err)
}

func scanEvent(row pgx.CollectableRow) (portal.Event, error) {
	var e portal.Event
	return e, row.Scan(&e.ID, &e.At, &e.Kind, &e.Actor.Issuer, &e.Actor.Subject, &e.Actor.Name, &e.TeamID,
		&e.TeamName, &e.RequestID, &e.RequestNumber, &e.ClusterID, &e.Summary, &e.Data)
}

// OfRequest returns the events of a request, oldest first. Whoever may see the
// request may see them.
func OfRequest(ctx context.Context, q querier, number int64) ([]portal.Event, error) {
	const most = 200
	list, err := Search(ctx, q, portal.EventFilter{Request: number, Limit: most})
	slices.Reverse(list)
	return list, err
}
