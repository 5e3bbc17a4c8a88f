package request

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/events"
	"doksportal/internal/names"
	"doksportal/internal/notify"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// CampaignDraft is a campaign as far as it has been typed.
type CampaignDraft struct {
	Form     portal.Form
	Campaign portal.Campaign
	Clusters []portal.ClusterSummary // that may be chosen
	Members  []MemberDraft           // by wave
	Errors   portal.FieldErrors
	Seen     string // tells this plan from another
}

// MemberDraft is what a campaign would do to one cluster.
type MemberDraft struct {
	Draft   portal.Draft
	Wave    int
	Problem string // why it cannot be part of it
}

// Possible are the ids of the chosen clusters that can be part of the campaign.
func (d CampaignDraft) Possible() []string {
	var ids []string
	for _, m := range d.Members {
		if m.Problem == "" {
			ids = append(ids, m.Draft.Cluster.ID)
		}
	}
	return ids
}

// PlanCampaign says what a campaign would do, from what has been typed so far. It goes
// by the inventory: what has changed since is found right before each call. a chooses
// from the clusters of teams that a is a member of; KindForbidden says that there is no
// such team.
func (s *Service) PlanCampaign(ctx context.Context, a portal.Actor, form portal.Form) (CampaignDraft, error) {
	d := CampaignDraft{Form: form}
	teams, err := s.MemberTeams(ctx, a)
	if err != nil {
		return d, err
	}
	if len(teams) == 0 {
		return d, portal.E(portal.KindForbidden, "only members of a team can start campaigns")
	}
	ids := make([]string, len(teams))
	for i, t := range teams {
		ids[i] = t.ID
	}
	if d.Clusters, err = store.Clusters(ctx, s.Pool, store.ClusterFilter{TeamIDs: ids, Limit: maxChoices}); err != nil {
		return d, err
	}
	s.readCampaign(&d, a)
	return d, s.planMembers(ctx, a, &d)
}

// readCampaign reads what was typed of a campaign as a whole.
func (s *Service) readCampaign(d *CampaignDraft, a portal.Actor) {
	f, c := d.Form, &d.Campaign
	number := func(field, what string, least, most, unless int) int {
		if f.Get(field) == "" {
			return unless
		}
		n, ok := portal.ParseNumber(f.Get(field), least, most)
		if !ok {
			d.Errors.Add(field, "Enter %s from %d to %d; this is %s.", what, least, most, portal.Quote(f.Get(field)))
			return unless
		}
		return n
	}
	const fewAtOnce, untilHealthy, days = 5, 5, 2
	perWave := number("per_wave", "a number of clusters", 1, portal.MostMembers, fewAtOnce)
	healthy := number("healthy_minutes", "a number of minutes", 0, int(portal.LongestHealthy.Minutes()), untilHealthy)
	failures := number("most_failures", "a number of clusters", 0, portal.MostMembers, 0)
	until := number("days", "a number of days", 1, int(portal.LongestCampaign.Hours()/24), days)
	*c = portal.Campaign{
		Operation: portal.OperationID(cmp.Or(f.Get("operation"), string(portal.UpgradeCluster))), Gate: portal.Gate(cmp.Or(f.Get("gate"), string(portal.GateHealthy))),
		HealthyFor: time.Duration(healthy) * time.Minute, MostFailures: failures, Until: s.Now().Add(time.Duration(until) * 24 * time.Hour).UTC().Truncate(time.Second),
		Requester: a.Person(), Justification: f.Get("justification"), State: portal.CampaignRunning, SubmitKey: f.Get("submit_key"), CreatedAt: s.Now(),
	}
	if !slices.Contains(portal.CampaignOperations, c.Operation) {
		d.Errors.Add("operation", "Choose what the campaign does.")
		return
	}
	if c.Gate != portal.GatePerson && c.Gate != portal.GateHealthy {
		d.Errors.Add("gate", "Choose what the campaign waits for between two waves.")
	}
	if problem := names.CheckText("why this is needed", c.Justification, maxComment, true); problem != "" {
		d.Errors.Add("justification", "%s", problem)
	}
	s.chooseMembers(d, perWave)
}

