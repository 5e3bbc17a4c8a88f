package request

import (
	"context"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// confirmDelegators asks the provider again about those for whom a stands in. It
// may take seconds, so it is done before anything is locked.
func (s *Service) confirmDelegators(ctx context.Context, a portal.Actor) error {
	mandates, err := store.MandatesOf(ctx, s.Pool, a.Identity, s.Now(), s.Now().Add(-portal.KnownFor))
	if err != nil {
		return err
	}
	for _, m := range mandates {
		if _, _, err := s.People.Confirm(ctx, m.Delegator.Identity); err != nil {
			return err
		}
	}
	return nil
}

// wordOf says by whose right a decides on a locked request. No delegation by which
// they do is ended until tx is. It returns KindConflict where only that person's
// would do whose groups the provider does not confirm.
func (s *Service) wordOf(ctx context.Context, tx pgx.Tx, a portal.Actor, r portal.Request) (portal.Word, error) {
	known, err := store.LockMandatesOf(ctx, tx, a.Identity, s.Now(), s.Now().Add(-portal.KnownFor))
	if err != nil {
		return portal.Word{}, err
	}
	var confirmed []portal.Mandate
	for _, m := range known {
		if s.Now().Sub(m.GroupsAt) <= portal.GroupsFor {
			confirmed = append(confirmed, m)
		}
	}
	word, refusal := r.WordOf(a, confirmed, s.Now())
	if refusal == nil {
		return word, RefuseGains(ctx, tx, r, a, word.For().Identity, s.Now())
	}
	if word, err := r.WordOf(a, known, s.Now()); err == nil {
		return word, portal.E(portal.KindConflict, "the identity provider does not confirm the groups of "+word.For().Name+", for whom you stand in; they have to open the portal first")
	}
	return word, refusal
}
