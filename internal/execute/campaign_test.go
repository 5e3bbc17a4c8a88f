package execute_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/doapi/dosim"
	"doksportal/internal/portal"
	"doksportal/internal/request"
	"doksportal/internal/store"
)

// fleet gives the team so many clusters of each environment, an old patch of 1.35 each.
func (b *bundle) fleet(development, staging, production int) []string {
	b.t.Helper()
	var ids []string
	environments := map[portal.Environment]int{portal.Development: development, portal.Staging: staging, portal.Production: production}
	for _, e := range []portal.Environment{portal.Production, portal.Development, portal.Staging} {
		for i := range environments[e] {
			ids = append(ids, b.sim.Add(dosim.Seed{Name: fmt.Sprintf("%s-%d", e, i+1), Region: "fra1", Version: "1.34.0-do.0", Size: "s-2vcpu-4gb", Count: 1}))
		}
	}
	b.must(b.syncer.Sync(b.t.Context()))
	at := 0
	b.must(db.WithTx(b.t.Context(), b.pool, func(tx pgx.Tx) error {
		for _, e := range []portal.Environment{portal.Production, portal.Development, portal.Staging} {
			for range environments[e] {
				if err := store.AssignCluster(b.t.Context(), tx, ids[at], b.team.ID, e); err != nil {
					return err
				}
				at++
			}
		}
		return nil
	}))
	return ids
}

func campaignForm(ids []string, pairs ...string) portal.Form {
	f := form(append([]string{"operation", "upgrade_cluster", "target", "next", "per_wave", "3", "gate", "healthy", "healthy_minutes", "5"}, pairs...)...)
	f["cluster"] = ids
	return f
}

// campaign submits a campaign as its form plans it.
func (b *bundle) campaign(f portal.Form) portal.Campaign {
	b.t.Helper()
	d, err := b.requests.PlanCampaign(b.t.Context(), b.member, f)
	b.must(err)
	f.Set("seen", d.Seen)
	c, d, err := b.requests.SubmitCampaign(b.t.Context(), b.member, f)
	if err != nil {
		b.t.Fatalf("%v %+v", err, d.Errors)
	}
	return c
}

// members returns a campaign and its requests as they are now.
func (b *bundle) members(c portal.Campaign) (portal.Campaign, []portal.Request) {
	b.t.Helper()
	c, err := store.CampaignByNumber(b.t.Context(), b.pool, c.Number)
	b.must(err)
	list, err := store.Members(b.t.Context(), b.pool, c.ID)
	b.must(err)
	return c, list
}

// turn lets time pass, and everything that goes by itself happen.
func (b *bundle) turn(c portal.Campaign, passes time.Duration) portal.Campaign {
	b.t.Helper()
	b.clock.advance(passes)
	b.must(b.confirmed())
	b.must(b.syncer.Sync(b.t.Context()))
	b.must(b.requests.AdvanceCampaigns(b.t.Context()))
	_, members := b.members(c)
	for _, m := range members {
		if _, err := b.executor.Step(b.t.Context(), m.ID); err != nil {
			b.t.Fatal(err)
		}
	}
	c, _ = b.members(c)
	return c
}

// begun counts the members of each wave whose call was made.
func begun(members []portal.Request) map[int]int {
	n := map[int]int{}
	for _, m := range members {
		if len(m.Attempts) > 0 {
			n[m.Params.Campaign.Wave]++
		}
	}
	return n
}

