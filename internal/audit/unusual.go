package audit

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// CountAlike counts, up to a limit, the events by which a rule finds e: those of its
// kinds and operations of the same person, or the same address, after a time and up to
// e, which counts itself.
func CountAlike(ctx context.Context, q db.Querier, rule portal.UnusualRule, e portal.Event, after time.Time, limit int) (int, error) {
	alike := []string{`e.at > @after AND e.at <= @at`, `e.kind = ANY (@kinds)`}
	if len(rule.Operations) > 0 {
		alike = append(alike, `e.operation = ANY (@operations)`)
	}
	if rule.FromAddress {
		alike = append(alike, `e.address = @address AND e.address <> ''`)
	} else {
		alike = append(alike, `e.subject = @subject AND e.issuer = @issuer`)
	}
	return db.One(ctx, q, pgx.RowTo[int], `SELECT count(*) FROM (SELECT FROM events e WHERE `+strings.Join(alike, " AND ")+` LIMIT @limit) alike`,
		pgx.NamedArgs{"after": after, "at": e.At, "kinds": rule.Kinds, "operations": rule.Operations, "address": e.Origin.Address,
			"subject": e.Actor.Subject, "issuer": e.Actor.Issuer, "limit": limit})
}
