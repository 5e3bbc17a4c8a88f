package audit

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// TakeSample returns a sample of what Search finds on all of its pages. Who may call
// it is as with Search.
func TakeSample(ctx context.Context, q db.Querier, f portal.EventFilter) (portal.EventSample, error) {
	f.Before, f.Limit = "", portal.MostSampled+1
	columns := func(source string) string {
		return `SELECT at, kind, outcome AS result, operation, environment, coalesce(team_id::text, '') AS team_id, issuer, subject, actor_name AS name
			FROM (` + source + `) e ORDER BY at DESC, id DESC LIMIT @limit`
	}
	list, err := search(ctx, q, pgx.RowToStructByName[portal.SampleEvent], columns, f, func(e portal.SampleEvent) time.Time { return e.At })
	if len(list) > portal.MostSampled {
		return portal.EventSample{Events: list[:portal.MostSampled], More: true}, err
	}
	return portal.EventSample{Events: list}, err
}
