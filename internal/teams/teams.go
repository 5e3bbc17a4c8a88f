// Package teams holds the use cases of admins: teams with their quotas, and
// which team owns a cluster.
package teams

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/events"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// Service carries out the use cases. All members must be set.
type Service struct {
	Pool         *pgxpool.Pool
	Now          func() time.Time
	StepUpWithin time.Duration // how old the sign-in may be of who makes something easier; zero stands for portal.FreshFor
}

// Input is a team as an admin typed it.
type Input struct {
	Slug          string
	Name          string
	MemberGroup   string
	ApproverGroup string
	Nodes         string
	Sizes         string // a size and a number a line
	Version       string // of the team that was edited
}

// FormOf returns what an admin would have typed to get t.
func FormOf(t portal.Team) Input {
	var sizes strings.Builder
	for _, size := range slices.Sorted(maps.Keys(t.Quota.Sizes)) {
		fmt.Fprintf(&sizes, "%s %d\n", size, t.Quota.Sizes[size])
	}
	return Input{
		Slug: t.Slug, Name: t.Name, MemberGroup: t.MemberGroup, ApproverGroup: t.ApproverGroup,
		Nodes: strconv.Itoa(t.Quota.Nodes), Sizes: sizes.String(), Version: strconv.Itoa(t.Version),
	}
}

// Create makes a team. Only admins may; faults are named by field.
func (s *Service) Create(ctx context.Context, a portal.Actor, in Input) error {
	if err := onlyAdmin(a); err != nil {
		return err
	}
	t, err := s.parse(ctx, in, true)
	if err != nil {
		return err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	t.ID = id.String()
	return db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		if err := store.InsertTeam(ctx, tx, t, s.Now()); err != nil {
			return err
		}
		return audit.Append(ctx, tx, portal.Event{
			At: s.Now(), Kind: portal.EventTeamCreated, Actor: a.Person(), TeamID: t.ID,
			Summary: fmt.Sprintf("%s created team %s", a.Name, t.Name), Data: map[string]any{"after": record(t)},
		})
	})
}

// Update changes the team called slug, unless somebody has changed it since it
// was read (KindConflict). Only admins may; faults are named by field. Other
// groups take a fresh sign-in (KindStepUp) and an admin who is in none of them
// (KindForbidden).
func (s *Service) Update(ctx context.Context, a portal.Actor, slug string, in Input) error {
	if err := onlyAdmin(a); err != nil {
		return err
	}
	before, err := store.TeamBySlug(ctx, s.Pool, slug)
	if err != nil {
		return err
	}
	t, err := s.parse(ctx, in, false)
	if err != nil {
		return err
	}
	t.ID, t.Slug = before.ID, before.Slug
	if t.MemberGroup != before.MemberGroup || t.ApproverGroup != before.ApproverGroup {
		if belongs(a, before) || belongs(a, t) {
			return portal.E(portal.KindForbidden, "you belong to team "+before.Name+"; who belongs to it and who approves for it is set by another admin")
		}
		if err := a.CheckSignIn(s.Now(), s.StepUpWithin); err != nil {
			return err
		}
	}
	return db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		if err := store.UpdateTeam(ctx, tx, t, s.Now()); err != nil {
			return err
		}
		return audit.Append(ctx, tx, portal.Event{
			At: s.Now(), Kind: portal.EventTeamChanged, Actor: a.Person(), TeamID: t.ID,
			Summary: fmt.Sprintf("%s changed team %s", a.Name, t.Name),
			Data:    map[string]any{"before": record(before), "after": record(t)},
		})
	})
}

// Ownership is what admins set of a cluster.
type Ownership struct {
	Slug        string // of the team; empty: nobody's
	Environment portal.Environment
	Protected   bool   // no request may delete it
	Seen        string // what the admin saw of it, see SeenOf; empty: anything
}

// SeenOf tells apart who owns a cluster, so that an admin does not undo
// unawares what another has done meanwhile.
func SeenOf(teamID string, e portal.Environment, protected bool) string {
	return fmt.Sprintf("%s %s %t", teamID, e, protected)
}