// chooseMembers finds the clusters that were chosen, and the waves in which they are
// changed.
func (s *Service) chooseMembers(d *CampaignDraft, perWave int) {
	chosen := slices.Compact(slices.Sorted(slices.Values(d.Form.All("cluster"))))
	var clusters []portal.Cluster
	for _, c := range d.Clusters {
		if slices.Contains(chosen, c.ID) {
			clusters = append(clusters, portal.Cluster{ID: c.ID, Name: c.Name, Environment: c.Environment})
		}
	}
	switch {
	case len(clusters) < len(chosen):
		d.Errors.Add("cluster", "Some of the clusters are gone, or of teams that you are no member of; look at the list again.")
	case len(clusters) == 0:
		d.Errors.Add("cluster", "Choose the clusters.")
	case len(clusters) > portal.MostMembers:
		d.Errors.Add("cluster", "A campaign has at most %d clusters; these are %d.", portal.MostMembers, len(clusters))
		clusters = nil
	}
	slices.SortFunc(clusters, func(a, b portal.Cluster) int { return strings.Compare(a.Name, b.Name) })
	waveOf, waves := portal.PlanWaves(clusters, perWave)
	d.Campaign.Waves = waves
	for _, c := range clusters {
		d.Members = append(d.Members, MemberDraft{Wave: waveOf[c.ID], Draft: portal.Draft{Cluster: c}})
	}
	slices.SortStableFunc(d.Members, func(a, b MemberDraft) int { return a.Wave - b.Wave })
}

// planMembers plans what is done to each cluster.
func (s *Service) planMembers(ctx context.Context, a portal.Actor, d *CampaignDraft) error {
	if !slices.Contains(portal.CampaignOperations, d.Campaign.Operation) {
		return nil
	}
	offer, err := store.Offer(ctx, s.Pool)
	if err != nil {
		return err
	}
	change, summary := campaignChange(d, offer.Options)
	d.Campaign.Summary = summary
	sum := sha256.New()
	for i := range d.Members {
		m := &d.Members[i]
		if err := s.planMember(ctx, a, d, m, change); err != nil {
			return err
		}
		_, _ = fmt.Fprintf(sum, "%d %s %s %v %s\n", m.Wave, m.Draft.Cluster.ID, m.Draft.ETag, m.Draft.Plan.Changes, m.Problem)
	}
	d.Seen = hex.EncodeToString(sum.Sum(nil))
	if broken := slices.IndexFunc(d.Members, func(m MemberDraft) bool { return m.Problem != "" }); broken >= 0 && len(d.Errors) == 0 {
		d.Errors.Add("cluster", "Leave out the clusters that cannot be part of it: %s.", d.Members[broken].Draft.Cluster.Name+problemsMore(d.Members))
	}
	return nil
}

// told is what of an error people may read.
func told(err error) string {
	if e, ok := errors.AsType[*portal.Error](err); ok {
		return e.Message
	}
	return "the portal could not plan this because of a fault of its own"
}

func problemsMore(members []MemberDraft) string {
	n := -1
	for _, m := range members {
		if m.Problem != "" {
			n++
		}
	}
	if n < 1 {
		return ""
	}
	return " and " + strconv.Itoa(n) + " more"
}

func (s *Service) planMember(ctx context.Context, a portal.Actor, d *CampaignDraft, m *MemberDraft, change memberChange) error {
	ask := SubmitInput{Operation: d.Campaign.Operation, ClusterID: m.Draft.Cluster.ID,
		campaign: &portal.CampaignMember{Wave: m.Wave, Of: len(d.Members), Until: d.Campaign.Until}}
	opened, err := s.prepare(ctx, a, ask, false)
	if err == nil {
		ask.Form = opened.Form
		ask.Form.Set("justification", d.Campaign.Justification)
		m.Problem = change(ask.Form, opened.Cluster)
		m.Draft, err = s.prepare(ctx, a, ask, false)
	}
	if err == nil {
		err = s.judge(ctx, s.Pool, a, &m.Draft)
	}
	switch kind := portal.KindOf(err); {
	case err != nil && (kind == portal.KindConflict || kind == portal.KindForbidden || kind == portal.KindNotFound || kind == portal.KindInvalid):
		m.Problem = portal.Sentence(told(err))
	case err != nil:
		return err
	}
	m.explain()
	return nil
}

// explain says why a cluster cannot be part of a campaign.
func (m *MemberDraft) explain() {
	for _, e := range m.Draft.Errors {
		if e.Field != "justification" && m.Problem == "" {
			m.Problem = e.Message
		}
	}
	if v := m.Draft.Plan.Verdict; m.Problem == "" && v.Decision == portal.Deny {
		m.Problem = "The policy does not allow it: " + v.Reason
	}
}

