package web

import (
	"cmp"
	"context"
	"encoding/csv"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"doksportal/internal/names"
	"doksportal/internal/portal"
	"doksportal/internal/quota"
	"doksportal/internal/store"
	"doksportal/views"
)

// trendFor is how far back the use of quotas is drawn.
const trendFor = 90 * 24 * time.Hour

// teamIDs are the ids of teams.
func teamIDs(list []portal.Team) []string {
	ids := make([]string, len(list))
	for i, t := range list {
		ids[i] = t.ID
	}
	return ids
}

// quotas shows what the reader's teams use of their quotas, and what they cost.
func (s *Server) quotas(c *gin.Context, v viewer) error {
	p := views.QuotasPage{Page: s.page(c, v, "Quotas"), Sort: query(c, "sort"), Days: int(trendFor / (24 * time.Hour))}
	var err error
	if p.Rows, err = s.quotaRows(c.Request.Context(), v.teams, p.Sort); err != nil {
		return err
	}
	if p.Freshness, err = s.freshness(c); err != nil {
		return err
	}
	if p.Orphans, err = store.OpenOrphans(c.Request.Context(), s.Pool, teamIDs(v.teams)); err != nil {
		return err
	}
	if v.actor.HasRole(portal.RoleAdmin) {
		account := s.account(v.teams)
		for _, r := range p.Rows {
			account.Teams += r.Use[portal.AllNodes]
		}
		if account.Unowned, err = store.UnownedNodes(c.Request.Context(), s.Pool); err != nil {
			return err
		}
		p.Account = &account
	}
	s.render(c, http.StatusOK, views.Quotas(p))
	return nil
}

// quotaRows are teams with what they use, in the order of a column.
func (s *Server) quotaRows(ctx context.Context, teams []portal.Team, sort string) ([]views.QuotaRow, error) {
	offer, err := store.Offer(ctx, s.Pool)
	if err != nil {
		return nil, err
	}
	ids := teamIDs(teams)
	used, err := store.UsageOf(ctx, s.Pool, ids)
	if err != nil {
		return nil, err
	}
	history, err := store.UsageSince(ctx, s.Pool, ids, s.Now().Add(-trendFor))
	if err != nil {
		return nil, err
	}
	rows := make([]views.QuotaRow, len(teams))
	for i, t := range teams {
		t.Quota = t.QuotaAt(s.Now())
		r := views.QuotaRow{Team: t, Quota: quota.Standing(t.Quota, offer.Options, used[t.ID]), Use: map[portal.Item]int{}}
		for _, item := range views.QuotaColumns {
			r.Use[item] = quota.Used(item, offer.Options, used[t.ID])
		}
		r.Nearest, r.Hundredths, r.Limited = quota.Nearest(r.Quota)
		for _, d := range history[t.ID] {
			r.Trend = append(r.Trend, d.Usage.Nodes())
		}
		rows[i] = r
	}
	sortQuotas(rows, sort)
	return rows, nil
}

// sortQuotas sorts by the name of a column, backwards after a hyphen; by anything
// else by the teams' names.
func sortQuotas(rows []views.QuotaRow, sort string) {
	by, backwards := strings.CutPrefix(sort, "-")
	slices.SortStableFunc(rows, func(a, b views.QuotaRow) int {
		n := cmp.Compare(a.Use[portal.Item(by)], b.Use[portal.Item(by)])
		switch by {
		case "nearest":
			n = cmp.Compare(a.Hundredths, b.Hundredths)
		case "", "team":
			n = cmp.Compare(strings.ToLower(a.Team.Name), strings.ToLower(b.Team.Name))
		}
		if backwards {
			return -n
		}
		return n
	})
}

// quotasCSV is the same as a file: use and limit of each column, in whole numbers;
// money in USD cents.
func (s *Server) quotasCSV(c *gin.Context, v viewer) error {
	rows, err := s.quotaRows(c.Request.Context(), v.teams, query(c, "sort"))
	if err != nil {
		return err
	}
	head := []string{"team"}
	for _, item := range views.QuotaColumns {
		head = append(head, string(item), string(item)+"_limit")
	}
	c.Header("Content-Type", "text/csv; charset=utf-8")
	c.Header("Content-Disposition", `attachment; filename="quotas.csv"`)
	w := csv.NewWriter(c.Writer)
	lines := [][]string{append(head, "nearest_limit", "nearest_percent")}
	for _, r := range rows {
		line := []string{names.Cell(r.Team.Name)}
		for _, item := range views.QuotaColumns {
			limit := ""
			if n, ok := r.Team.Quota.Limit(item); ok {
				limit = strconv.Itoa(n)
			}
			line = append(line, strconv.Itoa(r.Use[item]), limit)
		}
		if r.Limited {
			line = append(line, names.Cell(r.Nearest.Title), strconv.Itoa(r.Hundredths))
		} else {
			line = append(line, "", "")
		}
		lines = append(lines, line)
	}
	return w.WriteAll(lines)
}
