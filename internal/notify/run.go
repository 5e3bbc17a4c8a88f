package notify

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"doksportal/internal/portal"
)

// Run tells what there is to tell, mail and webhooks at the same time. Several
// at once do no harm.
func (s *Service) Run(ctx context.Context) error {
	expanded := s.expandAll(ctx)
	var g errgroup.Group
	g.Go(func() error { return s.drainAll(ctx, true) })
	g.Go(func() error { return s.drainAll(ctx, false) })
	return errors.Join(expanded, g.Wait())
}

// RunMail turns notifications into deliveries and sends those that are mail. A task
// calls it again and again, and another RunHooks: mail does not wait for
// webhooks that do not answer.
func (s *Service) RunMail(ctx context.Context) error {
	return errors.Join(s.expandAll(ctx), s.drainAll(ctx, true))
}

// RunHooks sends the deliveries that go to webhooks, which RunMail has queued.
func (s *Service) RunHooks(ctx context.Context) error { return s.drainAll(ctx, false) }

// drain sends what is due in a lane. It ends with the first failure, which it
// reports, so that a target that is not responding holds a round up once and not
// for each delivery.
func (s *Service) drain(ctx context.Context, lane string) (failed bool, err error) {
	enough, cancel := context.WithTimeout(ctx, drainFor)
	defer cancel()
	for enough.Err() == nil {
		d, found, err := s.claim(ctx, lane)
		if err != nil || !found {
			return false, err
		}
		failure, err := s.deliver(ctx, d)
		if err != nil || failure != nil {
			return failure != nil, err
		}
	}
	return false, nil
}

// failure is why an attempt failed, in words that give no secret away.
type failure struct {
	words string
	final bool // no attempt will do better
}

// deliver makes one attempt and notes what came of it. The error is one of the
// portal's own; then the delivery is due again when its lease ends.
func (s *Service) deliver(ctx context.Context, d claimed) (*failure, error) {
	m, current, err := s.message(ctx, d)
	if err != nil {
		return nil, err
	}
	var f *failure
	if current {
		f = s.attempt(ctx, d, m)
	}
	if ctx.Err() != nil && f != nil {
		return f, nil // cut off: no fault of the target
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeFor)
	defer cancel()
	return f, s.note(ctx, d, current, f)
}

// note writes down what came of an attempt.
func (s *Service) note(ctx context.Context, d claimed, current bool, f *failure) error {
	switch {
	case !current:
		return s.end(ctx, s.Pool, d, portal.DeliveryOvertaken, "")
	case f == nil:
		return s.end(ctx, s.Pool, d, portal.DeliverySent, "")
	case f.final || d.attempts >= mostTries || d.notificationID == "": // a test is to say at once what is wrong
		s.Logger.Warn("notification given up", "delivery", d.id, "attempts", d.attempts, "fault", f.words)
		return s.giveUp(ctx, d, f.words)
	}
	return s.postpone(ctx, d, f.words)
}

// attempt sends a message to its target.
func (s *Service) attempt(ctx context.Context, d claimed, m message) *failure {
	ctx, cancel := context.WithTimeout(ctx, sendFor)
	defer cancel()
	t := target{Address: m.address}
	if d.channelID != "" {
		t = target{}
		if err := s.seal.Open(d.target, d.channelID, &t); err != nil {
			return &failure{"Its address can no longer be read, because the portal's secret has changed. Remove the channel and add it again.", true}
		}
	}
	kind, known := kinds[d.kind]
	if !known {
		return &failure{words: "This version of the portal does not know such channels."}
	}
	return kind.send(ctx, s, t, d, m)
}