// targetPatch is the target of upgrades that stay within minor versions.
const targetPatch = "patch"

// memberChange puts what a campaign changes into the form of one of its clusters, or says
// why there is nothing to change.
type memberChange func(portal.Form, portal.Cluster) (problem string)

// campaignChange returns what a campaign puts into the form of each of its clusters, and
// says in words what that is.
func campaignChange(d *CampaignDraft, offer portal.Options) (change memberChange, summary string) {
	f := d.Form
	if d.Campaign.Operation == portal.UpgradeCluster {
		to, summary, none := offer.NextOf, "Upgrade to the next version", "It has the newest version already."
		if f.Get("target") == targetPatch {
			to, summary, none = offer.PatchOf, "Upgrade to the newest patch of their minor version", "It has the newest patch of its minor version already."
		}
		return func(form portal.Form, c portal.Cluster) string {
			version := to(c.Version)
			form.Set("version", version)
			if version == "" {
				return none
			}
			return ""
		}, summary
	}
	add, remove := f.Fields("add_tags"), f.Fields("remove_tags")
	day, start := f.Get("maintenance_day"), f.Get("maintenance_start")
	var parts []string
	if len(add) > 0 {
		parts = append(parts, "add tags "+strings.Join(add, ", "))
	}
	if len(remove) > 0 {
		parts = append(parts, "remove tags "+strings.Join(remove, ", "))
	}
	if day != "" || start != "" {
		parts = append(parts, "move the maintenance window to "+strings.TrimSpace(day+" "+start))
	}
	if len(parts) == 0 {
		d.Errors.Add("add_tags", "Say what to change: tags, or the maintenance window.")
		parts = append(parts, "change settings")
	}
	return func(form portal.Form, c portal.Cluster) string {
		tags := slices.DeleteFunc(portal.OwnTags(c.Tags), func(t string) bool { return slices.Contains(remove, t) })
		for _, t := range add {
			if !slices.Contains(tags, t) {
				tags = append(tags, t)
			}
		}
		form.Set("tags", strings.Join(tags, ", "))
		if day != "" || start != "" {
			form.Set("maintenance_day", day)
			form.Set("maintenance_start", start)
		}
		return ""
	}, strings.ToUpper(parts[0][:1]) + strings.Join(parts, ", ")[1:]
}

// SubmitCampaign makes a campaign, once for a given submit key: all of its requests or
// none. Its errors are those of PlanCampaign and Submit.
func (s *Service) SubmitCampaign(ctx context.Context, a portal.Actor, form portal.Form) (portal.Campaign, CampaignDraft, error) {
	if a.IsZero() {
		return portal.Campaign{}, CampaignDraft{}, portal.E(portal.KindUnauthorized, "sign in first")
	}
	key := form.Get("submit_key")
	if c, err := store.CampaignBySubmitKey(ctx, s.Pool, a.Identity, key); !portal.Is(err, portal.KindNotFound) {
		return c, CampaignDraft{}, err
	}
	d, err := s.PlanCampaign(ctx, a, form)
	switch {
	case err != nil:
		return portal.Campaign{}, d, err
	case len(d.Errors) > 0:
		return portal.Campaign{}, d, portal.Invalid(d.Errors...)
	case !portal.IsUUID(key):
		return portal.Campaign{}, d, portal.E(portal.KindInvalid, "this form is incomplete; open it again")
	case form.Get("seen") != d.Seen:
		return portal.Campaign{}, d, portal.E(portal.KindConflict, "this is not the plan that you have seen; look at it again")
	}
	c := d.Campaign
	id, err := uuid.NewV7()
	if err != nil {
		return c, d, err
	}
	c.ID = id.String()
	err = db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error { return s.insertCampaign(ctx, tx, a, &c, &d) })
	if portal.Is(err, portal.KindConflict) { // the first of two clicks has made it
		if made, readErr := store.CampaignBySubmitKey(ctx, s.Pool, a.Identity, key); readErr == nil {
			return made, d, nil
		}
	}
	return c, d, err
}

// membersPerToken says how many members of a campaign count as one request, of which one
// person may make so many.
const membersPerToken = 10

