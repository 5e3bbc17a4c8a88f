package request

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/events"
	"doksportal/internal/notify"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// manyLeases is how many leases are looked at at once: more than clusters end within
// the time of the first notice.
const manyLeases = 1000

// EndLeases tells teams in time that the lease of a cluster ends, and asks for the
// deletion of those whose lease has ended. A job calls it; it may be cut off anywhere,
// and run twice at once.
func (s *Service) EndLeases(ctx context.Context) error {
	list, err := store.LeasesUntil(ctx, s.Pool, s.Now().Add(portal.FirstLeaseNotice), manyLeases)
	if err != nil {
		return err
	}
	var errs []error
	for _, l := range list {
		var err error
		switch {
		case l.Over(s.Now()):
			err = s.endLease(ctx, l)
		case l.Notices(s.Now()) > l.Told:
			err = s.onLease(ctx, l, s.tellOfLease)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("lease of cluster %s: %w", l.ClusterID, err))
		}
	}
	return errors.Join(errs...)
}

// onLease does something to the lease of a cluster that exists, in a transaction that
// has locked its team and the cluster, unless another replica, or who extended it,
// was faster.
func (s *Service) onLease(ctx context.Context, l portal.Lease, do func(context.Context, pgx.Tx, portal.Cluster, portal.Lease) error) error {
	return db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		c, err := store.Cluster(ctx, tx, l.ClusterID)
		if err != nil {
			return err
		}
		if c.TeamID != "" {
			if _, err := store.LockTeam(ctx, tx, c.TeamID); err != nil {
				return err
			}
		}
		if err := store.LockClusters(ctx, tx, []string{l.ClusterID}); err != nil {
			return err
		}
		if now, err := store.Lease(ctx, tx, l.ClusterID); err != nil || now != l {
			return nil //nolint:nilerr // it is somebody else's turn
		}
		return do(ctx, tx, c, l)
	})
}

// tellOfLease says that a lease ends soon.
func (s *Service) tellOfLease(ctx context.Context, tx pgx.Tx, c portal.Cluster, l portal.Lease) error {
	now := s.Now()
	l.Told, l.ToldAt = l.Notices(now), now
	if err := store.SetLease(ctx, tx, l); err != nil {
		return err
	}
	left := max(l.Until.Sub(now), portal.LastLeaseNotice)
	return s.recordLease(ctx, tx, c, l, portal.EventLeaseEnding, fmt.Sprintf(
		"The lease of cluster %s, by request #%d, ends in %s; then its deletion is requested. Extend it if the cluster is still needed.",
		c.Name, l.Number, portal.RoughDuration(left)))
}

// recordLease puts on the trail what became of a lease, and tells the team.
func (s *Service) recordLease(ctx context.Context, tx pgx.Tx, c portal.Cluster, l portal.Lease, kind portal.EventKind, text string) error {
	e := portal.Event{
		At: s.Now(), Kind: kind, Actor: clock, TeamID: c.TeamID, Environment: c.Environment, Target: portal.EventTarget{Kind: portal.TargetCluster, ID: c.ID, Name: c.Name}, Summary: text,
		Data: map[string]any{"request": l.Number, "until": l.Until, "by": l.By},
	}
	if err := audit.Append(ctx, tx, e); err != nil {
		return err
	}
	if err := notify.Queue(ctx, tx, notify.Notification{Kind: kind, TeamID: c.TeamID, ClusterID: c.ID, Actor: clock, Summary: text, At: s.Now()}); err != nil {
		return err
	}
	return events.Publish(ctx, tx, events.ClusterChanged(c.ID, c.TeamID)...)
}

// endLease asks for the deletion of a cluster whose lease has ended, as who asked for
// the lease would. Where that cannot be, the team is told why, and the cluster stays.
func (s *Service) endLease(ctx context.Context, l portal.Lease) error {
	r, err := s.requestDeletion(ctx, l)
	outcome := fmt.Sprintf("Request #%d asks for its deletion.", r.Number)
	switch kind := portal.KindOf(err); {
	case err == nil:
	case errors.Is(err, errLeaseMoved):
		return nil
	case kind == portal.KindForbidden, kind == portal.KindNotFound, kind == portal.KindConflict, kind == portal.KindDenied, kind == portal.KindInvalid:
		outcome = "Its deletion is not requested: " + leaseProblem(err)
	default:
		return err // DigitalOcean or the database is away
	}
	return s.onLease(ctx, l, func(ctx context.Context, tx pgx.Tx, c portal.Cluster, l portal.Lease) error {
		l.EndedAt, l.Outcome = s.Now(), outcome
		if err := store.SetLease(ctx, tx, l); err != nil {
			return err
		}
		return s.recordLease(ctx, tx, c, l, portal.EventLeaseEnded, fmt.Sprintf("The lease of cluster %s, by request #%d, has ended. %s", c.Name, l.Number, outcome))
	})
}

