// Package audit keeps the trail of who did what, when, on whose word, and proves
// that nothing of it was changed, removed or put in between.
//
// Every package that changes something calls Append in the transaction of the
// change; web shows what Search and OfRequest find. A Trail gives committed events
// their numbers, one replica at a time, makes them the leaves of a Merkle tree and
// signs checkpoints, which anchors keep outside the database. Verify recomputes
// all of it. docs/audit.md says what that promises.
package audit

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// BehindAfter is how long an event may wait for its number before nothing is
// changed any more.
const BehindAfter = "60 seconds"

// Append records an event in the transaction of what it tells of. It fills in
// the id, and where it came from out of the context. An event without actor, time
// or kind is refused, and with it the transaction. It returns KindUnavailable
// while the trail is behind, unless the kind of event outlasts that.
func Append(ctx context.Context, tx pgx.Tx, e portal.Event) error {
	args, err := row(ctx, e)
	if err != nil {
		return err
	}
	values, err := encode(tx.Conn(), args)
	if err != nil {
		return err
	}
	if args["voucher"], err = voucherOf(tx.Conn(), values); err != nil {
		return err
	}
	recorded, err := db.All(ctx, tx, pgx.RowTo[time.Time], insertEvent+`
		WHERE @outlasts OR NOT EXISTS (
			SELECT FROM (SELECT queued_at FROM event_queue ORDER BY place LIMIT 1) oldest
			WHERE queued_at < clock_timestamp() - @behind::interval OR queued_at > clock_timestamp() + @behind::interval)
		RETURNING recorded_at`, args)
	switch {
	case err != nil:
		return err
	case len(recorded) == 0:
		return portal.E(portal.KindUnavailable, "the audit trail is behind, so nothing can be changed right now; reading goes on")
	}
	return noteIntent(ctx, tx, e.Kind, values, recorded[0])
}

const insertEvent = `
	INSERT INTO events (id, at, kind, outcome, issuer, subject, actor_name, actor_email, actor_roles, actor_groups,
		session, address, user_agent, http_request, team_id, request_id, revision, operation, environment, target_kind, target_id, target_name, clusters,
		summary, reason, data, voucher)
	SELECT @id, @at, @kind, @outcome, @issuer, @subject, @actor_name, @actor_email, @actor_roles, @actor_groups,
		@session, @address, @user_agent, @http_request, nullif(@team_id, '')::uuid, nullif(@request_id, '')::uuid, @revision, @operation, @environment,
		@target_kind, @target_id, @target_name, @clusters, @summary, @reason, @data, @voucher`

// eventRow is an event as Search selects it.
type eventRow struct {
	portal.Event
	portal.Person
	portal.Origin
	eventTarget
}

type eventTarget struct {
	TargetKind portal.TargetKind
	TargetID   string
	TargetName string
}

func (r eventRow) event() portal.Event {
	r.Event.Actor, r.Event.Origin = r.Person, r.Origin
	r.Target = portal.EventTarget{Kind: r.TargetKind, ID: r.TargetID, Name: r.TargetName}
	return r.Event
}

func readEvent(row pgx.CollectableRow) (portal.Event, error) {
	r, err := pgx.RowToStructByNameLax[eventRow](row)
	return r.event(), err
}

// Event returns an event with its details. It returns KindNotFound where there is
// none. Who may call it is as with Search.
func Event(ctx context.Context, q db.Querier, id string) (portal.Event, error) {
	none := portal.E(portal.KindNotFound, "there is no such event")
	if !portal.IsUUID(id) {
		return portal.Event{}, none
	}
	e, err := db.One(ctx, q, readEvent, `SELECT `+listed+`, e.data FROM events e `+listedWith+` WHERE e.id = @id`, pgx.StrictNamedArgs{"id": id})
	if errors.Is(err, pgx.ErrNoRows) {
		err = none
	}
	return e, err
}

// Details returns what else an event says, by its id.
func Details(ctx context.Context, q db.Querier, id string) (map[string]any, error) {
	return db.One(ctx, q, pgx.RowTo[map[string]any], `SELECT data FROM events WHERE id = @id`, pgx.StrictNamedArgs{"id": id})
}

// OfRequest returns the events of a request, oldest first, but for comments, of
// which many could hide the others. Whoever may see the request may see them.
func OfRequest(ctx context.Context, q db.Querier, number int64) ([]portal.Event, error) {
	const most = 200
	list, err := Search(ctx, q, portal.EventFilter{Request: number, But: portal.EventCommented, Limit: most})
	slices.Reverse(list)
	return list, err
}

// Drift returns the newest events about what happened to a cluster past the portal
// since a time, newest first, with what changed. Whoever may see the cluster may see
// them.
func Drift(ctx context.Context, q db.Querier, clusterID string, since time.Time, limit int) ([]portal.DriftEvent, error) {
	type event struct {
		portal.DriftEvent
		Data struct {
			Changes  []portal.Change
			Requests []int64
		}
	}
	kinds := []portal.EventKind{portal.EventClusterAppeared, portal.EventClusterDrifted, portal.EventClusterGone}
	list, err := db.All(ctx, q, pgx.RowToStructByNameLax[event], `SELECT at, kind, summary, data FROM events
		WHERE target_kind = @target_kind AND target_id = @cluster AND kind = ANY(@kinds) AND at >= @since ORDER BY at DESC, id DESC LIMIT @limit`,
		pgx.StrictNamedArgs{"target_kind": portal.TargetCluster, "cluster": clusterID, "kinds": kinds, "since": since, "limit": limit})
	drift := make([]portal.DriftEvent, len(list))
	for i, e := range list {
		drift[i] = e.DriftEvent
		drift[i].Changes, drift[i].Requests = e.Data.Changes, e.Data.Requests
	}
	return drift, err
}
