package audit

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// wordsOfEvent is what a text search of an event e looks at. The index has it literally.
const wordsOfEvent = `translate(e.summary || ' ' || e.reason || ' ' || e.actor_name || ' ' || e.actor_email || ' ' || e.target_name || ' ' || e.target_id,
	'-./@:_#+=()[]{}<>"'',;!?|\&*%$^~“”‘’…–—→', repeat(' ', 50))`

// ofCluster are the two ways in which an event is about a cluster, each with an index
// of its own: by either condition at once the planner would walk through all others.
var ofCluster = []string{
	`e.target_id <> '' AND e.target_kind = @cluster_kind AND e.target_id = @cluster`,
	`e.clusters <> '{}' AND e.clusters @> ARRAY[@cluster] AND NOT (e.target_kind = @cluster_kind AND e.target_id = @cluster)`,
}

// conditions are what a filter asks of an event e, but for its cluster.
func conditions(f portal.EventFilter) string {
	list := []string{"true"}
	for _, c := range []struct {
		asked bool
		sql   string
	}{
		{f.Text != "", `to_tsvector('simple', ` + wordsOfEvent + `) @@ to_tsquery('simple', @text)`},
		{f.Kind != "", `e.kind = @kind`},
		{f.But != "", `e.kind <> @but`},
		{f.Result != "", `e.outcome = @result`},
		{f.Operation != "", `e.operation = @operation`},
		{f.Risk != "", `e.operation = ANY (@risky)`},
		{f.Environment != "", `e.environment = @environment`},
		{!f.Actor.IsZero(), `e.subject = @subject AND e.issuer = @issuer`},
		{f.TeamID != "", `e.team_id = @team::uuid`},
		{f.Request != 0, `e.request_id = (SELECT id FROM requests WHERE number = @request)`},
		{f.Address != "", `e.address = @address`},
		{!f.From.IsZero(), `e.at >= @from::timestamptz`},
		{!f.To.IsZero(), `e.at < @to::timestamptz`},
		{f.Before != "", `(e.at, e.id) < (@before_at::timestamptz, @before::uuid)`},
	} {
		if c.asked {
			list = append(list, c.sql)
		}
	}
	return strings.Join(list, " AND ")
}

// ways are the conditions of which an event e that matches fulfils one.
func ways(f portal.EventFilter) []string {
	if f.Cluster == "" {
		return []string{conditions(f)}
	}
	var list []string
	for _, way := range ofCluster {
		list = append(list, way+` AND `+conditions(f))
	}
	return list
}

// match is an event that a search finds, as far as it is counted.
type match struct {
	ID string
	portal.SampleEvent
}

// matchColumns are what match has of an event e.
const matchColumns = `e.id::text, e.at, e.kind, e.outcome AS result, e.operation, e.environment, coalesce(e.team_id::text, '') AS team_id, e.issuer, e.subject, e.actor_name AS name`

// find finds what a filter matches, newest first.
func find(ctx context.Context, q db.Querier, f portal.EventFilter) ([]match, error) {
	args := values(f)
	if f.Before != "" {
		at, err := timeOfEvent(ctx, q, f.Before)
		if err != nil {
			return nil, err
		}
		args["before_at"] = at
	}
	if f.Text != "" {
		return findWords(ctx, q, f, args)
	}
	return newest(ctx, q, pgx.RowToStructByName[match], matchColumns, f, "", args)
}

// newest finds the newest events that match a filter, and fulfil a condition besides,
// which begins with AND.
//
// Values are part of the query's text, since the planner has to know them: it would look
// for what is rare as for what is common. That, and that only what is asked for is in
// it, makes every search go by an index.
func newest[T any](ctx context.Context, q db.Querier, read pgx.RowToFunc[T], columns string, f portal.EventFilter, and string, args pgx.NamedArgs) ([]T, error) {
	var parts []string
	for _, way := range ways(f) {
		parts = append(parts, `(SELECT `+columns+` FROM events e WHERE `+way+and+` ORDER BY e.at DESC, e.id DESC LIMIT @limit)`)
	}
	return db.All(ctx, q, read, `SELECT * FROM (`+strings.Join(parts, " UNION ALL ")+`) found ORDER BY at DESC, id DESC LIMIT @limit`, pgx.QueryExecModeSimpleProtocol, args)
}