// leaseProblem says why the portal cannot ask for a deletion.
func leaseProblem(err error) string {
	if faults := portal.FieldErrorsOf(err); len(faults) > 0 {
		return faults[0].Message
	}
	e, _ := errors.AsType[*portal.Error](err)
	return e.Message + "."
}

// requestDeletion makes the request for the deletion at the end of a lease: an
// ordinary one, that goes through the policy and its approvals. The same lease makes
// it once, whichever replicas try how often.
func (s *Service) requestDeletion(ctx context.Context, l portal.Lease) (portal.Request, error) {
	a, err := s.whoLeased(ctx, l)
	if err != nil {
		return portal.Request{}, err
	}
	switch told, err := store.SubmissionAtHand(ctx, s.Pool, l.RequestID); {
	case err != nil:
		return portal.Request{}, err
	case !told:
		return portal.Request{}, errLeaseArchived
	}
	return s.Submit(ctx, a, SubmitInput{
		Operation: portal.DeleteCluster, ClusterID: l.ClusterID, ended: l,
		Form: portal.Form{
			"submit_key":    {DeletionKey(l)},
			"justification": {fmt.Sprintf("The lease by request #%d ended at %s.", l.Number, l.Until.UTC().Format("2006-01-02 15:04 MST"))},
		},
	})
}

// errLeaseArchived says that nothing signed says any more that somebody has asked for a
// lease, without which nothing is deleted by itself.
var errLeaseArchived = portal.E(portal.KindDenied, "what the audit trail had of the request for the lease was archived; request the deletion if nobody needs the cluster")

var deletions = uuid.MustParse("5b0a6e0c-5f7a-4c3a-9c55-0f0f8a1d2b6e")

// DeletionKey is the submit key of the request for the deletion at the end of a lease,
// of which each lease and each extension of one makes at most one.
func DeletionKey(l portal.Lease) string {
	return uuid.NewSHA1(deletions, []byte(l.ClusterID+" "+l.RequestID)).String()
}

// whoLeased is who asked for a lease, as far as they may still ask for something on the
// cluster; else KindForbidden or KindNotFound says why not.
func (s *Service) whoLeased(ctx context.Context, l portal.Lease) (portal.Actor, error) {
	known, err := store.PersonByIdentity(ctx, s.Pool, l.By.Identity, s.Now())
	if err != nil {
		return portal.Actor{}, err
	}
	a := portal.Actor{Identity: known.Identity, Name: known.Name, Groups: known.Groups}
	c, err := store.Cluster(ctx, s.Pool, l.ClusterID)
	if err != nil {
		return a, err
	}
	if c.TeamID == "" {
		return a, portal.E(portal.KindForbidden, "no team owns the cluster now")
	}
	team, err := store.TeamByID(ctx, s.Pool, c.TeamID)
	if err == nil && !a.MemberOf(team) {
		err = portal.E(portal.KindForbidden, fmt.Sprintf("%s, who asked for the lease, is not a member of team %s", a.Name, team.Name))
	}
	return a, err
}

// refuseEnd says why the portal does not ask for a deletion by itself that a person may
// ask for. The draft's team is locked.
func refuseEnd(ctx context.Context, q store.Querier, d *portal.Draft) error {
	now, err := store.Lease(ctx, q, d.Cluster.ID)
	switch {
	case portal.Is(err, portal.KindNotFound):
		return errLeaseMoved
	case err != nil:
		return err
	case now != d.Lease:
		return errLeaseMoved
	case d.Cluster.Environment != portal.Development && d.Cluster.Environment != portal.Staging:
		return portal.E(portal.KindDenied, "the cluster is in production, where nothing is deleted by itself")
	}
	return nil
}

// mustConfirm says that the policy wants who asks to confirm it, which nobody can do
// for them.
var mustConfirm = portal.E(portal.KindDenied, "the policy wants a person to confirm it")

// errLeaseMoved says that a lease was extended while its end was looked at. It is no
// end.
var errLeaseMoved = errors.New("the lease has changed in the meantime")
