package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// SavedSearches lists the saved searches of the trail by their names.
func SavedSearches(ctx context.Context, q Querier) ([]portal.SavedSearch, error) {
	type search struct {
		portal.SavedSearch
		portal.Identity
		ByName string
	}
	list, err := db.All(ctx, q, pgx.RowToStructByNameLax[search], `SELECT id, name, query, issuer, subject, by_name, at FROM saved_searches
		ORDER BY lower(name), id LIMIT @most`, pgx.StrictNamedArgs{"most": portal.MostSavedSearches})
	searches := make([]portal.SavedSearch, len(list))
	for i, s := range list {
		searches[i] = s.SavedSearch
		searches[i].By = portal.Person{Identity: s.Identity, Name: s.ByName}
	}
	return searches, err
}

// LockSavedSearches keeps others from changing the saved searches until tx ends.
func LockSavedSearches(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `LOCK TABLE saved_searches IN SHARE ROW EXCLUSIVE MODE`)
	return db.Wrap(err)
}

// InsertSavedSearch keeps a search. Callers have locked them.
func InsertSavedSearch(ctx context.Context, tx pgx.Tx, s portal.SavedSearch) error {
	_, err := tx.Exec(ctx, `INSERT INTO saved_searches (id, name, query, issuer, subject, by_name, at)
		VALUES (@id, @name, @query, @issuer, @subject, @by_name, @at)`,
		pgx.StrictNamedArgs{"id": s.ID, "name": s.Name, "query": s.Query, "issuer": s.By.Issuer, "subject": s.By.Subject, "by_name": s.By.Name, "at": s.At})
	return db.Wrap(err)
}

// DeleteSavedSearch removes a search. Callers have locked them.
func DeleteSavedSearch(ctx context.Context, tx pgx.Tx, id string) error {
	_, err := tx.Exec(ctx, `DELETE FROM saved_searches WHERE id = @id`, pgx.StrictNamedArgs{"id": id})
	return db.Wrap(err)
}