// values are those that conditions and newest ask with.
func values(f portal.EventFilter) pgx.NamedArgs {
	return pgx.NamedArgs{"text": textQuery(f.Text), "kind": f.Kind, "but": f.But, "result": f.Result, "operation": f.Operation, "risky": operationsOf(f.Risk),
		"environment": f.Environment, "subject": f.Actor.Subject, "issuer": f.Actor.Issuer, "team": f.TeamID, "request": f.Request, "address": f.Address,
		"cluster": f.Cluster, "cluster_kind": portal.TargetCluster, "from": f.From, "to": f.To, "before": f.Before, "limit": f.Limit}
}

// Search returns the newest events that match, newest first, without their
// details, which no list shows and which may be large: see Details. It returns
// KindNotFound where the filter names a team, or an event to begin below, in a form
// that no id has, or an event that is not there. Callers make sure that the reader
// may see the whole trail, or narrow f to what they may see.
func Search(ctx context.Context, q db.Querier, f portal.EventFilter) ([]portal.Event, error) {
	found, err := find(ctx, q, f)
	if err != nil {
		return nil, err
	}
	return list(ctx, q, found)
}

// SearchWithSample is Search, with a sample of what it finds on all of its pages.
func SearchWithSample(ctx context.Context, q db.Querier, f portal.EventFilter) ([]portal.Event, portal.EventSample, error) {
	all := f
	all.Before, all.Limit = "", portal.MostSampled+1
	sampled, err := find(ctx, q, all)
	if err != nil {
		return nil, portal.EventSample{}, err
	}
	found := sampled[:min(f.Limit, len(sampled))]
	if f.Before != "" {
		if found, err = find(ctx, q, f); err != nil {
			return nil, portal.EventSample{}, err
		}
	}
	events, err := list(ctx, q, found)
	return events, sampleOf(sampled), err
}

// sampleOf is what can be counted of the newest events that a search finds.
func sampleOf(found []match) (s portal.EventSample) {
	s.More = len(found) > portal.MostSampled
	for _, m := range found[:min(portal.MostSampled, len(found))] {
		s.Events = append(s.Events, m.SampleEvent)
	}
	return s
}

// list reads events that were found, in their order.
func list(ctx context.Context, q db.Querier, found []match) ([]portal.Event, error) {
	ids := make([]string, len(found))
	for i, m := range found {
		ids[i] = m.ID
	}
	return db.All(ctx, q, readEvent, `SELECT `+listed+` FROM events e `+listedWith+` WHERE e.id = ANY (@ids::uuid[]) ORDER BY e.at DESC, e.id DESC`,
		pgx.QueryExecModeSimpleProtocol, pgx.NamedArgs{"ids": ids})
}

// listed are the columns of an event e that lists show, from what listedWith joins.
const (
	listed = `e.id, coalesce(l.number, -1) AS number, e.at, e.recorded_at, e.kind, e.outcome AS result,
		e.operation, e.environment, e.issuer, e.subject, e.actor_name AS name,
		e.actor_email AS email, e.actor_roles AS roles, e.actor_groups AS groups, e.session, e.address, e.user_agent, e.http_request AS "HTTPRequest",
		coalesce(e.team_id::text, '') AS team_id, coalesce(t.name, '') AS team_name,
		coalesce(e.request_id::text, '') AS request_id, coalesce(r.number, 0) AS request_number, e.revision,
		e.target_kind, e.target_id, e.target_name, e.clusters, e.summary, e.reason`
	listedWith = `LEFT JOIN event_log l ON l.event_id = e.id ` + named
	named      = `LEFT JOIN teams t ON t.id = e.team_id LEFT JOIN requests r ON r.id = e.request_id`
)

// timeOfEvent is when an event happened. It returns KindNotFound if there is none.
func timeOfEvent(ctx context.Context, q db.Querier, id string) (string, error) {
	return db.One(ctx, q, pgx.RowTo[string], `SELECT at::text FROM events WHERE id = @id::uuid`, pgx.StrictNamedArgs{"id": id})
}

// operationsOf are those of a risk.
func operationsOf(risk portal.Risk) (list []string) {
	for _, op := range portal.Operations() {
		if op.Risk == risk {
			list = append(list, string(op.ID))
		}
	}
	return list
}
