// Package teams holds the use cases of admins: teams with their groups and
// quotas, which team owns a cluster, in which environment and how protected it
// is, and labels for groups. A change by which somebody gains something takes
// two admins, see Service.Accept. web calls it.
package teams

import (
	"context"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/audit"
	"doksportal/internal/names"
	"doksportal/internal/notify"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// Service carries out the use cases. All members but the last two must be set.
type Service struct {
	Pool         *pgxpool.Pool
	People       portal.People
	Now          func() time.Time
	StepUpWithin time.Duration // how old the sign-in may be of who gives somebody something; zero: portal.FreshFor

	// OtherGroups are the groups that the portal goes by besides those of teams:
	// those that give roles, and those that the policy names. Nil: none.
	OtherGroups func(context.Context) ([]string, error)
}

// Input is a team as an admin typed it.
type Input struct {
	Slug          string
	Name          string
	MemberGroup   string
	ApproverGroup string
	Quota         map[string]string // by the names of QuotaFields
	BelowUse      bool              // limits may be below what the team uses
	Version       string            // of the team that was edited
}

// FormOf returns what an admin would have typed to get t.
func FormOf(t portal.Team) Input {
	return Input{
		Slug: t.Slug, Name: t.Name, MemberGroup: t.MemberGroup, ApproverGroup: t.ApproverGroup,
		Quota: quotaForm(t.Quota), Version: strconv.Itoa(t.Version),
	}
}

// Create makes a team, or proposes it to a second admin, which the outcome
// says. Only admins may who have just signed in (KindStepUp); KindInvalid names
// the wrong fields, KindConflict says that such a team waits already.
func (s *Service) Create(ctx context.Context, a portal.Actor, in Input) (Outcome, error) {
	if err := a.RequireAdmin(); err != nil {
		return Outcome{}, err
	}
	t, err := s.parse(ctx, in, true)
	if err != nil {
		return Outcome{}, err
	}
	return s.submit(ctx, a, &teamChange{After: t})
}

// Update changes the team called slug, unless somebody has changed it since it
// was read (KindConflict), or proposes that to a second admin, which the outcome
// says. Only admins may; KindInvalid names the wrong fields, and KindStepUp asks
// for a fresh sign-in where somebody gains something.
func (s *Service) Update(ctx context.Context, a portal.Actor, slug string, in Input) (Outcome, error) {
	if err := a.RequireAdmin(); err != nil {
		return Outcome{}, err
	}
	before, err := store.TeamBySlug(ctx, s.Pool, slug)
	if err != nil {
		return Outcome{}, err
	}
	t, err := s.parse(ctx, in, false)
	if err != nil {
		return Outcome{}, err
	}
	t.ID, t.Slug = before.ID, before.Slug
	if !in.BelowUse {
		use, err := store.TeamUsage(ctx, s.Pool, t.ID)
		if err != nil {
			return Outcome{}, err
		}
		offer, err := store.Offer(ctx, s.Pool)
		if err != nil {
			return Outcome{}, err
		}
		if err := checkUse(before.Name, before.Quota, t.Quota, offer.Options, use); err != nil {
			return Outcome{}, err
		}
	}
	return s.submit(ctx, a, &teamChange{After: t})
}

// teamChange makes or edits a team.
type teamChange struct {
	After  portal.Team `json:"after"` // without an id: a new team; its version is that of the team that was edited
	before portal.Team
}

func (c *teamChange) subject() string { return "team:" + c.After.Slug }

func (c *teamChange) title() string {
	if c.After.ID == "" {
		return "Create team " + c.After.Name
	}
	return "Change team " + c.before.Name
}

func (c *teamChange) load(ctx context.Context, tx pgx.Tx) error {
	if err := c.checkAlike(ctx, tx); err != nil || c.After.ID == "" {
		return err
	}
	var err error
	if c.before, err = store.LockTeam(ctx, tx, c.After.ID); err != nil {
		return err
	}
	if c.before.Version != c.After.Version {
		return portal.E(portal.KindConflict, "someone else has changed this team in the meantime; look at the current version and try again")
	}
	return nil
}

// checkAlike makes sure that nobody takes the team for another, nor for one that
// is being made in the same moment.
func (c *teamChange) checkAlike(ctx context.Context, tx pgx.Tx) error {
	if err := store.LockTeamNames(ctx, tx); err != nil {
		return err
	}
	teams, err := store.Teams(ctx, tx)
	if err != nil {
		return err
	}
	name := withoutTeam(c.After.Name)
	for _, t := range teams {
		if t.ID != c.After.ID && names.Alike(withoutTeam(t.Name), name) {
			return portal.Invalid(portal.FieldError{Field: "name", Message: "This looks like the name of team " + t.Name + "; choose another one."})
		}
	}
	for _, own := range ownWords {
		if names.Alike(own, name) {
			return portal.Invalid(portal.FieldError{Field: "name", Message: "Pages use “" + own + "” for something else; choose another name."})
		}
	}
	return c.checkGroups(ctx, tx)
}

// ownWords are what pages call those who are in no team, or in any.
var ownWords = []string{"nobody", "nobody's", "everybody", "none", "new", "other teams", "all teams"}

// withoutTeam leaves out the word by which pages call every team.
func withoutTeam(name string) string {
	if first, rest, ok := strings.Cut(name, " "); ok && strings.EqualFold(first, "team") {
		return rest
	}
	return name
}

// checkGroups makes sure that no group looks like what another one is called.
func (c *teamChange) checkGroups(ctx context.Context, tx pgx.Tx) error {
	labels, err := store.GroupLabels(ctx, tx)
	if err != nil {
		return err
	}
	for other, label := range labels {
		if other != c.After.MemberGroup && other != c.After.ApproverGroup && names.Alike(withoutTeam(label), withoutTeam(c.After.Name)) {
			return portal.Invalid(portal.FieldError{Field: "name", Message: "This looks like what group " + other + " is called, “" + label + "”; choose another name."})
		}
	}
	for field, group := range map[string]string{"member_group": c.After.MemberGroup, "approver_group": c.After.ApproverGroup} {
		for other, label := range labels {
			if other != group && names.Alike(label, group) {
				return portal.Invalid(portal.FieldError{Field: field, Message: "This looks like what group " + other + " is called, “" + label + "”."})
			}
		}
	}
	return nil
}

func (c *teamChange) gains() []portal.Gain {
	if c.After.ID == "" {
		return newTeamGains(c.After)
	}
	return teamGains(c.before, c.After)
}

func (c *teamChange) adopts(context.Context, pgx.Tx) (bool, error) { return c.After.ID == "", nil }

func (c *teamChange) groups() []string { return []string{c.After.MemberGroup, c.After.ApproverGroup} }

func (c *teamChange) apply(ctx context.Context, tx pgx.Tx, by decision) error {
	if c.After.ID != "" && reflect.DeepEqual(record(c.before), record(c.After)) {
		return nil // nobody's proposal is out of date by it
	}
	e := portal.Event{At: by.at, Kind: portal.EventTeamChanged, Actor: by.Actor.Person(), Data: by.data()}
	e.Data["after"] = record(c.After)
	if c.After.ID == "" {
		c.After.ID = uuid.Must(uuid.NewV7()).String()
		e.Kind, e.Summary = portal.EventTeamCreated, fmt.Sprintf("%s created team %s", by.Actor.Name, c.After.Name)
		if err := store.InsertTeam(ctx, tx, c.After, by.at); err != nil {
			return err
		}
	} else {
		e.Summary, e.Data["before"] = fmt.Sprintf("%s changed team %s", by.Actor.Name, c.After.Name), record(c.before)
		if err := store.UpdateTeam(ctx, tx, c.After, by.at); err != nil {
			return err
		}
		ended, err := c.endGrants(ctx, tx, by.at)
		if err != nil {
			return err
		}
		e.Data["grants_ended"] = ended
	}
	e.TeamID, e.Summary = c.After.ID, e.Summary+by.suffix()
	e.Target = portal.EventTarget{Kind: portal.TargetTeam, ID: c.After.Slug, Name: c.After.Name}
	if err := audit.Append(ctx, tx, e); err != nil {
		return err
	}
	if shrinks := len(quotaGains(c.After.Name, c.After.Quota, c.before.Quota)) > 0; len(by.gains) == 0 && !shrinks {
		return nil
	}
	return notify.Queue(ctx, tx, notify.Notification{Kind: e.Kind, TeamID: c.After.ID, Actor: e.Actor, Summary: e.Summary, At: e.At})
}

// endGrants ends what the team was granted for a time of limits that are lowered:
// less takes effect at once.
func (c *teamChange) endGrants(ctx context.Context, tx pgx.Tx, now time.Time) (ended []portal.Item, err error) {
	for _, g := range c.before.Grants {
		was, wasLimited := c.before.Quota.Limit(g.Item)
		is, isLimited := c.After.Quota.Limit(g.Item)
		if !isLimited || wasLimited && is >= was {
			continue
		}
		if err := store.EndGrant(ctx, tx, g.ID, now); err != nil {
			return nil, err
		}
		ended = append(ended, g.Item)
	}
	return ended, nil
}

// record is what the trail keeps of a team.
func record(t portal.Team) map[string]any {
	return map[string]any{
		"slug": t.Slug, "name": t.Name, "member_group": t.MemberGroup,
		"approver_group": t.ApproverGroup, "quota": t.Quota,
	}
}
