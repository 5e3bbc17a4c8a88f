package ui

import (
	"context"
	"time"

	"doksportal/internal/portal"
)

type zoneKey struct{}

// WithZone returns a context in which times are written in a zone that its reader has
// chosen. Without one, or by a name that is none, they are written in UTC, and the
// reader's browser shows them in its own.
func WithZone(ctx context.Context, name string) context.Context {
	zone, ok := portal.Zone(name)
	if !ok {
		return ctx
	}
	return context.WithValue(ctx, zoneKey{}, zone)
}

// written is how a time is written in the page, and how in UTC beside that; empty
// when that is the same.
func written(ctx context.Context, t time.Time) (text, utc string) {
	const layout = "2006-01-02 15:04:05 MST"
	utc = t.UTC().Format(layout)
	zone, ok := ctx.Value(zoneKey{}).(*time.Location)
	if !ok || zone == time.UTC {
		return utc, ""
	}
	return t.In(zone).Format(layout), utc
}
