// Package migrations holds the database schema as goose migrations, which are run
// in the order of their numbers by `portal migrate up`, the demo and the tests,
// through db. One that has been released is never changed; a new one follows it.
// The job queue's own tables are not here: jobs.Migrate makes them.
package migrations

import "embed"

// FS holds the migration files, NNNNN_name.sql.
//
//go:embed *.sql
var FS embed.FS
