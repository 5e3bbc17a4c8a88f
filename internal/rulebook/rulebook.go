// Package rulebook keeps the versions of the policy, knows which of them is in
// force, and has admins change it: what makes nothing easier comes in force at
// once, everything else on the word of a second admin. request and execute ask it
// for the policy in force, web shows and changes it.
package rulebook

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/policy"
	"doksportal/internal/portal"
	"doksportal/internal/shares"
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

	waiting waiting

	once sync.Once
	slot chan struct{}  // of who compares a draft
	own  *shares.Shares // of the places in the slot's queue
}

// ownPlaces is how many places one person has in the queue: the page compares a
// text and tries it out at once, and again when it is typed on meanwhile.
const ownPlaces = 4

// slotWait is how long somebody waits for others' drafts to be compared.
const slotWait = 5 * time.Second

// compareRate is how many milliseconds the drafts of one person may take, so that
// dear ones do not keep all others waiting.
var compareRate = store.Rate{Every: 4 * time.Millisecond, Burst: 60_000}

// comparing has a person's draft be read and compared by do, when it is its turn.
// KindLimited says that theirs, or others', take too much.
func (s *Service) comparing(ctx context.Context, a portal.Actor, do func() error) error {
	s.prepare()
	leave, ok := s.own.Enter(a.Identity)
	if !ok {
		return portal.E(portal.KindLimited, "other versions of yours are being compared; try again in a moment")
	}
	defer leave()
	release, err := s.takeSlot(ctx)
	if err != nil {
		return err
	}
	defer release()
	return s.booked(ctx, a, do)
}

// booked has do work on a person's draft, and books the time that it takes.
// KindLimited says that theirs have taken too much.
func (s *Service) booked(ctx context.Context, a portal.Actor, do func() error) error {
	key, start := "compare "+a.Issuer+" "+a.Subject, s.Now()
	wait, err := compareRate.Admit(ctx, s.Pool, key, 0, start)
	if err != nil {
		return err
	}
	if wait > 0 {
		return portal.E(portal.KindLimited, "your versions of the policy have taken long to compare; try again in "+portal.RoughDuration(wait))
	}
	err = do()
	took := int(s.Now().Sub(start).Milliseconds()) + 1
	return errors.Join(err, compareRate.Book(context.WithoutCancel(ctx), s.Pool, key, took, s.Now()))
}

func (s *Service) prepare() {
	s.once.Do(func() { s.slot, s.own = make(chan struct{}, 1), shares.New(ownPlaces) })
}

// takeSlot has one draft be compared at a time, which may take seconds. It is
// taken before a database connection is, so that who waits keeps nobody from one.
// KindLimited says that others compare too much.
func (s *Service) takeSlot(ctx context.Context) (release func(), err error) {
	s.prepare()
	bounded, cancel := context.WithTimeout(ctx, slotWait)
	defer cancel()
	select {
	case s.slot <- struct{}{}:
		return func() { <-s.slot }, nil
	case <-bounded.Done():
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		return nil, portal.E(portal.KindLimited, "other versions of the policy are being compared; try again in a moment")
	}
}

// waiting is what the version that waits for a decision does, kept for the pages
// that show it.
type waiting struct {
	version, inForce int
	at               time.Time
	consequences     []Consequence
}

// waitingKept is for how long that is believed: people come and go meanwhile.
const waitingKept = time.Minute

// maxParsed is how many versions are kept ready.
const maxParsed = 8

// InForce returns the policy that is in force as q sees it: with a
// transaction, it is the one that the transaction decides by. Where none has
// been written down yet it is the built-in one, as version 1.
func (s *Service) InForce(ctx context.Context, q store.Querier) (*policy.Policy, error) {
	version, err := store.PolicyInForce(ctx, q)
	if err != nil {
		return nil, err
	}
	if version == 0 {
		return s.ready(policy.BuiltIn(), 1), nil
	}
	if p := s.known(version); p != nil {
		return p, nil
	}
	kept, err := store.Policy(ctx, q, version)
	if err != nil {
		return nil, err
	}
	p, faults := policy.Parse([]byte(kept.Text))
	if len(faults) > 0 {
		return nil, portal.E(portal.KindUnavailable, "the policy in force cannot be read by this version of the portal; an admin has to fix it",
			fmt.Errorf("%w: version %d: %s", errUnreadable, version, faults[0]))
	}
	return s.keep(s.ready(p, version)), nil
}

var errUnreadable = errors.New("the policy in force has faults")

// ready completes a policy that has been read.
func (s *Service) ready(p *policy.Policy, version int) *policy.Policy {
	p.Version, p.PlatformApprovers = version, s.PlatformApprovers
	return p
}

func (s *Service) known(version int) *policy.Policy {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.parsed[version]
}

// keep has a policy at hand for the next time.
func (s *Service) keep(p *policy.Policy) *policy.Policy {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.parsed == nil || len(s.parsed) >= maxParsed {
		s.parsed = map[int]*policy.Policy{}
	}
	s.parsed[p.Version] = p
	return p
}

// Ensure writes the built-in policy down as version 1 where there is none, so
// that it stays in force when a later program has another. Many may call it at
// once.
func (s *Service) Ensure(ctx context.Context) error {
	return db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		_, err := s.ensure(ctx, tx)
		return err
	})
}

// ensure makes sure that a version is in force and returns which.
func (s *Service) ensure(ctx context.Context, tx pgx.Tx) (int, error) {
	if version, err := store.PolicyInForce(ctx, tx); err != nil || version > 0 {
		return version, err
	}
	if err := store.LockPolicies(ctx, tx); err != nil {
		return 0, err
	}
	if version, err := store.PolicyInForce(ctx, tx); err != nil || version > 0 {
		return version, err
	}
	now, self := s.Now(), portal.System("policy").Person()
	version, err := store.InsertPolicy(ctx, tx, portal.PolicyVersion{
		Text: policy.BuiltInText, Author: self, Note: "The built-in policy.", CreatedAt: now, State: portal.PolicyInForce, InForceAt: now,
	})
	if err != nil {
		return 0, err
	}
	return version, audit.Append(ctx, tx, portal.Event{
		At: now, Kind: portal.EventPolicyInForce, Actor: self, Summary: fmt.Sprintf("The built-in policy is in force as version %d", version),
		Target: portal.EventTarget{Kind: portal.TargetPolicy, ID: strconv.Itoa(version)},
		Data:   map[string]any{"version": version, "text": policy.BuiltInText},
	})
}
