// Package orphans has people say what became of the resources that deletions of
// clusters left behind at DigitalOcean. The portal cannot look: the API for clusters
// does not know of them once the cluster is gone.
package orphans

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/names"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// MostAtOnce is how many orphans can be resolved at once.
const MostAtOnce = 100

// maxReason is how long a reason may be, in characters.
const maxReason = 1000

// The names of the form's fields.
const (
	FieldOrphans = "orphan"
	FieldState   = "orphan_state"
	FieldReason  = "orphan_reason"
	FieldFrom    = "orphan_from"
)

// Service resolves orphans. All members must be set.
type Service struct {
	Pool *pgxpool.Pool
	Now  func() time.Time
}

// Input is what somebody says of orphans.
type Input struct {
	IDs    []string
	From   portal.OrphanState // in which they were when a was asked; empty: OrphanOpen
	State  portal.OrphanState
	Reason string
}

// MayResolve reports whether a may say what became of the orphans of a team: its
// members, and admins.
func MayResolve(a portal.Actor, t portal.Team) bool {
	return !a.IsZero() && (a.MemberOf(t) || a.HasRole(portal.RoleAdmin))
}

// Chosen returns the orphans with the ids, also those that are resolved. It returns
// KindInvalid, at FieldOrphans, for none or too many, KindNotFound where a may not see
// one or there is none, and KindForbidden where a may only read one.
func (s *Service) Chosen(ctx context.Context, a portal.Actor, ids []string) ([]portal.Orphan, error) {
	teams, err := teamsOf(ctx, s.Pool, a)
	if err != nil {
		return nil, err
	}
	if ids, err = check(ids); err != nil {
		return nil, err
	}
	list, err := store.OrphansByID(ctx, s.Pool, ids)
	if err != nil {
		return nil, err
	}
	return list, teams.allow(list, len(ids))
}

// Resolve keeps what a says of orphans, all of them or none, each with an event, and
// returns those that it was said of. One that is no longer as it was when a was asked
// stays as it is. What was said can be corrected, or taken back by OrphanOpen. Its
// errors are those of Chosen; besides KindInvalid at FieldState and FieldReason.
func (s *Service) Resolve(ctx context.Context, a portal.Actor, in Input) (resolved []portal.Orphan, err error) {
	err = db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		resolved = nil
		teams, err := teamsOf(ctx, tx, a)
		if err != nil {
			return err
		}
		ids, err := check(in.IDs)
		if err != nil {
			return err
		}
		list, err := store.LockOrphans(ctx, tx, ids)
		if err != nil {
			return err
		}
		if err := teams.allow(list, len(ids)); err != nil {
			return err
		}
		if in.From = cmp.Or(in.From, portal.OrphanOpen); !in.From.Known() {
			return portal.E(portal.KindNotFound, store.NoOrphan)
		}
		if err := in.check(); err != nil {
			return err
		}
		for _, o := range list {
			if o.State != in.From {
				continue
			}
			o.State, o.Reason, o.ResolvedBy, o.ResolvedAt = in.State, strings.TrimSpace(in.Reason), a.Person(), s.Now()
			if err := resolve(ctx, tx, in.From, o); err != nil {
				return err
			}
			resolved = append(resolved, o)
		}
		return nil
	})
	return resolved, err
}

// check returns the ids of a form, each once.
func check(ids []string) ([]string, error) {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	switch {
	case len(ids) == 0:
		return nil, portal.Invalid(portal.FieldError{Field: FieldOrphans, Message: "Choose at least one resource."})
	case len(ids) > MostAtOnce:
		return nil, portal.Invalid(portal.FieldError{Field: FieldOrphans, Message: fmt.Sprintf("Choose at most %d resources at once.", MostAtOnce)})
	case slices.ContainsFunc(ids, func(id string) bool { return !portal.IsUUID(id) }):
		return nil, portal.E(portal.KindNotFound, store.NoOrphan)
	}
	return ids, nil
}

func (in Input) check() error {
	var faults portal.FieldErrors
	if !in.State.Known() || in.State == in.From {
		faults.Add(FieldState, "Choose what became of it.")
	}
	if problem := names.CheckText("a reason", in.Reason, maxReason, true); problem != "" {
		faults.Add(FieldReason, "%s", problem)
	}
	return faults.Err()
}

// rights are what somebody may do with the orphans of teams, by their ids.
type rights struct{ see, resolve map[string]bool }

const notTheirs = "only members of the team and admins can say what became of what its clusters left behind"

// teamsOf returns KindForbidden to who may resolve the orphans of no team.
func teamsOf(ctx context.Context, q store.Querier, a portal.Actor) (rights, error) {
	teams, err := store.Teams(ctx, q)
	if err != nil {
		return rights{}, err
	}
	r, any := rights{map[string]bool{}, map[string]bool{}}, a.HasRole(portal.RoleAdmin)
	for _, t := range teams {
		r.see[t.ID], r.resolve[t.ID] = a.CanSee(t), MayResolve(a, t)
		any = any || r.resolve[t.ID]
	}
	if !any {
		return r, portal.E(portal.KindForbidden, notTheirs)
	}
	return r, nil
}

// allow makes sure that all orphans of a list, of which there were to be so many, may
// be resolved.
func (r rights) allow(list []portal.Orphan, want int) error {
	switch {
	case slices.ContainsFunc(list, func(o portal.Orphan) bool { return !r.see[o.TeamID] }):
		return portal.Hidden(store.NoOrphan)
	case len(list) < want:
		return portal.E(portal.KindNotFound, store.NoOrphan)
	case slices.ContainsFunc(list, func(o portal.Orphan) bool { return !r.resolve[o.TeamID] }):
		return portal.E(portal.KindForbidden, notTheirs)
	}
	return nil
}

func resolve(ctx context.Context, tx pgx.Tx, from portal.OrphanState, o portal.Orphan) error {
	if err := store.ResolveOrphan(ctx, tx, from, o); err != nil {
		return err
	}
	said := map[portal.OrphanState]string{portal.OrphanDeleted: "deleted at DigitalOcean", portal.OrphanKept: "kept on purpose", portal.OrphanOpen: "open again"}[o.State]
	return audit.Append(ctx, tx, portal.Event{
		At: o.ResolvedAt, Kind: portal.EventOrphanResolved, Actor: o.ResolvedBy, TeamID: o.TeamID,
		Target:  portal.EventTarget{Kind: portal.TargetCluster, ID: o.ClusterID, Name: o.ClusterName},
		Summary: fmt.Sprintf("%s said that the %s %s, which cluster %s left behind, is %s", o.ResolvedBy.Name, o.Resource.Kind, o.Resource.Name, o.ClusterName, said),
		Reason:  o.Reason, Data: map[string]any{"orphan": o.ID, "resource": o.Resource, "state": o.State, "before": from, "request": o.RequestNumber},
	})
}