// Assign sets who owns a cluster, and returns the cluster's name. Only admins
// may. What makes the cluster easier to harm takes a fresh sign-in (KindStepUp)
// and an admin who does not belong to its team (KindForbidden). KindConflict
// says that it is not as it was seen.
func (s *Service) Assign(ctx context.Context, a portal.Actor, clusterID string, o Ownership) (string, error) {
	if err := onlyAdmin(a); err != nil {
		return "", err
	}
	slug, env := o.Slug, o.Environment
	if env != "" && !slices.Contains(portal.Environments, env) {
		return "", portal.Invalid(portal.FieldError{Field: "environment", Message: "There is no such environment."})
	}
	if slug != "" && env == "" {
		return "", portal.Invalid(portal.FieldError{Field: "environment", Message: "A cluster of a team needs an environment."})
	}
	var team portal.Team
	if slug != "" {
		var err error
		if team, err = store.TeamBySlug(ctx, s.Pool, slug); err != nil {
			return "", err
		}
	}
	var name string
	err := db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		if team.ID != "" { // the team before the cluster, like everybody who locks both
			if _, err := store.LockTeam(ctx, tx, team.ID); err != nil {
				return err
			}
		}
		before, err := store.Cluster(ctx, tx, clusterID)
		if err != nil {
			return err
		}
		name = before.Name
		if o.Seen != "" && o.Seen != SeenOf(before.TeamID, before.Environment, before.Protected) {
			return portal.E(portal.KindConflict, "somebody else has changed what is set for "+name+" meanwhile; look at it as it is now")
		}
		if err := s.checkEasier(ctx, tx, a, before, team, o); err != nil {
			return err
		}
		if err := store.AssignCluster(ctx, tx, clusterID, team.ID, env); err != nil {
			return err
		}
		if err := s.protect(ctx, tx, a, before, o.Protected); err != nil {
			return err
		}
		if before.TeamID == team.ID && before.Environment == env {
			return events.Publish(ctx, tx, events.Inventory)
		}
		return s.recordAssigned(ctx, tx, a, before, team, env)
	})
	return name, err
}

// checkEasier makes sure that nobody takes away alone what protects a cluster
// from their own team.
func (s *Service) checkEasier(ctx context.Context, tx pgx.Tx, a portal.Actor, before portal.Cluster, after portal.Team, o Ownership) error {
	production := func(e portal.Environment) bool { return cmp.Or(e, portal.Production) == portal.Production }
	easier := before.TeamID != "" && (before.TeamID != after.ID || production(before.Environment) && !production(o.Environment))
	if !easier && (!before.Protected || o.Protected) {
		return nil
	}
	concerned := []portal.Team{after}
	if before.TeamID != "" && before.TeamID != after.ID {
		owner, err := store.TeamByID(ctx, tx, before.TeamID)
		if err != nil {
			return err
		}
		concerned = append(concerned, owner)
	}
	for _, t := range concerned {
		if belongs(a, t) {
			return portal.E(portal.KindForbidden, "you belong to team "+t.Name+"; what protects its clusters is lifted by another admin")
		}
	}
	return a.CheckSignIn(s.Now(), s.StepUpWithin)
}

// belongs reports whether a is in one of the team's own groups.
func belongs(a portal.Actor, t portal.Team) bool {
	return a.InGroup(t.MemberGroup) || a.InGroup(t.ApproverGroup)
}

// protect sets whether requests may delete the cluster.
func (s *Service) protect(ctx context.Context, tx pgx.Tx, a portal.Actor, c portal.Cluster, protected bool) error {
	news, err := store.Protect(ctx, tx, c.ID, protected)
	if err != nil || !news {
		return err
	}
	kind, verb := portal.EventProtected, "protected cluster %s against deletion"
	if !protected {
		kind, verb = portal.EventUnprotected, "lifted the protection of cluster %s against deletion"
	}
	return audit.Append(ctx, tx, portal.Event{
		At: s.Now(), Kind: kind, Actor: a.Person(), TeamID: c.TeamID, ClusterID: c.ID,
		Summary: a.Name + " " + fmt.Sprintf(verb, c.Name),
	})
}

