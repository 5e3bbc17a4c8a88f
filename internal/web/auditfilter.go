package web

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"doksportal/internal/audit"
	"doksportal/internal/portal"
	"doksportal/internal/store"
	"doksportal/views"
)

// formOfQuery is a search that was kept as the part of an address.
func formOfQuery(search string) views.AuditForm {
	var form views.AuditForm
	values, _ := url.ParseQuery(search) // what cannot be read is no part of it
	for name, value := range form.Fields() {
		*value = strings.TrimSpace(values.Get(name))
	}
	return form
}

// mostText is how many characters of text a search of the trail takes.
const mostText = 200

// auditForm reads a search of the trail from an address.
func auditForm(c *gin.Context) views.AuditForm {
	var form views.AuditForm
	for name, value := range form.Fields() {
		*value = strings.TrimSpace(query(c, name))
	}
	return form
}

// auditSearch is a search of the trail that is being understood.
type auditSearch struct {
	form    views.AuditForm
	zone    *time.Location // in which its days are
	filter  portal.EventFilter
	faults  []portal.FieldError
	choices []views.AuditChoice // what a name can mean, where it can mean several
}

func (a *auditSearch) fault(field, message string, args ...any) {
	a.faults = append(a.faults, portal.FieldError{Field: field, Message: fmt.Sprintf(message, args...)})
}

// understand makes a filter of what was typed. What it does not understand is among
// the faults; where a name can mean several things, they are among the choices.
func (s *Server) understand(ctx context.Context, v viewer, form views.AuditForm) (auditSearch, error) {
	a := auditSearch{form: form, zone: zoneOf(v)}
	a.readText() // in the order of the form
	a.readDays()
	if err := s.readActor(ctx, &a); err != nil {
		return a, err
	}
	if err := s.readCluster(ctx, &a); err != nil {
		return a, err
	}
	a.readChosen(v.teams)
	a.readNumbers()
	return a, nil
}

// zoneOf is the zone in which somebody reads times; that of browsers is not known
// here, so that without a choice it is UTC.
func zoneOf(v viewer) *time.Location {
	if zone, err := time.LoadLocation(v.actor.TimeZone); err == nil {
		return zone
	}
	return time.UTC
}

func (a *auditSearch) readText() {
	a.filter.Text = a.form.Text
	switch {
	case utf8.RuneCountInString(a.form.Text) > mostText:
		a.fault("q", "Enter at most %d characters; a few words are enough.", mostText)
	case a.form.Text != "" && !audit.HasWords(a.form.Text):
		a.fault("q", "Enter words or numbers. There are no patterns: a word finds what begins with it.")
	}
}

// readNumbers reads the number of a request and the address.
func (a *auditSearch) readNumbers() {
	if a.form.Request != "" {
		var ok bool
		if a.filter.Request, ok = portal.ParseNumber[int64](strings.TrimPrefix(a.form.Request, "#"), 1, portal.MaxNumber); !ok {
			a.fault("request", "Enter the number of a request, like 12.")
		}
	}
	if a.form.Address != "" {
		address, err := netip.ParseAddr(a.form.Address)
		if err != nil {
			a.fault("address", "Enter an IP address, like 203.0.113.7.")
		}
		a.filter.Address = address.String()
	}
}

// readChosen reads what is chosen from lists.
func (a *auditSearch) readChosen(teams []portal.Team) {
	f, form := &a.filter, a.form
	f.Kind, f.Result, f.Operation = portal.EventKind(form.Kind), portal.EventResult(form.Outcome), portal.OperationID(form.Operation)
	f.Risk, f.Environment = portal.Risk(form.Risk), portal.Environment(form.Environment)
	if _, known := f.Kind.Info(); form.Kind != "" && !known {
		a.fault("kind", "There is no such kind of event.")
	}
	if form.Outcome != "" && !slices.Contains(portal.EventResults, f.Result) {
		a.fault("outcome", "There is no such outcome.")
	}
	if form.Operation != "" && f.Operation.Title() == "" {
		a.fault("operation", "There is no such operation.")
	}
	if form.Risk != "" && !slices.Contains(portal.Risks, f.Risk) {
		a.fault("risk", "There is no such risk.")
	}
	if form.Environment != "" && !slices.Contains(portal.Environments, f.Environment) {
		a.fault("environment", "There is no such environment.")
	}
	if form.Team != "" {
		i := slices.IndexFunc(teams, func(t portal.Team) bool { return t.Slug == form.Team })
		if i < 0 {
			a.fault("team", "There is no such team.")
			return
		}
		f.TeamID = teams[i].ID
	}
}