func (s *Service) insertCampaign(ctx context.Context, tx pgx.Tx, a portal.Actor, c *portal.Campaign, d *CampaignDraft) error {
	wait, err := Limit.Admit(ctx, tx, "request "+a.Issuer+" "+a.Subject, 1+len(d.Members)/membersPerToken, s.Now())
	if err != nil {
		return err
	}
	if wait > 0 {
		return portal.E(portal.KindLimited, "you have made too many requests; try again in "+portal.RoughDuration(wait))
	}
	if c.Number, err = store.InsertCampaign(ctx, tx, *c); err != nil {
		return err
	}
	if err := lockTeams(ctx, tx, d.Members); err != nil {
		return err
	}
	var made []portal.Request
	for _, m := range d.Members {
		r, err := s.insertMember(ctx, tx, a, *c, m)
		if err != nil {
			return err
		}
		made = append(made, r)
	}
	if err := s.recordCampaign(ctx, tx, *c, campaignEvent{
		Kind: portal.EventCampaignSubmitted, Actor: a.Person(), Said: c.Justification,
		Summary: fmt.Sprintf("%s started %s on %d clusters in %d waves", a.Name, c.Title(), len(made), c.Waves),
		Data: map[string]any{"digest": portal.MembersDigest(made), "members": len(made), "waves": c.Waves, "gate": c.Gate,
			"healthy_for": c.HealthyFor.String(), "most_failures": c.MostFailures, "until": c.Until},
	}); err != nil {
		return err
	}
	return tellTeams(ctx, tx, made, portal.EventSubmitted, a.Person(), s.Now(), a.Name+" requested "+c.Title()+" on "+strconv.Itoa(len(made))+" clusters")
}

// lockTeams locks the teams of all members in the order of locks. They are locked before
// the first request is made, so that the requests can be made in the order of the plan.
func lockTeams(ctx context.Context, tx pgx.Tx, members []MemberDraft) error {
	ids := make([]string, len(members))
	for i, m := range members {
		ids[i] = m.Draft.Team.ID
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		if _, err := store.LockTeam(ctx, tx, id); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) insertMember(ctx context.Context, tx pgx.Tx, a portal.Actor, c portal.Campaign, m MemberDraft) (portal.Request, error) {
	d := m.Draft
	member := *d.Params.Campaign
	member.ID = c.ID
	d.Params.Campaign = &member
	if err := s.lock(ctx, tx, a, &d); err != nil {
		return portal.Request{}, err
	}
	if err := s.judge(ctx, tx, a, &d); err != nil {
		return portal.Request{}, err
	}
	if err := s.refusal(a, &d); err != nil {
		if portal.Is(err, portal.KindStepUp) {
			return portal.Request{}, err
		}
		return portal.Request{}, portal.Invalid(portal.FieldError{Field: "cluster", Message: d.Cluster.Name + ": " + told(err)})
	}
	return s.insert(ctx, tx, a, &d, d.Form.Get("submit_key"))
}

// campaignEvent is what happened to a campaign.
type campaignEvent struct {
	Kind    portal.EventKind
	Actor   portal.Person
	Summary string
	Said    string // what the actor gave as the reason
	Data    map[string]any
}

// recordCampaign puts an event of a campaign on the trail and announces it.
func (s *Service) recordCampaign(ctx context.Context, tx pgx.Tx, c portal.Campaign, e campaignEvent) error {
	if err := audit.Append(ctx, tx, portal.Event{
		At: s.Now(), Kind: e.Kind, Actor: e.Actor, Operation: c.Operation, Summary: e.Summary, Reason: e.Said, Data: e.Data,
		Target: portal.EventTarget{Kind: portal.TargetCampaign, ID: c.ID, Name: c.Title()},
	}); err != nil {
		return err
	}
	return events.Publish(ctx, tx, events.Campaign(c.ID), events.Requests)
}

// tellTeams tells those whom it concerns of a campaign, once for each team, by one of the
// team's requests.
func tellTeams(ctx context.Context, tx pgx.Tx, members []portal.Request, kind portal.EventKind, by portal.Person, at time.Time, summary string) error {
	told := map[string]bool{}
	for _, m := range members {
		if told[m.Team.ID] {
			continue
		}
		told[m.Team.ID] = true
		if err := notify.Queue(ctx, tx, notify.Notification{Kind: kind, RequestID: m.ID, Actor: by, Summary: summary, At: at}); err != nil {
			return err
		}
	}
	return nil
}
