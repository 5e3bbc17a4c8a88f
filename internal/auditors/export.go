package auditors

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit"
	"doksportal/internal/audit/export"
	"doksportal/internal/db"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// exporting is how often somebody exports: far above what people do, since each export
// reads all of what it has.
var exporting = store.Rate{Every: time.Minute, Burst: 30}

// Export selects what an export has, and puts on the trail that somebody has it, before
// they do. It returns KindConflict when there is nothing to prove in a format that
// proves, KindLimited to who exports more than people can, and KindForbidden to others
// than auditors and admins.
func (s *Service) Export(ctx context.Context, a portal.Actor, format export.Format, f portal.EventFilter) (*audit.Selection, error) {
	if err := a.RequireAuditor(); err != nil {
		return nil, err
	}
	wait, err := exporting.Admit(ctx, s.Pool, "trail exported "+a.Issuer+" "+a.Subject, 1, s.Now())
	if err != nil {
		return nil, err
	}
	if wait > 0 {
		return nil, portal.E(portal.KindLimited, "you have exported too often; try again in "+portal.RoughDuration(wait))
	}
	selection, err := audit.Select(ctx, s.Pool, f)
	if err != nil {
		return nil, err
	}
	events, size := selection.Events(), int64(0)
	if format.Proven() {
		if events, size = selection.Covered(); events == 0 {
			return nil, portal.E(portal.KindConflict, "no event that is under a checkpoint matches, so there is nothing to prove")
		}
	}
	return selection, db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		data := map[string]any{"format": format.Name, "filter": selection.Filter, "events": events}
		if size > 0 {
			data["checkpoint"] = size
		}
		return audit.Append(ctx, tx, portal.Event{
			At: s.Now(), Kind: portal.EventTrailExported, Actor: a.Person(), Target: portal.EventTarget{Kind: portal.TargetTrail},
			Summary: fmt.Sprintf("%s exported %s as %s", a.Name, eventsOf(events, selection.Filter), format.Label), Data: data,
		})
	})
}

// eventsOf is what an export has, in words.
func eventsOf(events int64, filter string) string {
	text := fmt.Sprintf("%d events", events)
	if events == 1 {
		text = "1 event"
	}
	if filter == "" {
		return text + ", all"
	}
	return text + " (" + strings.ReplaceAll(filter, "&", ", ") + ")"
}
