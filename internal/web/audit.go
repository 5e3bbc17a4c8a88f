package web

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/portal"
	"doksportal/internal/store"
	"doksportal/views"
	"doksportal/views/ui"
)

// audit shows what of the trail a search finds.
func (s *Server) audit(c *gin.Context, v viewer) error {
	return s.showAudit(c, v, http.StatusOK, auditForm(c), views.SearchName{})
}

func (s *Server) showAudit(c *gin.Context, v viewer, code int, form views.AuditForm, naming views.SearchName) error {
	p := views.AuditPage{Page: s.page(c, v, "Audit"), Form: form, Teams: v.teams, Zone: zoneOf(v), Now: s.Now(), Naming: naming}
	if !p.CanAudit() {
		return errNoAuditor
	}
	ctx := c.Request.Context()
	search, err := s.understand(ctx, v, form)
	if err != nil {
		return err
	}
	if p.Saved, err = store.SavedSearches(ctx, s.Pool); err != nil {
		return err
	}
	if p.Proof, err = s.proof(c); err != nil {
		return err
	}
	p.Faults, p.Choices, p.Formats = search.faults, search.choices, exportFormats()
	if len(p.Faults) > 0 {
		s.render(c, http.StatusUnprocessableEntity, views.Audit(p))
		return nil
	}
	if len(p.Choices) == 0 {
		if err := s.findEvents(c, v, search.filter, &p); err != nil {
			return err
		}
		if p.Timeline, err = s.timeline(ctx, v, search); err != nil {
			return err
		}
	}
	s.render(c, code, views.Audit(p))
	return nil
}

var errNoAuditor = portal.E(portal.KindForbidden, "only auditors and admins can read the trail")

// findEvents searches the trail, and puts on it that somebody has.
func (s *Server) findEvents(c *gin.Context, v viewer, f portal.EventFilter, p *views.AuditPage) error {
	ctx := c.Request.Context()
	f.Before, f.Limit = beforeID(c), pageSize+1
	if err := s.recordReading(c, v, p.Form.Query()); err != nil {
		return err
	}
	var err error
	if p.Events, p.Sample, err = audit.SearchWithSample(ctx, s.Pool, f); err != nil {
		return err
	}
	if len(p.Events) > pageSize {
		p.Events = p.Events[:pageSize]
		p.Next = nextEvents(c, p.Events[pageSize-1].ID)
	}
	p.Late, err = s.Trail.Late(ctx, p.Events)
	return err
}

// event shows all that an event says.
func (s *Server) event(c *gin.Context, v viewer) error {
	p := views.EventPage{Page: s.page(c, v, "Event"), Teams: v.teams}
	if !p.CanAudit() {
		return errNoAuditor
	}
	if err := s.recordReading(c, v, url.Values{"event": {c.Param("event")}}); err != nil {
		return err
	}
	var err error
	if p.Event, err = audit.Event(c.Request.Context(), s.Pool, c.Param("event")); err != nil {
		return err
	}
	late, err := s.Trail.Late(c.Request.Context(), []portal.Event{p.Event})
	if err != nil {
		return err
	}
	p.Late = late[p.Event.ID]
	s.render(c, http.StatusOK, views.Event(p))
	return nil
}

// saveSearch keeps a search for all auditors.
func (s *Server) saveSearch(c *gin.Context, v viewer) error {
	form := portal.Form(c.Request.PostForm)
	name, search := form.Typed("search_name"), form.Get("query")
	err := s.Auditors.SaveSearch(c.Request.Context(), v.actor, name, search)
	faults := portal.FieldErrorsOf(err)
	switch {
	case len(faults) > 0:
		return s.showAudit(c, v, status(err), formOfQuery(search), views.SearchName{Typed: name, Fault: faults[0].Message})
	case err != nil:
		return err
	}
	return s.flash(c, "/audit?"+search, ui.ToastProps{Text: "The search is saved for everybody who may read the trail."})
}

