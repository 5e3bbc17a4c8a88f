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
		if c.Wave > 1 && c.HealthySince.IsZero() && b.clock.Now().Sub(c.UpdatedAt) > time.Minute {
			t.Fatal("a wave began before the clusters were healthy for five minutes")
		}
	}
	if c.Wave != 1 {
		t.Fatalf("wave %d has begun too early", c.Wave)
	}

	_, members = b.members(c)
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