// A campaign is approved once, begins with development, waits until its clusters are
// healthy, stops by itself at a failure, and goes on when somebody says so. Each cluster
// is upgraded by one call.
func TestCampaign(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ids := b.fleet(4, 1, 2)
	c := b.campaign(campaignForm(ids))
	if c.Waves != 4 {
		t.Fatalf("%d waves, want 2 of development, 1 of staging, 1 of production", c.Waves)
	}
	c = b.turn(c, time.Second)
	c, members := b.members(c)
	if c.Wave != 1 || begun(members)[1] != 3 || len(begun(members)) != 1 {
		t.Fatalf("wave %d has begun, with %v", c.Wave, begun(members))
	}
	c = b.turn(c, 4*time.Minute)
	for range 3 {
		c = b.turn(c, time.Minute)
	}
	if c.Wave != 1 {
		t.Fatalf("wave %d began before all clusters had been healthy for five minutes", c.Wave)
	}

	b.sim.Inject(dosim.Fault{Operation: "upgrade_cluster", Kind: dosim.FaultStatus, Status: 422, ID: "unprocessable_entity", Message: "invalid upgrade path"})
	for range 20 {
		if c = b.turn(c, time.Minute); c.State == portal.CampaignStopped {
			break
		}
	}
	if c.State != portal.CampaignStopped || c.Wave != 2 {
		_, members = b.members(c)
		for _, m := range members {
			t.Logf("%s wave %d: %s %s", m.TargetName, m.Params.Campaign.Wave, m.State, m.Reason)
		}
		t.Fatalf("the campaign is %s in wave %d: %s", c.State, c.Wave, c.Reason)
	}
	for range 10 {
		c = b.turn(c, 10*time.Minute)
	}
	if _, members = b.members(c); begun(members)[3]+begun(members)[4] != 0 {
		t.Fatal("it went on although it had stopped")
	}
	b.must(b.requests.ResumeCampaign(t.Context(), b.signedIn(b.member), c.Number, "that one is done by hand"))
	for range 60 {
		if c = b.turn(c, time.Minute); c.Wave == 3 {
			break
		}
	}
	_, members = b.members(c)
	if c.Wave != 3 || begun(members)[4] != 0 {
		t.Fatalf("the campaign is %s in wave %d: %s", c.State, c.Wave, c.Reason)
	}
	for range 30 {
		c = b.turn(c, time.Minute)
	}
	if _, members = b.members(c); begun(members)[4] != 0 {
		t.Fatal("production began without an approval")
	}
	b.approveCampaign(c, b.approver)
	for range 60 {
		if c = b.turn(c, time.Minute); c.State == portal.CampaignEnded {
			break
		}
	}
	if _, members = b.members(c); c.State != portal.CampaignEnded || portal.Tally(members, 0).Succeeded != 6 {
		t.Fatalf("the campaign is %s: %s", c.State, c.Reason)
	}
	b.wantCalls("upgrade_cluster", 7)
}

// approveCampaign has somebody approve what they may of a campaign.
func (b *bundle) approveCampaign(c portal.Campaign, by portal.Actor) {
	b.t.Helper()
	_, members := b.members(c)
	b.must(b.requests.ReviewCampaign(b.t.Context(), b.signedIn(by), request.CampaignReview{Number: c.Number, Decision: portal.ReviewApprove, Digest: portal.MembersDigest(members)}))
}

// Forty clusters of development are more than the built-in policy lets anybody change by
// themselves: approved once, they are upgraded, a wave after the other; the campaign
// stops by itself at a failure, is resumed, and finishes. Four replicas take part.
func TestCampaignOfForty(t *testing.T) {
	t.Parallel()
	long(t)
	b := setup(t)
	c := b.campaign(campaignForm(b.fleet(40, 0, 0), "per_wave", "10", "healthy_minutes", "0"))
	c = b.turn(c, time.Minute)
	if _, members := b.members(c); portal.Tally(members, 0).Pending != 40 || len(begun(members)) != 0 {
		t.Fatal("it began without an approval")
	}
	if err := b.requests.ReviewCampaign(t.Context(), b.signedIn(b.member), request.CampaignReview{Number: c.Number, Decision: portal.ReviewApprove, Digest: "x"}); !portal.Is(err, portal.KindConflict) {
		t.Errorf("a decision on another plan: %v", err)
	}
	_, members := b.members(c)
	if err := b.requests.ReviewCampaign(t.Context(), b.signedIn(b.member), request.CampaignReview{Number: c.Number, Decision: portal.ReviewApprove, Digest: portal.MembersDigest(members)}); !portal.Is(err, portal.KindForbidden) {
		t.Errorf("its requester approves it: %v", err)
	}
	b.approveCampaign(c, b.approver)
	for i := range 100 {
		if i == 12 {
			b.sim.Inject(dosim.Fault{Operation: "upgrade_cluster", Kind: dosim.FaultStatus, Status: 422, ID: "unprocessable_entity", Message: "invalid upgrade path"})
		}
		for _, err := range inParallel(4, func(int) error { return b.requests.AdvanceCampaigns(t.Context()) }) {
			b.must(err)
		}
		if c = b.turn(c, time.Minute); c.State == portal.CampaignStopped {
			b.must(b.requests.ResumeCampaign(t.Context(), b.signedIn(b.approver), c.Number, "its owner has seen to it"))
		}
		if c.State == portal.CampaignEnded {
			break
		}
	}
	_, members = b.members(c)
	if tally := portal.Tally(members, 0); c.State != portal.CampaignEnded || tally.Succeeded != 39 || tally.Failed != 1 {
		t.Errorf("the campaign is %s: %s", c.State, c.Reason)
	}
	b.wantCalls("upgrade_cluster", 40)
	var kinds string
	b.must(b.pool.QueryRow(t.Context(), `SELECT string_agg(kind, ' ' ORDER BY kind) FROM events WHERE target_kind = 'campaign'`).Scan(&kinds))
	if want := "campaign_decided campaign_ended campaign_resumed campaign_stopped campaign_submitted wave_started wave_started wave_started wave_started"; kinds != want {
		t.Errorf("the trail says %q, want %q", kinds, want)
	}
}

