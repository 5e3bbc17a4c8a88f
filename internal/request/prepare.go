package request

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"doksportal/internal/doapi"
	"doksportal/internal/portal"
	"doksportal/internal/quota"
	"doksportal/internal/store"
)

// operation says how requests for an entry of the catalogue come about. Its
// functions work on the draft alone: they ask neither DigitalOcean nor the
// database.
type operation struct {
	// fill opens the form with what there is now.
	fill func(d *portal.Draft)
	// write puts the parameters of a request into a form that was opened with
	// what there is now, so that reading it asks for the same again.
	write func(d *portal.Draft, p portal.Params)
	// read turns what was typed into parameters, as far as it makes sense, and
	// notes what does not.
	read func(d *portal.Draft, f *fieldErrors)
	// plan says what the parameters would do, and how usage would change.
	plan func(d *portal.Draft)
	// facts are what of a cluster the decision rests on.
	facts func(p portal.Params, c portal.Cluster) []portal.Fact
}

// operations are those that can be asked for.
var operations = map[portal.OperationID]operation{
	portal.CreateCluster:          {fillCreate, writeCreate, readCreate, planCreate, noFacts},
	portal.UpdateCluster:          {fillUpdate, writeUpdate, readUpdate, planUpdate, updateFacts},
	portal.UpgradeCluster:         {fillUpgrade, writeUpgrade, readUpgrade, planUpgrade, upgradeFacts},
	portal.CreateNodePool:         {fillCreatePool, writeCreatePool, readCreatePool, planCreatePool, identityFacts},
	portal.UpdateNodePool:         {fillUpdatePool, writeUpdatePool, readUpdatePool, planUpdatePool, poolFacts},
	portal.DeleteNodePool:         {fillNothing, writeNothing, readDeletePool, planDeletePool, poolFacts},
	portal.DeleteNode:             {fillDeleteNode, writeDeleteNode, readDeleteNode, planDeleteNode, nodeFacts},
	portal.RecycleNodePool:        {fillNothing, writeRecycle, readRecycle, planRecycle, nodeFacts},
	portal.DeleteCluster:          {fillNothing, writeDelete, readDelete, planDelete, clusterFacts},
	portal.DeleteClusterSelective: {fillNothing, writeDelete, readDelete, planDelete, clusterFacts},
	portal.DeleteClusterDangerous: {fillNothing, writeDelete, readDelete, planDelete, clusterFacts},
	portal.RunClusterlint:         {fillNothing, writeLint, readLint, planLint, noFacts},
	portal.GetKubeconfig:          {fillAccess, writeAccess, readAccess, planAccess, identityFacts},
	portal.GetCredentials:         {fillAccess, writeAccess, readAccess, planAccess, identityFacts},
	portal.AddRegistries:          {fillNothing, writeRegistries, readRegistries, planRegistries, registryFacts},
	portal.RemoveRegistries:       {fillNothing, writeRegistries, readRegistries, planRegistries, registryFacts},
	portal.AddRegistry:            {fillNothing, writeRegistries, readRegistries, planRegistries, registryFacts},
	portal.RemoveRegistry:         {fillNothing, writeRegistries, readRegistries, planRegistries, registryFacts},
}

func fillNothing(*portal.Draft) {}

func writeNothing(*portal.Draft, portal.Params) {}

// Facts are what of its clusters the decision on a request rests on. Those of
// a request on several clusters are told apart by the clusters' names.
func Facts(op portal.OperationID, p portal.Params, clusters []portal.Cluster) []portal.Fact {
	var list []portal.Fact
	for _, c := range clusters {
		list = append(list, operations[op].facts(p, c)...)
	}
	return list
}

// prepare finds out what an operation is about, and reads what was typed. To
// submit, the target is read live.
func (s *Service) prepare(ctx context.Context, a portal.Actor, ask SubmitInput, live bool) (portal.Draft, error) {
	ctx = doapi.WithCaller(ctx, a.Identity)
	if !live {
		ctx = doapi.Recent(ctx)
	}
	op, ok := operations[ask.Operation]
	d := portal.Draft{Operation: ask.Operation, Form: ask.Form, Revises: ask.revises}
	if ask.Form == nil {
		d.Form = portal.Form{"submit_key": {uuid.Must(uuid.NewV7()).String()}}
	}
	if !ok {
		return d, portal.E(portal.KindNotFound, "there is no such operation to ask for")
	}
	if err := s.findTarget(ctx, a, ask, &d, live); err != nil {
		return d, err
	}
	offer, err := store.Offer(ctx, s.Pool)
	if err != nil {
		return d, err
	}
	if offer.AsOf.IsZero() {
		return d, portal.E(portal.KindUnavailable, "the portal has not yet heard from DigitalOcean what can be created; try again in a minute")
	}
	d.Offer = offer.Options
	if d.Longest, err = s.longestAccess(ctx, &d, a); err != nil {
		return d, err
	}
	d.ETag = fingerprint(&d)
	if ask.Form == nil {
		op.fill(&d)
		rewriteForm(&d)
	}
	var f fieldErrors
	op.read(&d, &f)
	f.readSchedule(&d, s.Now())
	f.checkText("justification", whyText(d.Operation), d.Form.Typed("justification"), maxJustification, d.Operation.Risk() != portal.RiskDiagnostic)
	d.Errors = f
	d.Params.Target = Facts(d.Operation, d.Params, d.Targets())
	return d, nil
}

