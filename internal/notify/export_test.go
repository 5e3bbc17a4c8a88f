package notify

import (
	"context"
	"net/netip"
	"time"
)

// What tests of the outbox need to know.
const (
	Lease     = lease
	MostTries = mostTries
)

// Wait is how long to wait after a number of attempts.
func Wait(attempts int) time.Duration { return wait(attempts) }

// Public reports whether webhooks may go to an address.
func Public(ip string) bool {
	return public(netip.MustParseAddr(ip)) && !never(netip.MustParseAddr(ip))
}

// SendAndDie sends the next delivery of a lane and ends before noting it, as a
// worker does that is killed.
func (s *Service) SendAndDie(ctx context.Context, lane string) error {
	d, _, err := s.claim(ctx, lane)
	if err != nil {
		return err
	}
	m, _, err := s.message(ctx, d)
	if err != nil {
		return err
	}
	s.attempt(ctx, d, m)
	return nil
}
