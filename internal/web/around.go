package web

import (
	"context"
	"slices"

	"doksportal/internal/portal"
	"doksportal/internal/store"
	"doksportal/views"
)

const (
	mostApprovers = 100 // of a group, who are looked for
	fewEarlier    = 5   // earlier requests beside one
)

// aroundRequest reads what helps to decide on the request of a page: who can,
// what was asked for before, and how long it usually takes.
func (s *Server) aroundRequest(ctx context.Context, v viewer, p *views.RequestPage) error {
	var err error
	if p.Approvers, err = s.approvers(ctx, p.Request); err != nil {
		return err
	}
	f := s.visibleTo(v)
	f.Before, f.Limit = p.Request.Number, fewEarlier
	f.Requester = p.Request.Requester.Identity
	if p.OfRequester, err = s.earlier(ctx, v, f); err != nil {
		return err
	}
	if p.Request.TargetID != "" {
		f.Requester, f.TargetID = portal.Identity{}, p.Request.TargetID
		if p.OfCluster, err = s.earlier(ctx, v, f); err != nil {
			return err
		}
	}
	if !p.Request.State.Final() {
		if p.Usual, err = store.UsualTime(ctx, s.Pool, p.Request.Operation); err != nil {
			return err
		}
	}
	if _, lost := p.Request.LostAttempt(); lost && p.Request.Operation == portal.CreateCluster {
		if p.Tagged, err = store.ClustersWithTag(ctx, s.Pool, p.Request.RequestTag()); err != nil {
			return err
		}
	}
	return s.neighbours(ctx, v, p)
}

// visibleTo narrows a list of requests to those that the viewer may see.
func (s *Server) visibleTo(v viewer) store.RequestFilter {
	return store.RequestFilter{All: v.actor.SeesAll(), TeamIDs: v.teamIDs(), Groups: v.actor.Groups}
}

func (s *Server) earlier(ctx context.Context, v viewer, f store.RequestFilter) ([]portal.Request, error) {
	f.All = f.All || f.Requester == v.actor.Identity // everybody sees their own
	list, err := store.Requests(ctx, s.Pool, f)
	return slices.DeleteFunc(list, func(r portal.Request) bool { return !r.VisibleTo(v.actor) }), err
}

// approvers are people whom the portal knows in the groups whose approval the
// requests wait for, and those who stand in for them.
func (s *Server) approvers(ctx context.Context, requests ...portal.Request) ([]portal.Approver, error) {
	var groups []string
	for _, r := range requests {
		if r.State != portal.Pending {
			continue
		}
		for _, n := range r.Outstanding() {
			groups = append(groups, n.Groups...)
		}
		if len(groups) > 0 {
			groups = append(groups, r.GainedBy()...) // to tell who gains and so cannot decide
		}
	}
	if len(groups) == 0 {
		return nil, nil
	}
	list, err := store.Approvers(ctx, s.Pool, groups, s.Now().Add(-portal.KnownFor), mostApprovers)
	if err != nil {
		return nil, err
	}
	standIns, err := s.standIns(ctx, groups)
	return append(list, standIns...), err
}

// neighbours finds what else waits for the reader's decision, in the order of
// their inbox. From elsewhere the way leads to the first.
func (s *Server) neighbours(ctx context.Context, v viewer, p *views.RequestPage) error {
	if v.inbox == 0 {
		return nil
	}
	list, err := store.NumbersToDecide(ctx, s.Pool, v.actor, s.Now(), pageSize)
	if err != nil || len(list) == 0 {
		return err
	}
	p.Waiting = len(list)
	at := slices.Index(list, p.Request.Number)
	if at > 0 {
		p.Previous = list[at-1]
	}
	if at+1 < len(list) {
		p.Following = list[at+1]
	}
	return nil
}
