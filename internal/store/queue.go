package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// QueuedRequest is a request on its way to DigitalOcean, or back.
type QueuedRequest struct {
	portal.Request
	Attempt int       // number of its last call; 0: none was made
	SentAt  time.Time // when that was about to be made
}

// QueueSection is a part of the queue.
type QueueSection string

// The sections.
const (
	QueueRunning QueueSection = "running" // being sent, or under way at DigitalOcean
	QueueWaiting QueueSection = "waiting" // approved; not what its requester has to collect
	QueueUnknown QueueSection = "unknown" // the call's answer was lost
	QueueFailed  QueueSection = "failed"  // since a time, newest first
)

// queued says which requests are in a section, in which order. Each has a partial index.
var queued = map[QueueSection]struct{ where, order string }{
	QueueRunning: {`r.state IN ` + literals(portal.Executing, portal.Settling), `r.number`},
	QueueWaiting: {ToBeSent + ` AND r.operation <> ALL(@secrets)`, `r.number`},
	QueueUnknown: {`r.state IN ` + literals(portal.Unknown), `r.number`},
	QueueFailed:  {`r.state IN ` + literals(portal.Failed) + ` AND r.updated_at >= @since`, `r.updated_at DESC, r.number DESC`},
}

// Queue lists the requests of a section, those that came first at the top but for
// failures, of which only those since a time count. Like every list it leaves out what
// lists do not show, and reviews and attempts besides.
func Queue(ctx context.Context, q Querier, s QueueSection, since time.Time, limit int) ([]QueuedRequest, error) {
	return db.All(ctx, q, readQueued, `SELECT `+listColumns+`, coalesce(e.attempt, 0) AS attempt, e.intent_at AS sent`+requestTables+`
		LEFT JOIN LATERAL (SELECT attempt, intent_at FROM executions WHERE request_id = r.id ORDER BY attempt DESC LIMIT 1) e ON true
		WHERE `+queued[s].where+` ORDER BY `+queued[s].order+` LIMIT @limit`, queueArgs(since, limit))
}

// QueueCount counts the requests of a section, to a limit.
func QueueCount(ctx context.Context, q Querier, s QueueSection, since time.Time, limit int) (int, error) {
	return db.One(ctx, q, pgx.RowTo[int], `SELECT count(*) FROM (SELECT FROM requests r WHERE `+queued[s].where+` LIMIT @limit) counted`, queueArgs(since, limit))
}

func queueArgs(since time.Time, limit int) pgx.NamedArgs {
	return pgx.NamedArgs{"secrets": secrets, "since": since, "limit": limit}
}

func readQueued(row pgx.CollectableRow) (QueuedRequest, error) {
	type queued struct {
		requestRow
		Attempt int
		Sent    *time.Time
	}
	got, err := pgx.RowToStructByNameLax[queued](row)
	got.Plan = got.Listed
	return QueuedRequest{Request: got.request(), Attempt: got.Attempt, SentAt: fromNull(got.Sent)}, err
}
