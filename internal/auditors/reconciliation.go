package auditors

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/names"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// MostChangesAtOnce is of how many changes somebody can say something at once.
const MostChangesAtOnce = 100

// maxReconcileReason bounds a reason, in characters.
const maxReconcileReason = 1000

// The fields of the form by which changes are reconciled.
const (
	FieldChanges          = "change"
	FieldChangeState      = "change_state"
	FieldReconcileReason  = "reconcile_reason"
	FieldReconcileRequest = "reconcile_request"
)

// Changes lists the changes of clusters that a filter chooses, with what was said of
// them. Only who may read the trail may see them.
func (s *Service) Changes(ctx context.Context, q store.Querier, f audit.ChangeFilter) ([]portal.ClusterChange, error) {
	list, err := audit.Changes(ctx, q, f)
	if err != nil {
		return nil, err
	}
	return list, store.AddReconciliations(ctx, q, list)
}

// ReconcileInput is what somebody says of changes that no request explains.
type ReconcileInput struct {
	Changes []string            // as portal.SeenChange writes them
	State   portal.ChangeStatus // that they have from now on: resolved, or open again
	Reason  string
	Request string // number of the request that explains them after all; empty: none
}

// ChosenChanges returns the changes that a form is about, newest first, with what was
// said of them. It returns KindForbidden to others than auditors and admins, KindInvalid
// at FieldChanges for none or too many, and KindNotFound for what is no change that a
// reading found.
func (s *Service) ChosenChanges(ctx context.Context, a portal.Actor, texts []string) ([]portal.ClusterChange, error) {
	if err := a.RequireAuditor(); err != nil {
		return nil, err
	}
	seen, err := seenChanges(texts)
	if err != nil {
		return nil, err
	}
	return chosenChanges(ctx, s.Pool, seen)
}

// seenChanges reads the changes of a form, by the ids of their events.
func seenChanges(texts []string) (map[string]int, error) {
	seen := map[string]int{}
	for _, text := range texts {
		change, ok := portal.SeenChangeOf(text)
		if !ok {
			return nil, errNoChange
		}
		seen[change.EventID] = change.Entries
	}
	switch {
	case len(seen) == 0:
		return nil, portal.Invalid(portal.FieldError{Field: FieldChanges, Message: "Choose at least one change."})
	case len(seen) > MostChangesAtOnce:
		return nil, portal.Invalid(portal.FieldError{Field: FieldChanges, Message: fmt.Sprintf("Choose at most %d changes at once.", MostChangesAtOnce)})
	}
	return seen, nil
}

var errNoChange = portal.E(portal.KindNotFound, "there is no such change, or a request explains it")

func chosenChanges(ctx context.Context, q store.Querier, seen map[string]int) ([]portal.ClusterChange, error) {
	var ids []string
	for id := range seen {
		ids = append(ids, id)
	}
	list, err := audit.ChangesByID(ctx, q, ids)
	if err == nil && len(list) < len(ids) {
		err = errNoChange
	}
	if err != nil {
		return nil, err
	}
	return list, store.AddReconciliations(ctx, q, list)
}

// Reconcile keeps what a says of changes, of all or of none, each with an event, and
// returns them as they were. Its errors are those of ChosenChanges; besides KindInvalid
// with the wrong fields, and KindConflict where somebody has said something of a change
// that a has not seen. What is sent twice is kept once.
func (s *Service) Reconcile(ctx context.Context, a portal.Actor, in ReconcileInput) ([]portal.ClusterChange, error) {
	if err := a.RequireAuditor(); err != nil {
		return nil, err
	}
	seen, err := seenChanges(in.Changes)
	if err != nil {
		return nil, err
	}
	in.Reason, in.Request = strings.TrimSpace(in.Reason), strings.TrimPrefix(strings.TrimSpace(in.Request), "#")
	for attempt := 1; ; attempt++ {
		var list []portal.ClusterChange
		err := db.WithTx(ctx, s.Pool, func(tx pgx.Tx) (err error) {
			list, err = s.reconcile(ctx, tx, a, seen, in)
			return err
		})
		if errors.Is(err, store.ErrSaidMeanwhile) && attempt == 1 {
			continue // what was said is there now, and may be the same word
		}
		return list, err
	}
}

