// Package store keeps teams, clusters and requests in Postgres: hand-written
// SQL, one file an aggregate. Functions that write take a pgx.Tx, because what
// they write belongs to a transaction with an audit event. Errors carry a
// portal.Kind where people can do something about them.
package store

import (
	"time"

	"doksportal/internal/db"
	"doksportal/internal/portal"
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

// named gives an error of KindNotFound better words.
func named(err error, notFound string) error {
	if portal.Is(err, portal.KindNotFound) {
		return &portal.Error{Kind: portal.KindNotFound, Message: notFound, Err: err, Site: portal.SiteOf(err)}
	}
	return err
}

func person(issuer, subject, name string) portal.Person {
	return portal.Person{Identity: portal.Identity{Issuer: issuer, Subject: subject}, Name: name}
}

// notNil is for columns that have an empty list and no NULL.
func notNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