func whyText(op portal.OperationID) string {
	if op.Deletes() {
		return "why it should go"
	}
	return "why you need this"
}

// findTarget finds the team and what the operation is about, and makes sure
// that a may ask for it.
func (s *Service) findTarget(ctx context.Context, a portal.Actor, ask SubmitInput, d *portal.Draft, live bool) error {
	switch {
	case ask.Operation == portal.CreateCluster:
		return s.findTeam(ctx, a, ask, d)
	case ask.Operation.Risk() == portal.RiskAccount:
		return s.findClusters(ctx, a, ask, d, live)
	}
	var err error
	if d.Cluster, d.Team, err = s.ownCluster(ctx, a, ask.ClusterID); err != nil {
		return err
	}
	d.TargetIDs, d.TargetName = []string{d.Cluster.ID}, d.Cluster.Name
	if err := s.look(ctx, d, live); err != nil {
		return err
	}
	return findPool(ask, d)
}

// findPool finds the pool and the node that the operation is about.
func findPool(ask SubmitInput, d *portal.Draft) error {
	path := ask.Operation.Operation().Path
	if !strings.Contains(path, "{node_pool_id}") {
		return nil
	}
	var ok bool
	if d.Pool, ok = d.Cluster.Pool(ask.PoolID); !ok {
		return portal.E(portal.KindNotFound, "there is no such pool")
	}
	d.TargetName += "/" + d.Pool.Name
	if !strings.Contains(path, "{node_id}") {
		return nil
	}
	if d.Node, ok = d.Pool.Node(ask.NodeID); !ok {
		return portal.E(portal.KindNotFound, "there is no such node")
	}
	return nil
}

// findTeam finds the team that a new cluster is for.
func (s *Service) findTeam(ctx context.Context, a portal.Actor, ask SubmitInput, d *portal.Draft) error {
	var err error
	if d.Teams, err = s.MemberTeams(ctx, a); err != nil {
		return err
	}
	if len(d.Teams) == 0 {
		return portal.E(portal.KindForbidden, "only members of a team can ask for clusters")
	}
	slug := ask.Form.Get("team")
	if ask.Form == nil && ask.revises.ID != "" {
		slug = ask.revises.Team.Slug
	}
	if ask.Form == nil && slug == "" && len(d.Teams) == 1 {
		slug = d.Teams[0].Slug
	}
	if i := slices.IndexFunc(d.Teams, func(t portal.Team) bool { return t.Slug == slug }); i >= 0 {
		d.Team = d.Teams[i]
	}
	return nil
}

// needsLook are the operations whose plan cannot rest on the inventory, which
// does not know what they are about.
var needsLook = map[portal.OperationID]bool{
	portal.UpgradeCluster: true, portal.DeleteCluster: true, portal.DeleteClusterSelective: true, portal.DeleteClusterDangerous: true,
}

// look reads the target from DigitalOcean, where the inventory does not do.
func (s *Service) look(ctx context.Context, d *portal.Draft, live bool) error {
	needed := needsLook[d.Operation]
	if !live && !needed {
		return nil
	}
	c, err := s.DO.GetCluster(ctx, d.Cluster.ID)
	if err != nil {
		return unreadable(err)
	}
	now := c.Portal(s.Now())
	if now.State == portal.ClusterDeleting || now.State == portal.ClusterDeleted {
		return portal.E(portal.KindConflict, "this cluster is being deleted already")
	}
	now.TeamID, now.TeamName, now.Environment, now.Protected = d.Cluster.TeamID, d.Cluster.TeamName, d.Cluster.Environment, d.Cluster.Protected
	d.Cluster = now
	if !needed {
		return nil
	}
	if d.Operation == portal.UpgradeCluster {
		upgrades, err := s.DO.ListUpgrades(ctx, now.ID)
		if err != nil {
			return unreadable(err)
		}
		d.Upgrades = doapi.PortalVersions(upgrades)
		return nil
	}
	associated, err := s.DO.ListAssociatedResources(ctx, now.ID)
	if err != nil {
		return unreadable(err)
	}
	d.Resources = associated.Portal()
	return nil
}

func unreadable(err error) error {
	if doapi.IsNotFound(err) {
		return portal.E(portal.KindConflict, "DigitalOcean no longer has this cluster", err)
	}
	return portal.E(portal.KindUnavailable,
		"DigitalOcean does not answer, so the portal cannot show what would happen and submits nothing; try again later", err)
}

