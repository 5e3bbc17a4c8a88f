package web

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/names"
	"doksportal/internal/portal"
	"doksportal/views"
)

// reconciliationCSV is all of a month as a file, as it is at one moment, read in parts;
// times are UTC.
func (s *Server) reconciliationCSV(c *gin.Context, v viewer) error {
	m, err := s.monthOf(c, v)
	if err != nil {
		return err
	}
	if err := s.recordReading(c, v, url.Values{"reconciliation": {m.name()}, "format": {"csv"}}); err != nil {
		return err
	}
	return pgx.BeginTxFunc(c.Request.Context(), s.Pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		return s.writeReconciliation(c, tx, m)
	})
}

func (s *Server) writeReconciliation(c *gin.Context, tx pgx.Tx, m month) error {
	const part = 1000
	list, err := s.changesOf(c.Request.Context(), tx, m, portal.ChangeOpen, "", part)
	if err != nil {
		return err
	}
	c.Header("Content-Type", "text/csv; charset=utf-8")
	c.Header("Content-Disposition", fmt.Sprintf(`attachment; filename="reconciliation-%s.csv"`, m.name()))
	w := csv.NewWriter(&unhurried{c.Writer, http.NewResponseController(c.Writer)})
	err = w.Write([]string{"at", "status", "change", "cluster", "cluster_id", "team", "environment", "request", "said_by", "said_at", "member_of_team", "reason", "said_before", "event"})
	for len(list) > 0 && err == nil {
		for _, change := range list {
			if err := w.Write(changeLine(change)); err != nil {
				panic(http.ErrAbortHandler) // or half of it would look like all of it
			}
		}
		last := list[len(list)-1]
		if list, err = s.changesOf(c.Request.Context(), tx, m, last.Status(), last.EventID, part); err != nil {
			panic(http.ErrAbortHandler)
		}
	}
	w.Flush()
	return w.Error()
}

func changeLine(c portal.ClusterChange) []string {
	said, by, at, own, reason, request := "", "", "", "", "", ""
	if newest, ok := c.Newest(); ok {
		by, at, own, reason = newest.By.Name, newest.At.UTC().Format(time.RFC3339), strconv.FormatBool(newest.OwnTeam), newest.Reason
		var before []string
		for _, e := range c.Entries[:len(c.Entries)-1] {
			before = append(before, fmt.Sprintf("%s, %s: %s: %s", e.At.UTC().Format(time.RFC3339), e.By.Name, views.EntryText(e), e.Reason))
		}
		said = strings.Join(before, "\n")
	}
	if n := c.Explanation(); n != 0 {
		request = strconv.FormatInt(n, 10)
	}
	return []string{c.At.UTC().Format(time.RFC3339), string(c.Status()), names.Cell(views.ChangeText(c)), names.Cell(c.ClusterName), names.Cell(c.ClusterID), names.Cell(c.TeamName),
		string(c.Environment), request, names.Cell(by), at, own, names.Cell(reason), names.Cell(said), c.EventID}
}
