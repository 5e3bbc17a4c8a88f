package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"doksportal/internal/audit"
	"doksportal/internal/auditors"
	"doksportal/internal/portal"
	"doksportal/internal/store"
	"doksportal/views"
	"doksportal/views/ui"
)

const reconciliationPage = "/audit/reconciliation"

// month is one of the reader's, in their zone.
type month struct{ from, to time.Time }

// monthOf is the month of the address, or this one. It returns KindNotFound for one of
// which there is nothing to know.
func (s *Server) monthOf(c *gin.Context, v viewer) (month, error) {
	now := s.Now().In(zoneOf(v))
	from := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, now.Location())
	if typed := query(c, "month"); typed != "" {
		const first = 2000
		asked, err := time.ParseInLocation(views.MonthLayout, typed, now.Location())
		if err != nil || asked.After(from) || asked.Year() < first {
			return month{}, portal.E(portal.KindNotFound, "there is no such month to reconcile")
		}
		from = asked
	}
	return month{from, from.AddDate(0, 1, 0)}, nil
}

func (m month) name() string { return m.from.Format(views.MonthLayout) }

func (m month) filter(status portal.ChangeStatus) audit.ChangeFilter {
	return audit.ChangeFilter{From: m.from, To: m.to, Status: status}
}

// reconciliation shows the changes of clusters in a month, those first that no request
// explains and nobody has said why.
func (s *Server) reconciliation(c *gin.Context, v viewer) error {
	m, err := s.monthOf(c, v)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	if err := s.recordReading(c, v, url.Values{"reconciliation": {m.name()}}); err != nil {
		return err
	}
	p := views.ReconciliationPage{Page: s.page(c, v, "Reconciliation"), Month: m.from, Zone: zoneOf(v), Now: s.Now().In(zoneOf(v)), Continued: beforeID(c) != ""}
	p.Own = ownTeams(v)
	if p.Totals, err = audit.CountChanges(ctx, s.Pool, m.from, m.to); err != nil {
		return err
	}
	if p.OpenMonths, err = audit.OpenMonths(ctx, s.Pool, zoneOf(v)); err != nil {
		return err
	}
	status := portal.ChangeStatus(query(c, "status"))
	list, err := s.changesOf(ctx, s.Pool, m, status, beforeID(c), pageSize+1)
	if err != nil {
		return err
	}
	if len(list) > pageSize {
		list = list[:pageSize]
		last := list[pageSize-1]
		p.Next = reconciliationPage + "?" + url.Values{"month": {m.name()}, "status": {string(last.Status())}, "before": {last.EventID}}.Encode()
	}
	p.Changes = list
	s.render(c, http.StatusOK, views.Reconciliation(p))
	return nil
}

// changesOf lists changes in the order of their statuses, from one status on, and below
// an event of that.
func (s *Server) changesOf(ctx context.Context, q store.Querier, m month, from portal.ChangeStatus, before string, limit int) ([]portal.ClusterChange, error) {
	var list []portal.ClusterChange
	for _, status := range portal.ChangeStatuses[max(0, slices.Index(portal.ChangeStatuses, from)):] {
		f := m.filter(status)
		f.Before, f.Limit = before, limit-len(list)
		part, err := s.Auditors.Changes(ctx, q, f)
		if err != nil {
			return nil, err
		}
		list, before = append(list, part...), ""
		if len(list) == limit {
			break
		}
	}
	return list, nil
}

// ownTeams are the teams, by their ids, that the viewer is a member of.
func ownTeams(v viewer) map[string]bool {
	own := map[string]bool{}
	for _, t := range v.memberTeams() {
		own[t.ID] = true
	}
	return own
}

// chooseChanges asks why no request explains the changes that were ticked in the list.
func (s *Server) chooseChanges(c *gin.Context, v viewer) error {
	form, err := s.typed(c, v)
	if err != nil {
		return err
	}
	if form == nil {
		form = queryForm(c)
	}
	return s.showReconcile(c, v, http.StatusOK, form, nil)
}

func (s *Server) reconcile(c *gin.Context, v viewer) error {
	f := portal.Form(c.Request.PostForm)
	in := auditors.ReconcileInput{Changes: f.All(auditors.FieldChanges), State: portal.ChangeStatus(f.Typed(auditors.FieldChangeState)),
		Reason: f.Typed(auditors.FieldReconcileReason), Request: f.Typed(auditors.FieldReconcileRequest)}
	list, err := s.Auditors.Reconcile(c.Request.Context(), v.actor, in)
	switch {
	case err != nil && formProblem(err):
		return s.showReconcile(c, v, status(err), f, err)
	case err != nil:
		return err
	case len(list) == 0:
		return s.flash(c, reconciliationPage, ui.ToastProps{Text: "You have said so already; nothing has changed."})
	}
	at := list[0].At.In(zoneOf(v)).Format(views.MonthLayout)
	return s.flash(c, reconciliationPage+"?month="+at, ui.ToastProps{Text: views.Reconciled(list, in.State)})
}

// showReconcile shows the form with what was typed and what is wrong with it.
func (s *Server) showReconcile(c *gin.Context, v viewer, code int, f portal.Form, problem error) error {
	p := views.ReconcilePage{Page: s.page(c, v, "Reconcile"), Own: ownTeams(v), State: portal.ChangeStatus(f.Typed(auditors.FieldChangeState)),
		Reason: f.Typed(auditors.FieldReconcileReason), Request: f.Typed(auditors.FieldReconcileRequest)}
	list, err := s.Auditors.ChosenChanges(c.Request.Context(), v.actor, f.All(auditors.FieldChanges))
	switch {
	case err != nil && !portal.Is(err, portal.KindInvalid):
		return err
	case err != nil && problem == nil:
		problem, code = err, status(err)
	}
	if p.Faults = portal.FieldErrorsOf(problem); problem != nil && len(p.Faults) == 0 {
		p.Problem = message(problem)
	}
	p.Changes = list
	s.render(c, code, views.Reconcile(p))
	return nil
}
