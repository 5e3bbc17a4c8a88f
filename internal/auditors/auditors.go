// Package auditors is what those who read the audit trail keep for their work, such as
// the searches that they save for each other. What they do is on the trail, too.
package auditors

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/names"
	"doksportal/internal/portal"
	"doksportal/internal/rulebook"
	"doksportal/internal/store"
)

// Service has the use cases of auditors. All members but Secrets, StepUpWithin and Tell
// must be set.
type Service struct {
	Pool   *pgxpool.Pool
	Now    func() time.Time
	People People
	Rules  *rulebook.Service

	Secrets      []string      // names of the portal's settings that hold secrets
	StepUpWithin time.Duration // how old the sign-in of who signs a review of access may be; zero: portal.FreshFor
	// Tell hears that a review of access is due; nil for nobody.
	Tell func(ctx context.Context, tx pgx.Tx, e portal.Event) error
}

// maxName and maxQuery bound a saved search, in characters.
const (
	maxName  = 60
	maxQuery = 2000
)

// SaveSearch keeps a search of the trail, as the part of an address, for all who may
// read the trail. It returns KindInvalid, at "search_name", for a name that cannot be,
// KindConflict when there are as many as there can be, and KindForbidden to others
// than auditors and admins. The same search of the same name is kept once.
func (s *Service) SaveSearch(ctx context.Context, a portal.Actor, name, query string) error {
	if err := a.RequireAuditor(); err != nil {
		return err
	}
	if strings.TrimSpace(name) == "" {
		return refuseName("Enter a name.")
	}
	name, problem := names.Check(name, maxName)
	if problem != "" {
		return refuseName(problem)
	}
	if values, err := url.ParseQuery(query); err != nil || len(values) == 0 || len(query) > maxQuery {
		return portal.E(portal.KindInvalid, "there is no search to save; search for something first")
	}
	saved := portal.SavedSearch{ID: uuid.Must(uuid.NewV7()).String(), Name: name, Query: query, By: a.Person(), At: s.Now()}
	return s.change(ctx, func(tx pgx.Tx, list []portal.SavedSearch) error {
		for _, other := range list {
			switch {
			case other.Name == name && other.Query == query: // a second click
				return nil
			case names.Alike(other.Name, name):
				return refuseName("There is a saved search “" + other.Name + "” already; choose another name.")
			}
		}
		if len(list) >= portal.MostSavedSearches {
			return portal.E(portal.KindConflict, fmt.Sprintf("%d searches are saved, which is as many as there can be; delete one", len(list)))
		}
		if err := store.InsertSavedSearch(ctx, tx, saved); err != nil {
			return err
		}
		return s.recordSearch(ctx, tx, a, portal.EventSearchSaved, "saved", saved)
	})
}

// DeleteSearch removes a saved search. Who saved it may, and admins. It returns
// KindNotFound for one that is gone.
func (s *Service) DeleteSearch(ctx context.Context, a portal.Actor, id string) error {
	if err := a.RequireAuditor(); err != nil {
		return err
	}
	return s.change(ctx, func(tx pgx.Tx, list []portal.SavedSearch) error {
		i := slices.IndexFunc(list, func(o portal.SavedSearch) bool { return o.ID == id })
		switch {
		case i < 0:
			return portal.E(portal.KindNotFound, "there is no such saved search")
		case list[i].By.Identity != a.Identity && !a.HasRole(portal.RoleAdmin):
			return portal.E(portal.KindForbidden, list[i].By.Name+" has saved this search; they can delete it, and admins")
		}
		if err := store.DeleteSavedSearch(ctx, tx, id); err != nil {
			return err
		}
		return s.recordSearch(ctx, tx, a, portal.EventSearchDeleted, "deleted", list[i])
	})
}

func refuseName(problem string) error {
	return portal.Invalid(portal.FieldError{Field: "search_name", Message: problem})
}

// change changes the saved searches, as they are then.
func (s *Service) change(ctx context.Context, do func(pgx.Tx, []portal.SavedSearch) error) error {
	return db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		if err := store.LockSavedSearches(ctx, tx); err != nil {
			return err
		}
		list, err := store.SavedSearches(ctx, tx)
		if err != nil {
			return err
		}
		return do(tx, list)
	})
}

func (s *Service) recordSearch(ctx context.Context, tx pgx.Tx, a portal.Actor, kind portal.EventKind, did string, search portal.SavedSearch) error {
	return audit.Append(ctx, tx, portal.Event{
		At: s.Now(), Kind: kind, Actor: a.Person(), Target: portal.EventTarget{Kind: portal.TargetTrail, ID: search.ID, Name: search.Name},
		Summary: a.Name + " " + did + " the search “" + search.Name + "” of the audit trail", Data: map[string]any{"query": search.Query},
	})
}