// deleteSearch removes a saved search.
func (s *Server) deleteSearch(c *gin.Context, v viewer) error {
	if err := s.Auditors.DeleteSearch(c.Request.Context(), v.actor, c.Param("search")); err != nil {
		return err
	}
	return s.flash(c, "/audit", ui.ToastProps{Text: "The saved search is deleted."})
}

// proof says how the trail is put under checkpoints.
func (s *Server) proof(c *gin.Context) (views.Proof, error) {
	status, err := s.Trail.Status(c.Request.Context())
	if err != nil {
		return views.Proof{}, err
	}
	p := views.Proof{Events: status.Events, Covered: status.Covered, SignedAt: status.SignedAt, PublicKey: status.Public, Behind: status.Behind, Fault: status.Fault}
	for _, a := range status.Anchors {
		p.Anchors = append(p.Anchors, views.AnchorRow(a))
	}
	verified, err := audit.Search(c.Request.Context(), s.Pool, portal.EventFilter{Kind: portal.EventTrailVerified, Limit: 1})
	if err != nil {
		return p, err
	}
	if len(verified) > 0 {
		p.Verified = &verified[0]
	}
	if s.Stream == nil {
		return p, nil
	}
	siem, err := s.Stream.Status(c.Request.Context())
	row := views.StreamRow(siem)
	p.Stream = &row
	return p, err
}

// checkpoint is the newest checkpoint, for somebody to keep.
func (s *Server) checkpoint(c *gin.Context, v viewer) error {
	if p := s.page(c, v, "Audit"); !p.CanAudit() {
		return errNoAuditor
	}
	status, err := s.Trail.Status(c.Request.Context())
	if err != nil {
		return err
	}
	if status.Checkpoint == "" {
		return portal.E(portal.KindNotFound, "nothing is under a checkpoint yet")
	}
	c.Header("Content-Disposition", fmt.Sprintf("attachment; filename=checkpoint-%d.txt", status.Covered))
	c.String(http.StatusOK, "%s", status.Checkpoint)
	return nil
}

// recordReading puts on the trail who reads it, and what they look for.
func (s *Server) recordReading(c *gin.Context, v viewer, search url.Values) error {
	data := map[string]any{}
	for name := range search {
		data[name] = search.Get(name)
	}
	if before := beforeID(c); before != "" {
		data["before"] = before
	}
	return db.WithTx(c.Request.Context(), s.Pool, func(tx pgx.Tx) error {
		again, err := s.readAgain(c.Request.Context(), tx, v, data)
		if err != nil || again {
			return err
		}
		return audit.Append(c.Request.Context(), tx, portal.Event{
			At: s.Now(), Kind: portal.EventTrailRead, Actor: v.actor.Person(), Target: portal.EventTarget{Kind: portal.TargetTrail},
			Summary: v.actor.Name + " read the audit trail", Data: data,
		})
	})
}

// How often somebody reads the trail, and with how many different filters: far above
// what people do, since each of them is an event.
var (
	sameReading = store.Rate{Every: time.Minute, Burst: 1}
	anyReading  = store.Rate{Every: 3 * time.Second, Burst: 200}
)

// readAgain reports whether somebody reads what they have just read, which is no
// new event. It returns KindLimited to who reads more than anybody can.
func (s *Server) readAgain(ctx context.Context, tx pgx.Tx, v viewer, filter map[string]any) (bool, error) {
	text, err := json.Marshal(filter)
	if err != nil {
		return false, err
	}
	key := "trail read " + v.actor.Issuer + " " + v.actor.Subject
	wait, err := sameReading.Admit(ctx, tx, fmt.Sprintf("%s %x", key, sha256.Sum256(text)), 1, s.Now())
	if err != nil || wait > 0 {
		return wait > 0, err
	}
	if wait, err = anyReading.Admit(ctx, tx, key, 1, s.Now()); err == nil && wait > 0 {
		err = portal.E(portal.KindLimited, "you have read too much of the trail at once; export it, or try again in "+portal.RoughDuration(wait))
	}
	return false, err
}

func nextEvents(c *gin.Context, last string) string {
	q := queryForm(c)
	q.Set("before", last)
	return c.Request.URL.Path + "?" + url.Values(q).Encode()
}
