package web

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"doksportal/internal/names"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// accessCSV is who may do what now as a file.
func (s *Server) accessCSV(c *gin.Context, v viewer) error {
	if err := s.recordReading(c, v, url.Values{"access": {"now"}, "format": {"csv"}}); err != nil {
		return err
	}
	snapshot, err := s.Auditors.Access(c.Request.Context(), s.Pool)
	if err != nil {
		return err
	}
	return writeAccess(c, "access-"+snapshot.At.Format(time.DateOnly), snapshot, nil)
}

// accessReviewCSV is a review that was signed as a file.
func (s *Server) accessReviewCSV(c *gin.Context, v viewer) error {
	r, snapshot, err := s.accessReviewOf(c)
	if err != nil {
		return err
	}
	if err := s.recordReading(c, v, url.Values{"access": {strconv.Itoa(r.Number)}, "format": {"csv"}}); err != nil {
		return err
	}
	return writeAccess(c, "access-review-"+strconv.Itoa(r.Number), snapshot, &r)
}

// accessReviewSnapshot is the snapshot of a review as it is kept: the bytes whose
// SHA-256 is on the trail.
func (s *Server) accessReviewSnapshot(c *gin.Context, v viewer) error {
	r, _, err := s.accessReviewOf(c)
	if err != nil {
		return err
	}
	if err := s.recordReading(c, v, url.Values{"access": {strconv.Itoa(r.Number)}, "format": {"json"}}); err != nil {
		return err
	}
	text, err := store.AccessSnapshotText(c.Request.Context(), s.Pool, r.Number)
	if err != nil {
		return err
	}
	c.Header("Content-Disposition", fmt.Sprintf(`attachment; filename="access-review-%d.json"`, r.Number))
	c.Data(http.StatusOK, "application/json", []byte(text))
	return nil
}

// writeAccess writes a line for each thing that each person may do, or one for who may
// do nothing. A review, where it is one, says who should lose access.
func writeAccess(c *gin.Context, name string, snapshot portal.AccessSnapshot, r *portal.AccessReview) error {
	c.Header("Content-Type", "text/csv; charset=utf-8")
	c.Header("Content-Disposition", fmt.Sprintf(`attachment; filename="%s.csv"`, name))
	w := csv.NewWriter(&unhurried{c.Writer, http.NewResponseController(c.Writer)})
	if err := w.Write([]string{"name", "email", "issuer", "subject", "right", "of", "by_group", "until", "unproven", "groups_known_at", "last_seen", "sessions", "provider_tokens", "channels", "should_lose_access"}); err != nil {
		return err
	}
	marks := marksByKey(r)
	for _, p := range snapshot.People {
		rights := p.Rights
		if len(rights) == 0 {
			rights = []portal.AccessRight{{}}
		}
		for _, right := range rights {
			line := []string{names.Cell(p.Name), names.Cell(p.Email), names.Cell(p.Issuer), names.Cell(p.Subject), string(right.Kind), names.Cell(right.Name), names.Cell(right.Group), right.Until,
				strconv.FormatBool(p.Unproven), timeCell(p.GroupsAt), timeCell(p.SeenAt), strconv.Itoa(p.Sessions), strconv.FormatBool(p.Askable), strconv.Itoa(p.Channels), names.Cell(marks[p.Key()].Reason)}
			if err := w.Write(line); err != nil {
				return err
			}
		}
	}
	w.Flush()
	return w.Error()
}

// timeCell is a time in a file, empty for one that is not known.
func timeCell(t time.Time) string {
	if t.IsZero() || t.Unix() == 0 {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
