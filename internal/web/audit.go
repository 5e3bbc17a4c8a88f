package web

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/portal"
	"doksportal/internal/store"
	"doksportal/views"
)

func (s *Server) audit(c *gin.Context, v viewer) error {
	p := views.AuditPage{Page: s.page(c, v, "Audit"), Teams: v.teams}
	if !p.CanAudit() {
		return portal.E(portal.KindForbidden, "only auditors and admins can read the trail")
	}
	p.Form = views.AuditForm{
		Kind: query(c, "kind"), Actor: strings.TrimSpace(query(c, "actor")), Team: query(c, "team"), Request: strings.TrimSpace(query(c, "request")),
		Cluster: strings.TrimSpace(query(c, "cluster")), From: strings.TrimSpace(query(c, "from")), To: strings.TrimSpace(query(c, "to")),
	}
	filter, faults := eventFilter(p.Form, v.teams)
	p.Faults = faults
	filter.Before, filter.Limit = beforeID(c), pageSize+1
	if len(faults) > 0 {
		s.render(c, http.StatusUnprocessableEntity, views.Audit(p))
		return nil
	}
	if err := s.recordReading(c, v, p.Form); err != nil {
		return err
	}
	var err error
	if p.Proof, err = s.proof(c); err != nil {
		return err
	}
	if p.Events, err = audit.Search(c.Request.Context(), s.Pool, filter); err != nil {
		return err
	}
	if len(p.Events) > pageSize {
		p.Events = p.Events[:pageSize]
		p.Next = nextEvents(c, p.Events[pageSize-1].ID)
	}
	if p.Late, err = s.Trail.Late(c.Request.Context(), p.Events); err != nil {
		return err
	}
	s.render(c, http.StatusOK, views.Audit(p))
	return nil
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
	return p, nil
}

// checkpoint is the newest checkpoint, for somebody to keep.
func (s *Server) checkpoint(c *gin.Context, v viewer) error {
	if p := (views.AuditPage{Page: s.page(c, v, "Audit")}); !p.CanAudit() {
		return portal.E(portal.KindForbidden, "only auditors and admins can read the trail")
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
func (s *Server) recordReading(c *gin.Context, v viewer, form views.AuditForm) error {
	data := map[string]any{}
	for name, value := range map[string]string{"kind": form.Kind, "actor": form.Actor, "team": form.Team, "request": form.Request,
		"cluster": form.Cluster, "from": form.From, "to": form.To, "before": beforeID(c)} {
		if value != "" {
			data[name] = value
		}
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

func eventFilter(form views.AuditForm, teams []portal.Team) (portal.EventFilter, []portal.FieldError) {
	var faults []portal.FieldError
	fault := func(field, message string) {
		faults = append(faults, portal.FieldError{Field: field, Message: message})
	}
	f := portal.EventFilter{Kind: portal.EventKind(form.Kind), Actor: form.Actor, Cluster: form.Cluster}
	if _, known := f.Kind.Info(); f.Kind != "" && !known {
		fault("kind", "There is no such kind of event.")
	}
	if form.Team != "" {
		i := slices.IndexFunc(teams, func(t portal.Team) bool { return t.Slug == form.Team })
		if i < 0 {
			fault("team", "There is no such team.")
		} else {
			f.TeamID = teams[i].ID
		}
	}
	if form.Request != "" {
		n, ok := portal.ParseNumber[int64](strings.TrimPrefix(form.Request, "#"), 1, portal.MaxNumber)
		if !ok {
			fault("request", "Enter the number of a request, like 12.")
		}
		f.Request = n
	}
	var ok bool
	if f.From, ok = day(form.From); !ok {
		fault("from", "Enter a day like 2026-01-31.")
	}
	if f.To, ok = day(form.To); !ok {
		fault("to", "Enter a day like 2026-01-31.")
	} else if !f.To.IsZero() {
		f.To = f.To.AddDate(0, 0, 1)
	}
	return f, faults
}

// day parses a day; empty is the zero time.
func day(typed string) (time.Time, bool) {
	if typed == "" {
		return time.Time{}, true
	}
	t, err := time.Parse(time.DateOnly, typed)
	return t, err == nil
}

func nextEvents(c *gin.Context, last string) string {
	q := queryForm(c)
	q.Set("before", last)
	return c.Request.URL.Path + "?" + url.Values(q).Encode()
}
