package audit

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// ChangeFilter chooses changes of clusters. From is inclusive, To exclusive.
type ChangeFilter struct {
	From, To time.Time
	Status   portal.ChangeStatus
	Before   string // id of the event that the previous page ended with; empty: the newest
	Limit    int
}

// resolved is whether the newest that was said of the change that an event e tells of
// is that it is resolved. The argument reconciled is as for store.ReconciliationTold.
const resolved = `coalesce((SELECT r.resolved FROM reconciliations r WHERE r.event_id = e.id AND ` + store.ReconciliationTold + ` ORDER BY r.number DESC LIMIT 1), false)`

const changeColumns = `e.id AS event_id, e.at, e.kind, e.summary, e.operation, e.environment, coalesce(e.team_id::text, '') AS team_id, coalesce(t.name, '') AS team_name,
	e.target_id AS cluster_id, e.target_name AS cluster_name, cardinality(e.clusters) AS clusters, coalesce(r.number, 0) AS request_number`

// changesFrom reads changes from the events e of a source.
func changesFrom(source string) string {
	return `SELECT ` + changeColumns + ` FROM (` + source + `) e ` + named + ` ORDER BY e.at DESC, e.id DESC`
}

func readChange(row pgx.CollectableRow) (portal.ClusterChange, error) {
	return pgx.RowToStructByNameLax[portal.ClusterChange](row)
}

// changing are the operations that change clusters at DigitalOcean.
func changing() []string {
	var list []string
	for _, o := range portal.Catalogue {
		if o.ID.ChangesClusters() {
			list = append(list, string(o.ID))
		}
	}
	return list
}

// madeByRequest is that an event e tells of a change that a request made: DigitalOcean
// has taken the call, or its effect was found after its answer was lost.
const madeByRequest = `e.kind = @outcome_kind AND e.outcome = @done AND e.operation = ANY (@changing)`

// driftKinds are the kinds of drift as the simple protocol takes them.
func driftKinds() []string {
	var list []string
	for _, kind := range portal.DriftKinds {
		list = append(list, string(kind))
	}
	return list
}

// changeArgs are the values that the queries here ask with.
func changeArgs(from, to time.Time) pgx.NamedArgs {
	args := pgx.NamedArgs{"from": from, "to": to, "outcome_kind": portal.EventOutcome, "done": portal.ResultDone, "changing": changing(), "drift": driftKinds(), "reconciled": portal.EventReconciled}
	for i, kind := range portal.DriftKinds {
		args[driftArg(i)] = kind
	}
	return args
}

func driftArg(i int) string { return "kind" + strconv.Itoa(i) }

// Changes lists the changes of clusters that have a status, newest first, without what
// was said of them. Each kind of event is read by itself and its values are part of the
// query's text, so that it goes by the index of kinds and reads no more than the page
// of each, but for those of another status. Who may call it is as with Search.
func Changes(ctx context.Context, q db.Querier, f ChangeFilter) ([]portal.ClusterChange, error) {
	args := changeArgs(f.From, f.To)
	args["limit"], args["resolved"], args["before"] = f.Limit, f.Status == portal.ChangeResolved, f.Before
	within := ` AND e.at >= @from::timestamptz AND e.at < @to::timestamptz`
	if f.Before != "" {
		at, err := changeAt(ctx, q, f.Before)
		if err != nil {
			return nil, err
		}
		args["before_at"] = at
		within += ` AND (e.at, e.id) < (@before_at::timestamptz, @before::uuid)`
	}
	part := func(condition string) string {
		return `(SELECT * FROM events e WHERE ` + condition + within + ` ORDER BY e.at DESC, e.id DESC LIMIT @limit)`
	}
	var parts []string
	if f.Status == portal.ChangeExplained {
		parts = append(parts, part(madeByRequest))
	} else {
		for i := range portal.DriftKinds {
			parts = append(parts, part(`e.kind = @`+driftArg(i)+` AND `+resolved+` = @resolved`))
		}
	}
	return db.All(ctx, q, readChange, changesFrom(strings.Join(parts, " UNION ALL "))+` LIMIT @limit`, pgx.QueryExecModeSimpleProtocol, args)
}

// changeAt is when the change happened that an event tells of. It returns KindNotFound
// where there is no such event.
func changeAt(ctx context.Context, q db.Querier, eventID string) (time.Time, error) {
	at, err := db.One(ctx, q, pgx.RowTo[time.Time], `SELECT at FROM events WHERE id = @id`, pgx.StrictNamedArgs{"id": eventID})
	if errors.Is(err, pgx.ErrNoRows) {
		err = portal.E(portal.KindNotFound, "there is no such change")
	}
	return at, err
}

// ChangesByID returns those of the changes that no request explained which there are,
// newest first.
func ChangesByID(ctx context.Context, q db.Querier, eventIDs []string) ([]portal.ClusterChange, error) {
	return db.All(ctx, q, readChange, changesFrom(`SELECT * FROM events e WHERE e.id = ANY (@ids::uuid[]) AND e.kind = ANY (@drift)`),
		pgx.StrictNamedArgs{"ids": eventIDs, "drift": driftKinds()})
}

// CountChanges counts the changes of a time by their status.
func CountChanges(ctx context.Context, q db.Querier, from, to time.Time) (portal.ChangeTotals, error) {
	args := changeArgs(from, to)
	args["most"] = portal.MostExplained + 1
	t, err := db.One(ctx, q, pgx.RowToStructByNameLax[portal.ChangeTotals], `
		SELECT made.explained::int, drift.resolved::int, drift.open::int
		FROM (SELECT count(*) AS explained FROM (SELECT FROM events e WHERE `+madeByRequest+` AND e.at >= @from::timestamptz AND e.at < @to::timestamptz LIMIT @most) m) made,
			(SELECT count(*) FILTER (WHERE d.resolved) AS resolved, count(*) FILTER (WHERE NOT d.resolved) AS open
			FROM (SELECT `+resolved+` AS resolved FROM events e WHERE e.kind = ANY (@drift) AND e.at >= @from::timestamptz AND e.at < @to::timestamptz) d) drift`,
		pgx.QueryExecModeSimpleProtocol, args)
	if t.Explained > portal.MostExplained {
		t.Explained, t.More = portal.MostExplained, true
	}
	return t, err
}

// OpenMonths are the months, in a zone, with changes that nobody has explained, oldest
// first.
func OpenMonths(ctx context.Context, q db.Querier, zone *time.Location) ([]portal.OpenMonth, error) {
	return db.All(ctx, q, pgx.RowToStructByName[portal.OpenMonth], `
		SELECT date_trunc('month', e.at AT TIME ZONE @zone) AS month, count(*)::int AS open FROM events e
		WHERE e.kind = ANY (@drift) AND NOT `+resolved+` GROUP BY month ORDER BY month`,
		pgx.QueryExecModeSimpleProtocol, pgx.NamedArgs{"zone": zone.String(), "drift": driftKinds(), "reconciled": portal.EventReconciled})
}

// openChanges counts the changes that nobody has explained of which events within bounds
// tell.
func openChanges(ctx context.Context, q db.Querier, b Bounds) (int, error) {
	return db.One(ctx, q, pgx.RowTo[int], `SELECT count(*)::int FROM events e WHERE e.id >= @from AND e.id < @to AND e.kind = ANY (@drift) AND NOT `+resolved,
		pgx.StrictNamedArgs{"from": b.From, "to": b.To, "drift": driftKinds(), "reconciled": portal.EventReconciled})
}
