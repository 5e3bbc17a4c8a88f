// Package store keeps teams, clusters and requests in Postgres: hand-written
// SQL, one file an aggregate. Functions that write take a pgx.Tx, because what
// they write belongs to a transaction with an audit event. Errors carry a
// portal.Kind where people can do something about them.
package store

import (
	"time"

	"doksportal/internal/db"
)

// Querier is db.Querier.
type Querier = db.Querier

// fromNull returns the zero time for SQL's NULL.
func fromNull(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}
