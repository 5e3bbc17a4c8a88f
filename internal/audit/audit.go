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
	_, err = tx.Exec(ctx, `
		INSERT INTO events (id, at, kind, issuer, subject, actor_name, team_id, request_id, cluster_id, summary, data)
		VALUES (@id, @at, @kind, @issuer, @subject, @name, nullif(@team, '')::uuid, nullif(@request, '')::uuid, @cluster, @summary, @data)`,
		pgx.StrictNamedArgs{"id": id, "at": e.At, "kind": e.Kind, "issuer": e.Actor.Issuer, "subject": e.Actor.Subject, "name": e.Actor.Name,
			"team": e.TeamID, "request": e.RequestID, "cluster": e.ClusterID, "summary": e.Summary, "data": e.Data})
	return db.Wrap(err)
}

// The newest events first, from below one on. Without times they go by their ids,
// by which those of a kind or of a person are found; with times by these, or what
// came later would all be read to find an early day.
const (
	byID = `(@from::timestamptz IS NULL AND @to::timestamptz IS NULL) AND (@before = '' OR e.id < nullif(@before, '')::uuid)
		ORDER BY e.id DESC`
	byTime = `e.at >= coalesce(@from::timestamptz, '-infinity') AND e.at < coalesce(@to::timestamptz, 'infinity')
			AND (@before = '' OR (e.at, e.id) < (SELECT at, id FROM events WHERE id = nullif(@before, '')::uuid))
		ORDER BY e.at DESC, e.id DESC`
)

// Search returns the newest events that match, newest first. Callers make sure
// that the reader may see the whole trail, or narrow f to what they may see.
func Search(ctx context.Context, q db.Querier, f portal.EventFilter) ([]portal.Event, error) {
	order := byID
	if !f.From.IsZero() || !f.To.IsZero() {
		order = byTime
	}
	return db.All(ctx, q, readEvent, `
		SELECT e.id, e.at, e.kind, e.issuer, e.subject, e.actor_name AS name, coalesce(e.team_id::text, '') AS team_id,
			coalesce(t.name, '') AS team_name, coalesce(e.request_id::text, '') AS request_id, coalesce(r.number, 0) AS request_number,
			e.cluster_id, e.summary, e.data
		FROM events e LEFT JOIN teams t ON t.id = e.team_id LEFT JOIN requests r ON r.id = e.request_id
		WHERE (@kind = '' OR e.kind = @kind) AND (@but = '' OR e.kind <> @but) AND (@actor = '' OR e.actor_name = @actor)
			AND (@team = '' OR e.team_id = nullif(@team, '')::uuid)
			AND (@request::bigint = 0 OR e.request_id = (SELECT id FROM requests WHERE number = @request))
			AND (@cluster = '' OR e.cluster_id = @cluster)
			AND `+order+` LIMIT @limit`,
		pgx.StrictNamedArgs{"kind": f.Kind, "but": f.But, "actor": f.Actor, "team": f.TeamID, "request": f.Request, "cluster": f.Cluster,
			"from": db.OrNull(f.From), "to": db.OrNull(f.To), "before": f.Before, "limit": f.Limit})
}

func readEvent(row pgx.CollectableRow) (portal.Event, error) {
	type event struct {
		portal.Event
		portal.Person
	}
	r, err := pgx.RowToStructByNameLax[event](row)
	r.Actor = r.Person
	return r.Event, err
}

// OfRequest returns the events of a request, oldest first, but for comments, of
// which many could hide the others. Whoever may see the request may see them.
func OfRequest(ctx context.Context, q db.Querier, number int64) ([]portal.Event, error) {
	const most = 200
	list, err := Search(ctx, q, portal.EventFilter{Request: number, But: portal.EventCommented, Limit: most})
	slices.Reverse(list)
	return list, err
}
