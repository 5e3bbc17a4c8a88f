package web

import (
	"cmp"
	"encoding/csv"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"doksportal/internal/names"
	"doksportal/internal/orphans"
	"doksportal/internal/portal"
	"doksportal/internal/store"
	"doksportal/views"
	"doksportal/views/ui"
)

const orphansPage = "/quotas/orphans"

// listOrphans shows what deletions of clusters of the reader's teams left behind.
func (s *Server) listOrphans(c *gin.Context, v viewer) error {
	p := views.OrphansPage{Page: s.page(c, v, "Left behind"), Teams: v.teams, Team: query(c, "team"), Download: orphansPath(c, ".csv", "")}
	f, err := orphanFilter(c, v)
	if err != nil {
		return err
	}
	p.State = f.State
	if p.Open, err = store.OpenOrphans(c.Request.Context(), s.Pool, f.TeamIDs); err != nil {
		return err
	}
	f.Before, f.Limit = beforeID(c), pageSize+1
	list, err := store.Orphans(c.Request.Context(), s.Pool, f)
	if err != nil {
		return err
	}
	if len(list) > pageSize {
		list = list[:pageSize]
		p.Next = orphansPath(c, "", list[pageSize-1].ID)
	}
	for _, o := range list {
		i := slices.IndexFunc(v.teams, func(t portal.Team) bool { return t.ID == o.TeamID })
		p.Rows = append(p.Rows, views.OrphanRow{Orphan: o, CanResolve: orphans.MayResolve(v.actor, v.teams[i])})
	}
	s.render(c, http.StatusOK, views.Orphans(p))
	return nil
}

// orphansPath is the list as the reader has narrowed it, or another form of it, below
// an orphan.
func orphansPath(c *gin.Context, form, before string) string {
	q := url.Values{}
	for name, value := range map[string]string{"state": query(c, "state"), "team": query(c, "team"), "before": before} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if len(q) == 0 {
		return orphansPage + form
	}
	return orphansPage + form + "?" + q.Encode()
}

// orphanFilter reads from the address what the list is narrowed to, within what the
// viewer may see.
func orphanFilter(c *gin.Context, v viewer) (store.OrphanFilter, error) {
	f := store.OrphanFilter{TeamIDs: v.teamIDs(), State: portal.OrphanState(query(c, "state"))}
	if f.State == "" {
		f.State = portal.OrphanOpen
	}
	if !slices.Contains(portal.OrphanStates, f.State) {
		return f, portal.E(portal.KindNotFound, "there is no such state")
	}
	if slug := query(c, "team"); slug != "" {
		i := slices.IndexFunc(v.teams, func(t portal.Team) bool { return t.Slug == slug })
		if i < 0 {
			return f, portal.E(portal.KindNotFound, "there is no such team")
		}
		f.TeamIDs = []string{v.teams[i].ID}
	}
	return f, nil
}

// orphansCSV is all of the list as a file, read in parts. A price that is not known is
// empty; money is in USD cents.
func (s *Server) orphansCSV(c *gin.Context, v viewer) error {
	f, err := orphanFilter(c, v)
	if err != nil {
		return err
	}
	const part = 1000
	f.Limit = part
	list, err := store.Orphans(c.Request.Context(), s.Pool, f)
	if err != nil {
		return err
	}
	c.Header("Content-Type", "text/csv; charset=utf-8")
	c.Header("Content-Disposition", `attachment; filename="orphans.csv"`)
	w := csv.NewWriter(c.Writer)
	if err := w.Write([]string{"team", "cluster", "cluster_id", "kind", "name", "id", "left_at", "request", "monthly_cost_from", "state", "resolved_by", "resolved_at", "reason"}); err != nil {
		return err
	}
	for len(list) > 0 {
		for _, o := range list {
			if err := w.Write(orphanLine(o)); err != nil {
				return err
			}
		}
		f.Before = list[len(list)-1].ID
		if list, err = store.Orphans(c.Request.Context(), s.Pool, f); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

func orphanLine(o portal.Orphan) []string {
	price, resolved := "", ""
	if p := portal.PriceOf(o.Resource.Kind); !p.PerGiB {
		price = strconv.FormatInt(p.MonthlyCents, 10)
	}
	if !o.ResolvedAt.IsZero() {
		resolved = o.ResolvedAt.UTC().Format(time.RFC3339)
	}
	return []string{names.Cell(o.TeamName), names.Cell(o.ClusterName), names.Cell(o.ClusterID), o.Resource.Kind, names.Cell(o.Resource.Name), names.Cell(o.Resource.ID),
		o.LeftAt.UTC().Format(time.RFC3339), strconv.FormatInt(o.RequestNumber, 10), price, string(o.State), names.Cell(o.ResolvedBy.Name), resolved, names.Cell(o.Reason)}
}

// chooseOrphans asks what became of the orphans that were ticked in the list, or that
// the form was about before a fresh sign-in.
func (s *Server) chooseOrphans(c *gin.Context, v viewer) error {
	form, err := s.typed(c, v)
	if err != nil {
		return err
	}
	if form == nil {
		form = queryForm(c)
	}
	return s.showOrphans(c, v, http.StatusOK, form, nil)
}

func (s *Server) resolveOrphans(c *gin.Context, v viewer) error {
	f := portal.Form(c.Request.PostForm)
	in := orphans.Input{IDs: f.All(orphans.FieldOrphans), From: portal.OrphanState(f.Typed(orphans.FieldFrom)), State: portal.OrphanState(f.Typed(orphans.FieldState)), Reason: f.Typed(orphans.FieldReason)}
	resolved, err := s.Orphans.Resolve(c.Request.Context(), v.actor, in)
	switch {
	case err != nil && formProblem(err):
		return s.showOrphans(c, v, status(err), f, err)
	case err != nil:
		return err
	case len(resolved) == 0:
		return s.flash(c, orphansPage, ui.ToastProps{Text: "Somebody has said something else of it meanwhile; nothing has changed."})
	}
	return s.flash(c, orphansPage, ui.ToastProps{Text: views.OrphansResolved(resolved), Next: orphansPage + "?state=" + string(in.State), Label: "Show"})
}

// showOrphans shows the form with what was typed and what is wrong with it. What it
// had shown stays there, also what is no longer ticked.
func (s *Server) showOrphans(c *gin.Context, v viewer, code int, f portal.Form, problem error) error {
	p := views.ResolvePage{Page: s.page(c, v, "Left behind"), Chosen: f.All(orphans.FieldOrphans), From: cmp.Or(portal.OrphanState(f.Typed(orphans.FieldFrom)), portal.OrphanOpen),
		State: portal.OrphanState(f.Typed(orphans.FieldState)), Reason: f.Typed(orphans.FieldReason)}
	if !p.From.Known() {
		return portal.E(portal.KindNotFound, store.NoOrphan)
	}
	list, err := s.Orphans.Chosen(c.Request.Context(), v.actor, slices.Concat(p.Chosen, f.All("orphan_shown")))
	switch {
	case err != nil && !portal.Is(err, portal.KindInvalid):
		return err
	case err != nil && problem == nil && len(p.Chosen) > 0:
		problem, code = err, status(err)
	}
	if p.Faults = portal.FieldErrorsOf(problem); problem != nil && len(p.Faults) == 0 {
		p.Problem = message(problem)
	}
	for _, o := range list {
		if o.State == p.From {
			p.Asked = append(p.Asked, o)
		} else {
			p.Rest = append(p.Rest, o)
		}
	}
	s.render(c, code, views.ResolveOrphans(p))
	return nil
}