func (a *auditSearch) readDays() {
	read := func(field, typed string) time.Time {
		if typed == "" {
			return time.Time{}
		}
		day, err := time.ParseInLocation(time.DateOnly, typed, a.zone)
		if err != nil {
			a.fault(field, "There is no day %s. Enter one like 2026-01-31.", shortened(typed))
		}
		return day
	}
	from, to := read("from", a.form.From), read("to", a.form.To)
	if !from.IsZero() && !to.IsZero() && to.Before(from) {
		a.fault("to", "The last day is before the first.")
	}
	a.filter.From = from
	if !to.IsZero() {
		a.filter.To = to.AddDate(0, 0, 1)
	}
}

// shortened is what somebody typed, for a message.
func shortened(typed string) string {
	const most = 20
	if utf8.RuneCountInString(typed) > most {
		return string([]rune(typed)[:most]) + "…"
	}
	return typed
}

// mostChoices is how many people or clusters of one name are offered.
const mostChoices = 10

// readActor finds out who is meant: a person exactly, the portal itself by what its
// events call it, or people by a name or an e-mail address.
func (s *Server) readActor(ctx context.Context, a *auditSearch) error {
	if a.form.Person != "" {
		a.filter.Actor = portal.Identity{Issuer: a.form.Issuer, Subject: a.form.Person}
		if a.filter.Actor.IsZero() {
			a.fault("actor", "Choose somebody by their name.")
		}
		return nil
	}
	if part, own := strings.CutPrefix(a.form.Actor, portal.SystemIssuer+" "); own {
		a.filter.Actor = portal.System(part).Identity
		return nil
	}
	if a.form.Actor == "" {
		return nil
	}
	people, err := store.SearchPeople(ctx, s.Pool, a.form.Actor, mostChoices)
	switch {
	case err != nil:
		return err
	case len(people) == 0:
		a.fault("actor", "Nobody whose name or e-mail address begins with “%s” has signed in.", shortened(a.form.Actor))
	case len(people) == 1:
		a.filter.Actor = people[0].Identity
	default:
		for _, p := range people {
			form := a.form
			form.Actor, form.Person, form.Issuer = "", p.Subject, p.Issuer
			a.choices = append(a.choices, views.AuditChoice{Label: p.Name, Detail: p.Subject + " of " + p.Issuer, Path: form.Path()})
		}
	}
	return nil
}

// readCluster finds out which cluster is meant, also of those that are gone.
func (s *Server) readCluster(ctx context.Context, a *auditSearch) error {
	if a.form.Cluster == "" {
		return nil
	}
	list, err := store.ClustersNamed(ctx, s.Pool, a.form.Cluster, mostChoices)
	switch {
	case err != nil:
		return err
	case len(list) == 0 && uuid.Validate(a.form.Cluster) != nil:
		a.fault("cluster", "No cluster is or was called “%s”.", shortened(a.form.Cluster))
	case len(list) == 0:
		a.filter.Cluster = a.form.Cluster // which the inventory has never had
	case len(list) == 1:
		a.filter.Cluster = list[0].ID
	default:
		for _, c := range list {
			form := a.form
			form.Cluster = c.ID
			a.choices = append(a.choices, views.AuditChoice{Label: c.Name, Detail: lifeOf(c), Path: form.Path()})
		}
	}
	return nil
}

// lifeOf tells a cluster from others of its name.
func lifeOf(c store.NamedCluster) string {
	life := c.ID + ", created " + c.CreatedAt.Format(time.DateOnly)
	if !c.GoneAt.IsZero() {
		life += ", gone since " + c.GoneAt.Format(time.DateOnly)
	}
	return life
}
