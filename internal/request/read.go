package request

import (
	"context"

	"github.com/google/uuid"

	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// VisibleRequest returns a request. What a may not see does not exist
// (KindNotFound).
func (s *Service) VisibleRequest(ctx context.Context, a portal.Actor, number int64) (portal.Request, error) {
	r, err := store.RequestByNumber(ctx, s.Pool, number)
	return visible(a, r, err)
}

// VisibleRequestID is VisibleRequest for the UUID.
func (s *Service) VisibleRequestID(ctx context.Context, a portal.Actor, id string) (portal.Request, error) {
	if _, err := uuid.Parse(id); err != nil {
		return portal.Request{}, portal.E(portal.KindNotFound, "there is no such request", err)
	}
	r, err := store.RequestByID(ctx, s.Pool, id)
	return visible(a, r, err)
}

func visible(a portal.Actor, r portal.Request, err error) (portal.Request, error) {
	if err == nil && !r.VisibleTo(a) {
		return portal.Request{}, portal.Hidden("there is no such request")
	}
	return r, err
}
