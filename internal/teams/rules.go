package teams

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/names"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// Limits of rules for the ownership of clusters.
const (
	mostRules   = 100
	mostPattern = 255 // characters, as of a tag
)

// RuleInput is a rule for the ownership of clusters as an admin types it.
type RuleInput struct {
	Kind, Pattern, Slug, Environment string
}

// AddRule keeps a rule that proposes a team and an environment for clusters that
// nobody owns. Only admins may. KindInvalid names the wrong fields, KindLimited says
// that there are too many rules.
func (s *Service) AddRule(ctx context.Context, a portal.Actor, in RuleInput) (portal.OwnershipRule, error) {
	var r portal.OwnershipRule
	if err := a.RequireAdmin(); err != nil {
		return r, err
	}
	err := db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		var err error
		if r, err = s.parseRule(ctx, tx, a, in); err != nil {
			return err
		}
		rules, err := store.OwnershipRules(ctx, tx)
		if err != nil {
			return err
		}
		if len(rules) >= mostRules {
			return portal.E(portal.KindLimited, fmt.Sprintf("there are %d rules, and no more are allowed; remove one first", len(rules)))
		}
		if err := store.InsertOwnershipRule(ctx, tx, r); err != nil {
			return err
		}
		return s.recordRule(ctx, tx, a, r, fmt.Sprintf("%s added a rule: clusters with %s are proposed for team %s (%s)", a.Name, r, r.TeamName, r.Environment), true)
	})
	return r, err
}

// parseRule says what is wrong with a rule as it was typed.
func (s *Service) parseRule(ctx context.Context, tx pgx.Tx, a portal.Actor, in RuleInput) (portal.OwnershipRule, error) {
	var f fieldErrors
	r := portal.OwnershipRule{ID: uuid.Must(uuid.NewV7()).String(), Kind: portal.RuleKind(in.Kind), Pattern: strings.TrimSpace(in.Pattern),
		Environment: portal.Environment(in.Environment), CreatedBy: a.Name, CreatedAt: s.Now()}
	if !slices.Contains(portal.RuleKinds, r.Kind) {
		f.Add("kind", "Choose what the rule looks at.")
	}
	f.checkPattern(r)
	if !slices.Contains(portal.Environments, r.Environment) {
		f.Add("environment", "Choose an environment.")
	}
	switch team, err := store.TeamBySlug(ctx, tx, in.Slug); {
	case in.Slug == "":
		f.Add("team", "Choose a team.")
	case portal.Is(err, portal.KindNotFound):
		f.Add("team", "There is no team %s now.", portal.Quote(in.Slug))
	case err != nil:
		return r, err
	default:
		r.TeamID, r.TeamSlug, r.TeamName = team.ID, team.Slug, team.Name
	}
	return r, f.Err()
}

// everyTag is a tag that DigitalOcean gives to every cluster.
const everyTag = "k8s"

// checkPattern refuses a pattern that says nothing.
func (f *fieldErrors) checkPattern(r portal.OwnershipRule) {
	switch n := utf8.RuneCountInString(r.Pattern); {
	case r.Pattern == "":
		f.Add("pattern", "Enter a pattern, like team-payments or web-*.")
	case n > mostPattern:
		f.Add("pattern", "This has %d characters; at most %d are allowed.", n, mostPattern)
	case names.Visible(r.Pattern, mostPattern) != r.Pattern:
		f.Add("pattern", "This has a character that cannot be seen; type it again.")
	case strings.Trim(r.Pattern, "*") == "":
		f.Add("pattern", "This matches every cluster; say more of it than *.")
	case r.Kind == portal.RuleByTag && r.Matches(portal.ClusterSummary{Tags: []string{everyTag, everyTag + ":" + uuid.Nil.String()}}):
		f.Add("pattern", "This matches every cluster, because DigitalOcean gives each of them the tags k8s and k8s: with its id.")
	}
}

// RemoveRule removes a rule. Only admins may. KindNotFound says that there is none.
func (s *Service) RemoveRule(ctx context.Context, a portal.Actor, id string) (portal.OwnershipRule, error) {
	var r portal.OwnershipRule
	if err := a.RequireAdmin(); err != nil {
		return r, err
	}
	err := db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		var err error
		if r, err = store.OwnershipRule(ctx, tx, id); err != nil {
			return err
		}
		if gone, err := store.DeleteOwnershipRule(ctx, tx, id); err != nil || !gone {
			return err
		}
		return s.recordRule(ctx, tx, a, r, fmt.Sprintf("%s removed a rule: clusters with %s are no longer proposed for team %s (%s)", a.Name, r, r.TeamName, r.Environment), false)
	})
	return r, err
}

func (s *Service) recordRule(ctx context.Context, tx pgx.Tx, a portal.Actor, r portal.OwnershipRule, summary string, added bool) error {
	data := map[string]any{"kind": r.Kind, "pattern": r.Pattern, "team": r.TeamSlug, "environment": r.Environment}
	e := portal.Event{At: s.Now(), Kind: portal.EventOwnershipRule, Actor: a.Person(), TeamID: r.TeamID,
		Target: portal.EventTarget{Kind: portal.TargetTeam, ID: r.TeamSlug, Name: r.TeamName}, Summary: summary, Data: map[string]any{"before": data}}
	if added {
		e.Data = map[string]any{"after": data}
	}
	return audit.Append(ctx, tx, e)
}

// Rules lists the rules for the ownership of clusters. Only admins may.
func (s *Service) Rules(ctx context.Context, a portal.Actor) ([]portal.OwnershipRule, error) {
	if err := a.RequireAdmin(); err != nil {
		return nil, err
	}
	return store.OwnershipRules(ctx, s.Pool)
}

// mostUnowned is how many clusters that nobody owns rules are tried on at once.
const mostUnowned = 500

// ProposedOwners returns what the rules propose for the clusters that nobody owns, by
// name, but for those that wait for a second admin. Only admins may.
func (s *Service) ProposedOwners(ctx context.Context, a portal.Actor) ([]portal.OwnerProposal, error) {
	rules, err := s.Rules(ctx, a)
	if err != nil || len(rules) == 0 {
		return nil, err
	}
	clusters, err := store.UnownedClusters(ctx, s.Pool, mostUnowned)
	if err != nil {
		return nil, err
	}
	waiting, err := s.Proposed(ctx, a)
	if err != nil {
		return nil, err
	}
	clusters = slices.DeleteFunc(clusters, func(c portal.ClusterSummary) bool {
		return slices.ContainsFunc(waiting, func(w portal.AdminChange) bool { return w.Subject == "cluster:"+c.ID })
	})
	return portal.ProposeOwners(rules, clusters), nil
}
