// Package templates has the members of a team keep forms for new clusters, each
// under a name. A template is what the form was read as, and grants nothing: what
// is asked for with it goes through package request like any other form.
package templates

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/names"
	"doksportal/internal/operation"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// maxName is how long the name of a template may be, in characters.
const maxName = 60

// saveRate is how often one person may change templates, of which a large one counts
// as several: the trail keeps all that they ever held.
var saveRate = store.Rate{Every: time.Minute, Burst: 60}

// Service keeps templates. All members must be set.
type Service struct {
	Pool *pgxpool.Pool
	Now  func() time.Time
}

// Input is a template as its form was sent.
type Input struct {
	Form    portal.Form // for a new cluster, with the team's short name
	Name    string
	Replace bool // a template of this name, if there is one
}

// List lists the templates of the teams that a is a member of.
func (s *Service) List(ctx context.Context, a portal.Actor) ([]portal.Template, error) {
	teams, err := s.memberTeams(ctx, a)
	if err != nil || len(teams) == 0 {
		return nil, err
	}
	ids := make([]string, len(teams))
	for i, t := range teams {
		ids[i] = t.ID
	}
	return store.Templates(ctx, s.Pool, ids)
}

func (s *Service) memberTeams(ctx context.Context, a portal.Actor) ([]portal.Team, error) {
	teams, err := store.Teams(ctx, s.Pool)
	return slices.DeleteFunc(teams, func(t portal.Team) bool { return !a.MemberOf(t) }), err
}

// Read returns what a template would keep of a form, without an id or a name. It
// returns KindForbidden to who is a member of no team, and KindInvalid with what is
// wrong in the form.
func (s *Service) Read(ctx context.Context, a portal.Actor, form portal.Form) (portal.Template, error) {
	teams, err := s.memberTeams(ctx, a)
	switch {
	case err != nil:
		return portal.Template{}, err
	case len(teams) == 0 || a.IsZero():
		return portal.Template{}, portal.E(portal.KindForbidden, "only members of a team can save templates")
	}
	if err := form.CheckSize().Err(); err != nil {
		return portal.Template{}, err
	}
	offer, err := store.Offer(ctx, s.Pool)
	if err != nil {
		return portal.Template{}, err
	}
	var team portal.Team
	if i := slices.IndexFunc(teams, func(t portal.Team) bool { return t.Slug == form.Get("team") }); i >= 0 {
		team = teams[i]
	}
	params, faults := operation.TemplateOf(form, team, offer.Options)
	t := portal.Template{TeamID: team.ID, TeamSlug: team.Slug, TeamName: team.Name, Params: params, SavedBy: a.Name, SavedAt: s.Now()}
	return t, faults.Err()
}

// Save keeps a form as a template of the team that it is for. Its errors are those of
// Read; besides KindInvalid at "template_name" says that the team has one of that
// name, unless it is to be replaced, KindConflict that it has too many, and
// KindLimited that a has saved too many of late. Saving the same once more changes
// nothing.
func (s *Service) Save(ctx context.Context, a portal.Actor, in Input) (portal.Template, error) {
	t, err := s.Read(ctx, a, in.Form)
	if err != nil {
		return t, err
	}
	if t.Name, err = checkName(in.Name); err != nil {
		return t, err
	}
	err = s.change(ctx, a, t.TeamID, func(tx pgx.Tx, list []portal.Template) error {
		i := slices.IndexFunc(list, func(o portal.Template) bool { return o.Name == t.Name })
		switch {
		case i >= 0 && bytes.Equal(encoded(list[i]), encoded(t)): // a second click, or nothing new
			t.ID = list[i].ID
			return nil
		case i >= 0 && !in.Replace:
			return refuseName("Team " + t.TeamName + " has a template of this name already. Tick the box below to replace it.")
		case i >= 0:
			t.ID = list[i].ID
			return s.keep(ctx, tx, a, t, portal.EventTemplateSaved, "replaced", list[i])
		case len(list) >= portal.MaxTemplates:
			return portal.E(portal.KindConflict, fmt.Sprintf("team %s has %d templates, which is as many as a team can have; replace or delete one", t.TeamName, len(list)))
		}
		if err := checkAlike(list, t); err != nil {
			return err
		}
		t.ID = uuid.Must(uuid.NewV7()).String()
		return s.keep(ctx, tx, a, t, portal.EventTemplateSaved, "saved", portal.Template{})
	})
	return t, err
}

// Rename gives a template another name. It returns KindNotFound to who is no member
// of its team, and KindInvalid, at "template_name", for a name that cannot be.
func (s *Service) Rename(ctx context.Context, a portal.Actor, id, name string) error {
	before, err := s.own(ctx, a, id)
	if err != nil {
		return err
	}
	if name, err = checkName(name); err != nil {
		return err
	}
	return s.change(ctx, a, before.TeamID, func(tx pgx.Tx, list []portal.Template) error {
		t, err := find(list, id)
		if err != nil || t.Name == name {
			return err
		}
		before, t.Name = t, name
		if err := checkAlike(list, t); err != nil {
			return err
		}
		return s.keep(ctx, tx, a, t, portal.EventTemplateRenamed, "renamed “"+before.Name+"” to", before)
	})
}