// What a campaign has not let begin is not sent, whatever the tables say, and what it
// holds again is not either.
func TestHeldMembersSendNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.campaign(campaignForm(b.fleet(2, 0, 0), "per_wave", "1"))
	_, members := b.members(c)
	_, err := b.pool.Exec(t.Context(), `UPDATE requests SET released_at = $1`, b.clock.Now())
	b.must(err)
	for _, m := range members {
		b.step(m)
	}
	b.wantCalls("upgrade_cluster", 0)

	b = setup(t)
	c = b.campaign(campaignForm(b.fleet(2, 0, 0), "per_wave", "1"))
	b.must(b.requests.AdvanceCampaigns(t.Context()))
	b.must(b.requests.StopCampaign(t.Context(), b.member, c.Number, "wait"))
	_, members = b.members(c)
	for _, m := range members {
		b.step(m)
	}
	b.wantCalls("upgrade_cluster", 0)
	b.must(b.requests.ResumeCampaign(t.Context(), b.signedIn(b.member), c.Number, "go on"))
	b.turn(c, time.Second)
	b.wantCalls("upgrade_cluster", 1)
}

// A plan that has changed since it was shown starts nothing, and nobody starts one for
// clusters of others.
func TestCampaignIsWhatWasSeen(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ids := b.fleet(2, 0, 0)
	f := campaignForm(ids)
	d, err := b.requests.PlanCampaign(t.Context(), b.member, f)
	b.must(err)
	f.Set("seen", d.Seen)
	f["cluster"] = ids[:1]
	if _, _, err := b.requests.SubmitCampaign(t.Context(), b.member, f); !portal.Is(err, portal.KindConflict) {
		t.Errorf("another choice of clusters: %v", err)
	}
	f["cluster"] = append(ids, b.sim.Add(dosim.Seed{Name: "theirs", Region: "fra1", Size: "s-2vcpu-4gb", Count: 1}))
	b.must(b.syncer.Sync(t.Context()))
	if _, d, err := b.requests.SubmitCampaign(t.Context(), b.member, f); !portal.Is(err, portal.KindInvalid) || d.Errors[0].Field != "cluster" {
		t.Errorf("a cluster of nobody's: %v", err)
	}
	for field, typed := range map[string][]string{"per_wave": {"0", "201", "2147483648", "-1", "x"}, "days": {"0", "8"}, "healthy_minutes": {"1441"},
		"most_failures": {"9223372036854775808"}, "gate": {"luck"}, "operation": {"delete_cluster"}, "justification": {"", "a\u202eb"}} {
		for _, value := range typed {
			f := campaignForm(ids, field, value)
			d, err := b.requests.PlanCampaign(t.Context(), b.member, f)
			b.must(err)
			if len(d.Errors) == 0 || d.Errors[0].Field != field {
				t.Errorf("%s %q: %+v", field, value, d.Errors)
			}
		}
	}
}