// fingerprint tells two states of a target apart that people would plan
// differently for. It goes by words, because the inventory and DigitalOcean's
// answers write the same thing in several ways, and leaves out what changes by
// itself, like the nodes of an autoscaled pool.
func fingerprint(d *portal.Draft) string {
	c := d.Cluster
	if c.ID == "" {
		return ""
	}
	facts := []portal.Fact{{What: "tags", Value: strings.Join(portal.OwnTags(c.Tags), ", ")}, {What: "registries", Value: portal.RegistryText(c)}}
	facts = append(facts, clusterFacts(portal.Params{}, c)...)
	facts = append(facts, portal.SettingFacts(c.Details.Settings)...)
	for _, p := range byName(c.Pools) {
		facts = append(facts, portal.Fact{What: p.ID, Value: describePool(p)})
	}
	for _, r := range d.Resources {
		facts = append(facts, portal.Fact{What: r.Kind, Value: r.ID})
	}
	for _, u := range d.Upgrades {
		facts = append(facts, portal.Fact{What: "upgrade", Value: u.Slug})
	}
	sum := sha256.Sum256(fmt.Append(nil, facts))
	return hex.EncodeToString(sum[:8])
}

// judge works out the plan of a draft that has been read, against quota and
// policy as q sees them.
func (s *Service) judge(ctx context.Context, q store.Querier, a portal.Actor, d *portal.Draft) error {
	if d.Team.ID == "" && d.Operation == portal.CreateCluster {
		return nil // nothing can be said before a team is chosen
	}
	f := fieldErrors(d.Errors)
	if d.Operation == portal.CreateCluster {
		taken, err := store.ClusterNameTaken(ctx, q, d.TargetName, d.Revises.ID)
		if err != nil {
			return err
		}
		if taken {
			f.add("name", "A cluster called %s exists already or is being asked for.", quote(d.TargetName))
		}
	}
	d.Plan = portal.Plan{}
	operations[d.Operation].plan(d)
	if err := findRelated(ctx, q, a, d); err != nil {
		return err
	}
	effect, err := s.effect(ctx, q, d)
	if err != nil {
		return err
	}
	d.Plan.Quota = effect
	if err := s.applyPolicy(ctx, q, a, d); err != nil {
		return err
	}
	f.addQuota(d)
	f.checkTerms(d)
	d.Errors = f
	return nil
}

// applyPolicy puts the verdict into the plan, with what it was judged by, and
// whether anybody could give the approvals that it asks for.
func (s *Service) applyPolicy(ctx context.Context, q store.Querier, a portal.Actor, d *portal.Draft) error {
	rules, err := s.Rules.InForce(ctx, q)
	if err != nil {
		return err
	}
	in := inputOf(d, a)
	if d.Judged, err = json.Marshal(in); err != nil {
		return err
	}
	d.Plan.Verdict = verdict(rules, in)
	outstanding := d.Plan.Verdict.Approvals
	if len(outstanding) == 0 {
		return nil
	}
	people, err := store.GroupsOfOthers(ctx, q, d.Plan.Verdict.Groups(), a.Identity, s.Now().Add(-portal.KnownFor))
	if err != nil {
		return err
	}
	if outstanding = d.Plan.Verdict.Outstanding(people); len(outstanding) > 0 {
		d.Plan.Concern = concern(outstanding)
	}
	return nil
}

// checkTerms makes sure that what was typed keeps to the terms of the verdict.
func (f *fieldErrors) checkTerms(d *portal.Draft) {
	v := d.Plan.Verdict
	if d.Params.Access != nil && d.Params.Access.Lifetime() > v.LongestAccess {
		f.add("minutes", "Choose at most %s.", lifetimeText(v.LongestAccess))
	}
	if v.TypedName && d.Form.Get("typed_name") != d.TargetName {
		f.add("typed_name", "Type the name %s, so that it is certain which one is meant.", d.TargetName)
	}
}

// effect compares the team's quota before and after the draft; it is empty when
// usage stays as it is.
func (s *Service) effect(ctx context.Context, q store.Querier, d *portal.Draft) (portal.QuotaEffect, error) {
	delete(d.Usage, "") // a pool whose size is not chosen yet
	changes := d.Operation == portal.CreateCluster
	for _, n := range d.Usage {
		changes = changes || n != 0
	}
	if !changes {
		return portal.QuotaEffect{}, nil
	}
	used, err := store.TeamUsage(ctx, q, d.Team.ID)
	if err != nil {
		return portal.QuotaEffect{}, err
	}
	if d.Revises.ID != "" { // gives back what it holds first
		held, err := store.Reserved(ctx, q, d.Revises.ID)
		if err != nil {
			return portal.QuotaEffect{}, err
		}
		for size, n := range held {
			used[size] -= n
		}
	}
	return quota.Check(d.Team.Quota, used, d.Usage), nil
}
