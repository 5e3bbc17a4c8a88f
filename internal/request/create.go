package request

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/policy"
	"doksportal/internal/portal"
	"doksportal/internal/quota"
	"doksportal/internal/store"
)

// haMonthlyCents is what a highly available control plane costs a month, in
// USD cents. Source: DigitalOcean's price list.
const haMonthlyCents = 4000

// PlanCreate says what creating a cluster would do, from what has been typed
// so far. When something is wrong with that, the plan speaks of what can be
// understood, and the error names the fields (KindInvalid).
func (s *Service) PlanCreate(ctx context.Context, a portal.Actor, in CreateInput) (portal.Plan, error) {
	team, err := s.memberTeam(ctx, a, in.Team)
	if err != nil {
		return portal.Plan{}, err
	}
	draft, err := s.draftCreate(ctx, s.Pool, team, in)
	if err != nil {
		return portal.Plan{}, err
	}
	return draft.plan, draft.faults.err()
}

// SubmitCreate makes a request for a cluster, once for a given submit key. A
// request that the policy allows is carried out at once. Over quota it makes
// none, and the error names the pools (KindInvalid).
func (s *Service) SubmitCreate(ctx context.Context, a portal.Actor, in CreateInput) (portal.Request, error) {
	team, err := s.memberTeam(ctx, a, in.Team)
	if err != nil {
		return portal.Request{}, err
	}
	return s.submit(ctx, a, team, in.SubmitKey, func(tx pgx.Tx, team portal.Team) (draft, error) {
		d, err := s.draftCreate(ctx, tx, team, in)
		if err == nil {
			d.faults.checkText("justification", "why you need this", in.Justification, maxJustification, true)
			d.request.Justification = strings.TrimSpace(in.Justification)
		}
		return d, err
	})
}

// draft is a request in the making.
type draft struct {
	request portal.Request
	plan    portal.Plan
	holds   portal.Usage // quota to reserve
	faults  faults
}

func (s *Service) draftCreate(ctx context.Context, q store.Querier, team portal.Team, in CreateInput) (draft, error) {
	offer, err := store.Offer(ctx, q)
	if err != nil {
		return draft{}, err
	}
	if offer.AsOf.IsZero() {
		return draft{}, portal.E(portal.KindUnavailable, "the portal has not yet heard from DigitalOcean what can be created; try again in a minute")
	}
	params, f := in.parse(offer.Options)
	taken, err := store.ClusterNameTaken(ctx, q, params.Name)
	if err != nil {
		return draft{}, err
	}
	if taken {
		f.add("name", "A cluster called %s exists already or is being asked for.", quote(params.Name))
	}
	used, err := store.TeamUsage(ctx, q, team.ID)
	if err != nil {
		return draft{}, err
	}
	plan := s.planCreate(team, params, used, offer.Options)
	f.addQuota(team, params, plan.Quota)
	return draft{
		request: portal.Request{Operation: portal.CreateCluster, TargetName: params.Name, Params: portal.Params{Create: &params}},
		plan:    plan, holds: params.Usage(), faults: f,
	}, nil
}

func (s *Service) planCreate(team portal.Team, p portal.CreateParams, used portal.Usage, o portal.Options) portal.Plan {
	change := p.Usage()
	delete(change, "") // a pool whose size is not chosen yet
	effect := quota.Check(team.Quota, used, change)
	plan := portal.Plan{
		Summary: fmt.Sprintf("Create cluster %s in %s with %s.", p.Name, p.Region, nodes(change.Total())),
		Changes: createChanges(team, p),
		Quota:   effect,
		Verdict: s.Policy.Judge(policy.Input{Operation: portal.CreateCluster, Team: team, Environment: p.Environment, Quota: effect}),
	}
	for _, pool := range p.Pools {
		size, _ := o.Size(pool.Size)
		plan.MonthlyCents += size.MonthlyCents * int64(pool.Count)
	}
	if p.HA {
		plan.MonthlyCents += haMonthlyCents
	}
	return plan
}

func createChanges(team portal.Team, p portal.CreateParams) []portal.Change {
	changes := []portal.Change{
		{What: "Name", After: p.Name},
		{What: "Team", After: team.Name},
		{What: "Environment", After: string(p.Environment)},
		{What: "Region", After: p.Region},
		{What: "Kubernetes version", After: p.Version},
		{What: "High availability", After: yesNo(p.HA)},
	}
	for _, pool := range p.Pools {
		changes = append(changes, portal.Change{What: "Pool " + pool.Name, After: fmt.Sprintf("%d × %s", pool.Count, pool.Size)})
	}
	if len(p.Tags) > 0 {
		changes = append(changes, portal.Change{What: "Tags", After: strings.Join(p.Tags, ", ")})
	}
	return changes
}

// addQuota names the last pool that each exceeded limit is about.
func (f *faults) addQuota(team portal.Team, p portal.CreateParams, effect portal.QuotaEffect) {
	for _, line := range effect.Lines {
		if line.Over() == 0 {
			continue
		}
		i := len(p.Pools) - 1
		if line.Size != "" {
			for i >= 0 && p.Pools[i].Size != line.Size {
				i--
			}
		}
		f.add(fmt.Sprintf("pools[%d].count", i), "%s", overQuota(team, line))
	}
}

func overQuota(team portal.Team, l portal.QuotaLine) string {
	if !l.Allowed {
		return fmt.Sprintf("Team %s may not use the size %s.", team.Name, l.Size)
	}
	what := "nodes"
	if l.Size != "" {
		what = l.Size + " nodes"
	}
	return fmt.Sprintf("Team %s may have %d %s and would have %d: %d too many.", team.Name, l.Limit, what, l.After, l.Over())
}

func nodes(n int) string {
	if n == 1 {
		return "1 node"
	}
	return fmt.Sprintf("%d nodes", n)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// memberTeam returns the team called slug, if a may ask on its behalf.
func (s *Service) memberTeam(ctx context.Context, a portal.Actor, slug string) (portal.Team, error) {
	teams, err := s.MemberTeams(ctx, a)
	if err != nil {
		return portal.Team{}, err
	}
	if len(teams) == 0 {
		return portal.Team{}, portal.E(portal.KindForbidden, "only members of a team can ask for clusters")
	}
	i := slices.IndexFunc(teams, func(t portal.Team) bool { return t.Slug == slug })
	if i < 0 {
		return portal.Team{}, portal.Invalid(portal.FieldError{Field: "team", Message: "Choose one of your teams."})
	}
	return teams[i], nil
}

// MemberTeams lists the teams that a may ask on behalf of.
func (s *Service) MemberTeams(ctx context.Context, a portal.Actor) ([]portal.Team, error) {
	teams, err := store.Teams(ctx, s.Pool)
	return slices.DeleteFunc(teams, func(t portal.Team) bool { return !a.MemberOf(t) }), err
}

// refuse records that the policy denied what a asked for.
func (s *Service) refuse(ctx context.Context, a portal.Actor, team portal.Team, d draft) error {
	return db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		return audit.Append(ctx, tx, portal.Event{
			At: s.Now(), Kind: portal.EventRefused, Actor: a.Person(), TeamID: team.ID,
			Summary: fmt.Sprintf("%s %s was refused: %s", d.request.Operation.Title(), d.request.TargetName, d.plan.Verdict.Reason),
			Data:    map[string]any{"params": d.request.Params, "quota": d.plan.Quota},
		})
	})
}