func (s *Service) reconcile(ctx context.Context, tx pgx.Tx, a portal.Actor, seen map[string]int, in ReconcileInput) ([]portal.ClusterChange, error) {
	list, err := chosenChanges(ctx, tx, seen)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(c portal.ClusterChange) bool { return saidAlready(c, seen[c.EventID], a, in) })
	if i := slices.IndexFunc(list, func(c portal.ClusterChange) bool { return len(c.Entries) != seen[c.EventID] }); i >= 0 {
		newest, _ := list[i].Newest()
		return nil, portal.E(portal.KindConflict, newest.By.Name+" has said something of the change of "+list[i].ClusterName+" since you opened the page; look at it again")
	}
	request, err := in.check(ctx, tx, list)
	if err != nil {
		return nil, err
	}
	teams, err := store.Teams(ctx, tx)
	if err != nil {
		return nil, err
	}
	for _, c := range list {
		r := portal.Reconciliation{ID: uuid.Must(uuid.NewV7()).String(), EventID: c.EventID, Number: c.Numbers + 1, Resolved: in.State == portal.ChangeResolved,
			RequestNumber: request.Number, Reason: in.Reason, By: a.Person(), OwnTeam: OwnTeam(a, teams, c)}
		if err := store.InsertReconciliation(ctx, tx, r, request.ID); err != nil {
			return nil, err
		}
		if err := s.recordReconciliation(ctx, tx, c, r); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// OwnTeam reports whether a is a member of the team whose cluster was changed.
func OwnTeam(a portal.Actor, teams []portal.Team, c portal.ClusterChange) bool {
	return slices.ContainsFunc(teams, func(t portal.Team) bool { return t.ID == c.TeamID && a.MemberOf(t) })
}

// saidAlready reports whether the newest that was said of a change is what a is about
// to say, which a form says that is sent twice.
func saidAlready(c portal.ClusterChange, seen int, a portal.Actor, in ReconcileInput) bool {
	newest, said := c.Newest()
	return said && len(c.Entries) == seen+1 && newest.By.Identity == a.Identity && newest.Reason == in.Reason && c.Status() == in.State &&
		(newest.RequestNumber == 0 && in.Request == "" || strconv.FormatInt(newest.RequestNumber, 10) == in.Request)
}

// check makes sure that something can be said of changes, and returns the request that
// explains them, if any.
func (in ReconcileInput) check(ctx context.Context, tx pgx.Tx, list []portal.ClusterChange) (portal.Request, error) {
	var faults portal.FieldErrors
	switch {
	case in.State != portal.ChangeResolved && in.State != portal.ChangeOpen:
		faults.Add(FieldChangeState, "Choose whether it is resolved.")
	case in.State == portal.ChangeOpen && slices.ContainsFunc(list, func(c portal.ClusterChange) bool { return c.Status() == portal.ChangeOpen }):
		faults.Add(FieldChangeState, "What is open cannot be opened again.")
	case slices.ContainsFunc(list, func(c portal.ClusterChange) bool { return len(c.Entries) >= portal.MostReconciliations }):
		faults.Add(FieldChanges, "Of one of these changes something was said %d times, which is as often as it can be.", portal.MostReconciliations)
	}
	if problem := names.CheckText("a reason", in.Reason, maxReconcileReason, true); problem != "" {
		faults.Add(FieldReconcileReason, "%s", problem)
	}
	var request portal.Request
	if in.Request != "" {
		var problem string
		var err error
		if request, problem, err = in.explanation(ctx, tx, list); err != nil {
			return request, err
		}
		if problem != "" {
			faults.Add(FieldReconcileRequest, "%s", problem)
		}
	}
	return request, faults.Err()
}

// explanation is the request that explains changes, or what is wrong with it.
func (in ReconcileInput) explanation(ctx context.Context, tx pgx.Tx, list []portal.ClusterChange) (r portal.Request, problem string, err error) {
	if in.State == portal.ChangeOpen {
		return r, "A change that is open again has no request that explains it; leave this empty.", nil
	}
	number, ok := portal.ParseNumber[int64](in.Request, 1, portal.MaxNumber)
	if !ok {
		return r, "Enter the number of a request, like 12.", nil
	}
	r, err = store.RequestByNumber(ctx, tx, number)
	if portal.Is(err, portal.KindNotFound) {
		return r, fmt.Sprintf("There is no request #%d.", number), nil
	}
	if err == nil && !r.Operation.ChangesClusters() {
		return r, fmt.Sprintf("Request #%d (%s) changes no cluster.", number, r.Operation.Title()), nil
	}
	for _, c := range list {
		if err == nil && r.TargetID != c.ClusterID && !slices.Contains(r.TargetIDs, c.ClusterID) {
			return r, fmt.Sprintf("Request #%d is not about cluster %s.", number, c.ClusterName), nil
		}
	}
	return r, "", err
}

func (s *Service) recordReconciliation(ctx context.Context, tx pgx.Tx, c portal.ClusterChange, r portal.Reconciliation) error {
	summary := fmt.Sprintf("%s resolved a change of cluster %s", r.By.Name, c.ClusterName)
	switch {
	case !r.Resolved:
		summary = fmt.Sprintf("%s opened a change of cluster %s again", r.By.Name, c.ClusterName)
	case r.RequestNumber != 0:
		summary += fmt.Sprintf(": request #%d explains it", r.RequestNumber)
	}
	return audit.Append(ctx, tx, portal.Event{
		At: s.Now(), Kind: portal.EventReconciled, Actor: r.By, TeamID: c.TeamID, Environment: c.Environment,
		Target:  portal.EventTarget{Kind: portal.TargetCluster, ID: c.ClusterID, Name: c.ClusterName},
		Summary: summary, Reason: r.Reason,
		Data: map[string]any{"event": c.EventID, "change": c.Summary, "changed_at": c.At.UTC().Format(time.RFC3339), "resolved": r.Resolved, "entry": r.Number, "request": r.RequestNumber, "own_team": r.OwnTeam},
	})
}
