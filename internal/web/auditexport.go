package web

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"doksportal/internal/audit/export"
	"doksportal/internal/portal"
	"doksportal/views"
)

// maxExports is how many exports of one person a replica writes at once.
const maxExports = 2

// exportFormats are those that the page Audit offers.
func exportFormats() (list []views.ExportFormat) {
	for _, f := range export.Formats {
		list = append(list, views.ExportFormat{Name: f.Name, Label: f.Label, About: f.About})
	}
	return list
}

// exportAudit is what a search of the trail finds as a file.
func (s *Server) exportAudit(c *gin.Context, v viewer) error {
	form := auditForm(c)
	if p := s.page(c, v, "Audit"); !p.CanAudit() {
		return errNoAuditor
	}
	format, known := export.Named(query(c, "format"))
	if !known {
		return portal.E(portal.KindNotFound, "there is no such format")
	}
	search, err := s.understand(c.Request.Context(), v, form)
	switch {
	case err != nil:
		return err
	case len(search.faults)+len(search.choices) > 0:
		return s.showAudit(c, v, http.StatusUnprocessableEntity, form, views.SearchName{})
	case onlyHead(c.Request):
		s.nameFile(c, format)
		c.Status(http.StatusOK)
		return nil
	}
	leave, ok := s.exports.Enter(v.actor.Identity)
	if !ok {
		return portal.E(portal.KindLimited, fmt.Sprintf("you have %d exports under way, which is as many as there can be at once; wait until one is done", maxExports))
	}
	defer leave()
	selection, err := s.Auditors.Export(c.Request.Context(), v.actor, format, search.filter)
	if err != nil {
		return err
	}
	s.nameFile(c, format)
	lasting(c)
	out := bufio.NewWriterSize(&unhurried{c.Writer, http.NewResponseController(c.Writer)}, 64<<10)
	err = format.Write(c.Request.Context(), out, selection, s.Trail.Signers...)
	if err == nil {
		err = out.Flush()
	}
	switch {
	case err == nil:
		return nil
	case !c.Writer.Written(): // a page says why
		c.Writer.Header().Del("Content-Disposition")
		return err
	case c.Request.Context().Err() == nil:
		s.Logger.Error("an export of the audit trail was cut off", "http_request", c.GetString(keyRequestID), "error", err)
	}
	panic(http.ErrAbortHandler) // or half of it would look like all of it
}

// nameFile says that what follows is a file, which says when it is of.
func (s *Server) nameFile(c *gin.Context, f export.Format) {
	c.Header("Content-Type", f.ContentType)
	c.Header("Content-Disposition", fmt.Sprintf(`attachment; filename="audit-%s%s"`, s.Now().UTC().Format("20060102-150405"), f.Extension))
	c.Header("Cache-Control", "no-store")
}

// unhurried gives each part of a long answer time of its own.
type unhurried struct {
	io.Writer
	answer *http.ResponseController
}

func (u *unhurried) Write(b []byte) (int, error) {
	const partFor = time.Minute
	if err := u.answer.SetWriteDeadline(time.Now().Add(partFor)); err != nil {
		return 0, err
	}
	return u.Writer.Write(b)
}