// Delete removes a template. It returns KindNotFound to who is no member of its
// team, and for one that is gone.
func (s *Service) Delete(ctx context.Context, a portal.Actor, id string) error {
	t, err := s.own(ctx, a, id)
	if err != nil {
		return err
	}
	return s.change(ctx, a, t.TeamID, func(tx pgx.Tx, list []portal.Template) error {
		t, err := find(list, id)
		if err != nil {
			return err
		}
		if err := store.DeleteTemplate(ctx, tx, id); err != nil {
			return err
		}
		return s.record(ctx, tx, a, t, portal.EventTemplateDeleted, "deleted", t)
	})
}

// own returns a template of a team that a is a member of.
func (s *Service) own(ctx context.Context, a portal.Actor, id string) (portal.Template, error) {
	t, err := store.Template(ctx, s.Pool, id)
	if err != nil {
		return t, err
	}
	team, err := store.TeamByID(ctx, s.Pool, t.TeamID)
	if err == nil && (a.IsZero() || !a.MemberOf(team)) {
		err = portal.Hidden(store.NoTemplate)
	}
	return t, err
}

func find(list []portal.Template, id string) (portal.Template, error) {
	if i := slices.IndexFunc(list, func(o portal.Template) bool { return o.ID == id }); i >= 0 {
		return list[i], nil
	}
	return portal.Template{}, portal.E(portal.KindNotFound, store.NoTemplate)
}

// change locks a team and changes its templates, as they are then.
func (s *Service) change(ctx context.Context, a portal.Actor, teamID string, do func(pgx.Tx, []portal.Template) error) error {
	return db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		team, err := store.LockTeam(ctx, tx, teamID)
		if err != nil {
			return err
		}
		if !a.MemberOf(team) {
			return portal.E(portal.KindForbidden, "you are no longer a member of this team")
		}
		list, err := store.Templates(ctx, tx, []string{teamID})
		if err != nil {
			return err
		}
		return do(tx, list)
	})
}

// checkName returns a name as it is kept.
func checkName(typed string) (string, error) {
	if strings.TrimSpace(typed) == "" {
		return "", refuseName("Enter a name.")
	}
	name, problem := names.Check(typed, maxName)
	if problem != "" {
		return "", refuseName(problem)
	}
	return name, nil
}

// checkAlike makes sure that nobody takes a template for another one of the team.
func checkAlike(list []portal.Template, t portal.Template) error {
	for _, o := range list {
		if o.ID != t.ID && names.Alike(o.Name, t.Name) {
			return refuseName("This looks like the name of the template “" + o.Name + "”; choose another name.")
		}
	}
	return nil
}

func refuseName(why string) error {
	return portal.Invalid(portal.FieldError{Field: "template_name", Message: why})
}

// keep writes a template down and tells of it.
func (s *Service) keep(ctx context.Context, tx pgx.Tx, a portal.Actor, t portal.Template, kind portal.EventKind, did string, before portal.Template) error {
	if err := store.SetTemplate(ctx, tx, t); err != nil {
		return err
	}
	return s.record(ctx, tx, a, t, kind, did, before)
}

// record puts on the trail what somebody did with a template; before is what it was
// then, zero for a new one.
func (s *Service) record(ctx context.Context, tx pgx.Tx, a portal.Actor, t portal.Template, kind portal.EventKind, did string, before portal.Template) error {
	wait, err := saveRate.Admit(ctx, tx, "template "+a.Issuer+" "+a.Subject, 1+len(encoded(t))/(2<<10), s.Now())
	if err != nil {
		return err
	}
	if wait > 0 {
		return portal.E(portal.KindLimited, "you have changed too many templates of late; try again in "+portal.RoughDuration(wait))
	}
	data := map[string]any{"template": t.ID}
	if before.ID != "" {
		data["before"] = content(before)
	}
	if kind != portal.EventTemplateDeleted {
		data["after"] = content(t)
	}
	return audit.Append(ctx, tx, portal.Event{At: s.Now(), Kind: kind, Actor: a.Person(), TeamID: t.TeamID,
		Summary: fmt.Sprintf("%s %s the template “%s” of team %s", a.Name, did, t.Name, t.TeamName), Data: data})
}

// encoded is what a template holds as it is written down, which is the same for what
// was read from a form and from the database.
func encoded(t portal.Template) []byte {
	var p portal.CreateParams
	text, err := json.Marshal(t.Params)
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err == nil {
		text, err = json.Marshal(p)
	}
	if err != nil {
		panic(err) // parameters are numbers and texts
	}
	return text
}

// content is what the trail keeps of a template.
func content(t portal.Template) map[string]any {
	return map[string]any{"name": t.Name, "params": t.Params}
}