func (s *Service) recordAssigned(ctx context.Context, tx pgx.Tx, a portal.Actor, c portal.Cluster, team portal.Team, env portal.Environment) error {
	err := audit.Append(ctx, tx, portal.Event{
		At: s.Now(), Kind: portal.EventClusterAssigned, Actor: a.Person(), TeamID: cmp.Or(team.ID, c.TeamID), ClusterID: c.ID,
		Summary: fmt.Sprintf("%s gave cluster %s to %s (%s), before %s (%s)", a.Name, c.Name,
			cmp.Or(team.Name, "nobody"), cmp.Or(env, "no environment"), cmp.Or(c.TeamName, "nobody"), cmp.Or(c.Environment, "no environment")),
	})
	if err != nil {
		return err
	}
	return events.Publish(ctx, tx, events.Inventory)
}

// record is what the trail keeps of a team.
func record(t portal.Team) map[string]any {
	return map[string]any{
		"slug": t.Slug, "name": t.Name, "member_group": t.MemberGroup,
		"approver_group": t.ApproverGroup, "quota": t.Quota,
	}
}

func onlyAdmin(a portal.Actor) error {
	if !a.HasRole(portal.RoleAdmin) {
		return portal.E(portal.KindForbidden, "only admins of the portal can do this")
	}
	return nil
}

var slugForm = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$`)

// maxQuota keeps typing errors from becoming quotas; it is far above what an
// account can have.
const maxQuota = 100_000

func (s *Service) parse(ctx context.Context, in Input, isNew bool) (portal.Team, error) {
	var f faults
	t := portal.Team{
		Slug: strings.TrimSpace(in.Slug), Name: strings.TrimSpace(in.Name),
		MemberGroup: strings.TrimSpace(in.MemberGroup), ApproverGroup: strings.TrimSpace(in.ApproverGroup),
	}
	t.Version, _ = strconv.Atoi(in.Version) // a wrong one matches no team
	if isNew && !slugForm.MatchString(t.Slug) {
		f.add("slug", "Enter 1 to 40 small letters, digits and hyphens, starting with a letter.")
	}
	if isNew && t.Slug == "new" { // its page would be the one for new teams
		f.add("slug", "The portal uses the short name “new” itself; choose another one.")
	}
	f.checkName("name", "a name", t.Name, 60)
	f.checkName("member_group", "the group of the members", t.MemberGroup, 200)
	f.checkName("approver_group", "the group of the approvers", t.ApproverGroup, 200)
	t.Quota.Nodes = f.number("nodes", in.Nodes)
	offer, err := store.Offer(ctx, s.Pool)
	if err != nil {
		return t, err
	}
	t.Quota.Sizes = f.sizes(in.Sizes, offer.Options)
	if len(f) > 0 {
		return t, portal.Invalid(f...)
	}
	return t, nil
}

type faults []portal.FieldError

func (f *faults) add(field, format string, args ...any) {
	*f = append(*f, portal.FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
}

func (f *faults) checkName(field, what, s string, limit int) {
	if s == "" {
		f.add(field, "Enter %s.", what)
	} else if n := utf8.RuneCountInString(s); n > limit {
		f.add(field, "This has %d characters; at most %d are allowed.", n, limit)
	}
}

func (f *faults) number(field, typed string) int {
	n, err := strconv.Atoi(strings.TrimSpace(typed))
	if err != nil || n < 0 || n > maxQuota {
		f.add(field, "Enter a whole number from 0 to %d; this is “%.40s”.", maxQuota, typed)
		return 0
	}
	return n
}

// sizes parses lines of a size and a number. A size that DigitalOcean does not
// offer is most likely misspelt; while its offer is not known all are taken.
func (f *faults) sizes(typed string, o portal.Options) map[string]int {
	sizes := map[string]int{}
	for line := range strings.Lines(typed) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if len(words) != 2 {
			f.add("sizes", "The line “%.60s” is not a size and a number.", strings.TrimSpace(line))
			continue
		}
		if _, known := o.Size(words[0]); !known && !o.Empty() {
			f.add("sizes", "DigitalOcean does not offer the size “%.40s”.", words[0])
		}
		if _, twice := sizes[words[0]]; twice {
			f.add("sizes", "The size “%.40s” is there twice.", words[0])
		}
		sizes[words[0]] = f.number("sizes", words[1])
	}
	return sizes
}
