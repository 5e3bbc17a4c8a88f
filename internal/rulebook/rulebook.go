// Package rulebook keeps the versions of the policy, knows which of them is in
// force, and has admins change it: what makes nothing easier comes in force at
// once, everything else on the word of a second admin. request and execute ask it
// for the policy in force, web shows and changes it.
package rulebook

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/policy"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// Service keeps the policy. Pool and Now must be set for everything but InForce,
// People for Decide.
type Service struct {
	PlatformApprovers string // group of the platform approvers; empty when there is none
	Pool              *pgxpool.Pool
	People            portal.People
	Now               func() time.Time
	StepUpWithin      time.Duration // how old the sign-in of who changes the policy may be; zero stands for portal.FreshFor

	mu     sync.Mutex
	parsed map[int]*policy.Policy // by version, whose text never changes
}

// maxParsed is how many versions are kept ready.
const maxParsed = 8

// InForce returns the policy that is in force as q sees it: with a
// transaction, it is the one that the transaction decides by. Where none has
// been written down yet it is the built-in one, as version 1.
func (b *Service) InForce(ctx context.Context, q store.Querier) (*policy.Policy, error) {
	version, err := store.PolicyInForce(ctx, q)
	if err != nil {
		return nil, err
	}
	if version == 0 {
		return b.ready(policy.BuiltIn(), 1), nil
	}
	if p := b.known(version); p != nil {
		return p, nil
	}
	kept, err := store.Policy(ctx, q, version)
	if err != nil {
		return nil, err
	}
	p, faults := policy.Parse([]byte(kept.Text))
	if len(faults) > 0 {
		return nil, portal.E(portal.KindUnavailable, "the policy in force cannot be read by this version of the portal; an admin has to mend it",
			fmt.Errorf("%w: version %d: %s", errUnreadable, version, faults[0]))
	}
	return b.keep(b.ready(p, version)), nil
}

var errUnreadable = errors.New("the policy in force has faults")

// ready completes a policy that has been read.
func (b *Service) ready(p *policy.Policy, version int) *policy.Policy {
	p.Version, p.PlatformApprovers = version, b.PlatformApprovers
	return p
}

func (b *Service) known(version int) *policy.Policy {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.parsed[version]
}

// keep has a policy at hand for the next time.
func (b *Service) keep(p *policy.Policy) *policy.Policy {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.parsed == nil || len(b.parsed) >= maxParsed {
		b.parsed = map[int]*policy.Policy{}
	}
	b.parsed[p.Version] = p
	return p
}

// Ensure writes the built-in policy down as version 1 where there is none, so
// that it stays in force when a later program has another. Many may call it at
// once.
func (b *Service) Ensure(ctx context.Context) error {
	return db.WithTx(ctx, b.Pool, func(tx pgx.Tx) error {
		_, err := b.ensure(ctx, tx)
		return err
	})
}

// ensure makes sure that a version is in force and returns which.
func (b *Service) ensure(ctx context.Context, tx pgx.Tx) (int, error) {
	if version, err := store.PolicyInForce(ctx, tx); err != nil || version > 0 {
		return version, err
	}
	if err := store.LockPolicies(ctx, tx); err != nil {
		return 0, err
	}
	if version, err := store.PolicyInForce(ctx, tx); err != nil || version > 0 {
		return version, err
	}
	now, self := b.Now(), portal.System("policy").Person()
	version, err := store.InsertPolicy(ctx, tx, portal.PolicyVersion{
		Text: policy.BuiltInText, Author: self, Note: "The built-in policy.", CreatedAt: now, State: portal.PolicyInForce, InForceAt: now,
	})
	if err != nil {
		return 0, err
	}
	return version, audit.Append(ctx, tx, portal.Event{
		At: now, Kind: portal.EventPolicyInForce, Actor: self, Summary: fmt.Sprintf("The built-in policy is in force as version %d", version),
		Data: map[string]any{"version": version, "text": policy.BuiltInText},
	})
}
