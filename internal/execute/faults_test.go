package execute_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"doksportal/internal/doapi"
	"doksportal/internal/doapi/dosim"
	"doksportal/internal/portal"
	"doksportal/internal/request"
)

// impatient makes the executor's client try again without a pause, so that
// tests of failing reads need no time.
func (b *bundle) impatient() {
	b.t.Helper()
	server := httptest.NewServer(b.sim)
	b.t.Cleanup(server.Close)
	client, err := doapi.New(server.URL, token, doapi.Clock(b.clock.Now, func(context.Context, time.Duration) error { return nil }))
	b.must(err)
	b.executor.DO = client
}

// fails makes the operation go wrong from now on.
func (b *bundle) fails(operation string, kind dosim.FaultKind) {
	b.sim.Inject(dosim.Fault{Operation: operation, Kind: kind, Times: -1, Status: 500, ID: "server_error", Message: "Unexpected server-side error"})
}

// An answer that breaks off or makes no sense says nothing. Whether it was
// needed or not, the operation was done once and the request ends well.
func TestSpoiledAnswers(t *testing.T) {
	t.Parallel()
	for _, kind := range []dosim.FaultKind{dosim.FaultCut, dosim.FaultRubbish} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			forEach(t, func(t *testing.T, op portal.OperationID, c operationCase) {
				b := richSetup(t, c.registries...)
				r := b.approved(c)
				b.sim.Inject(dosim.Fault{Operation: string(op), Kind: kind})
				if r = b.step(r); r.State != portal.Unknown {
					b.want(r, portal.Settling) // the status alone says enough
				}
				r = b.finish(r)
				b.want(r, portal.Succeeded)
				b.wantCalls(string(op), 1)
				b.wantDone(c)
				b.wantNoReservation(r)
			})
		})
	}
}

// What DigitalOcean certainly did not take is sent again, with an intent of its
// own.
func TestSentLater(t *testing.T) {
	t.Parallel()
	waits := map[int]string{http.StatusTooManyRequests: "Waiting for DigitalOcean: not now", http.StatusUnauthorized: "Waiting until DigitalOcean accepts the portal's token again",
		http.StatusForbidden: "Waiting until DigitalOcean accepts the portal's token again"}
	for status, wait := range waits {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			forEach(t, func(t *testing.T, op portal.OperationID, c operationCase) {
				b := richSetup(t, c.registries...)
				r := b.approved(c)
				b.sim.Inject(dosim.Fault{Operation: string(op), Kind: dosim.FaultStatus, Status: status, ID: "no", Message: "not now"})
				r = b.step(r)
				b.want(r, portal.Approved)
				if !strings.HasPrefix(r.Reason, wait) {
					t.Errorf("reason %q", r.Reason)
				}
				r = b.finish(r)
				b.want(r, portal.Succeeded)
				b.wantCalls(string(op), 2)
				b.wantDone(c)
				want := "request_submitted execution_intent execution_outcome execution_intent execution_outcome request_succeeded"
				if got := b.trail(r); got != want {
					t.Errorf("on the trail: %s, want %s", got, want)
				}
			})
		})
	}
}

// A cluster that goes in the moment of the call is no mystery.
func TestGoneInTheMomentOfTheCall(t *testing.T) {
	t.Parallel()
	forEach(t, func(t *testing.T, op portal.OperationID, c operationCase) {
		b := richSetup(t, c.registries...)
		r := b.approved(c)
		b.sim.Inject(dosim.Fault{Operation: string(op), Kind: dosim.FaultStatus, Status: 404, ID: "not_found", Message: "cluster not found"})
		r = b.step(r)
		b.want(r, portal.Failed)
		b.wantCalls(string(op), 1)
		b.wantNoReservation(r)
		if r.Reason != "DigitalOcean refused it: cluster not found" {
			t.Errorf("reason %q", r.Reason)
		}
	})
}

// However many replicas take up a request, one of them makes its call.
func TestOneCallForEveryOperation(t *testing.T) {
	t.Parallel()
	forEach(t, func(t *testing.T, op portal.OperationID, c operationCase) {
		b := richSetup(t, c.registries...)
		r := b.approved(c)
		inParallel(8, func(int) error {
			_, err := b.executor.Step(context.Background(), r.ID)
			return err
		})
		b.wantCalls(string(op), 1)
		if n := len(b.read(r).Attempts); n != 1 {
			t.Errorf("%d attempts", n)
		}
		b.want(b.finish(r), portal.Succeeded)
		b.wantCalls(string(op), 1)
	})
}

// Any failure of DigitalOcean's own says nothing of what it did, so nothing is
// sent again.
func TestServerErrorsAreNoRefusals(t *testing.T) {
	t.Parallel()
	for _, status := range []int{500, 502, 503, 504, 408} {
		for _, op := range []portal.OperationID{portal.CreateCluster, portal.UpdateNodePool, portal.DeleteCluster} {
			t.Run(fmt.Sprint(status, op), func(t *testing.T) {
				t.Parallel()
				b := richSetup(t)
				r := b.approved(cases[op])
				b.sim.Inject(dosim.Fault{Operation: string(op), Kind: dosim.FaultStatus, Status: status, ID: "x", Message: "no"})
				r = b.step(r)
				b.want(r, portal.Unknown)
				r = b.step(r) // the first look
				b.clock.advance(9 * time.Minute)
				r = b.step(r)
				b.want(r, portal.Unknown) // it may still come to be seen
				b.clock.advance(2 * time.Minute)
				b.want(b.step(r), portal.Failed)
				b.wantCalls(string(op), 1)
			})
		}
	}
}

// While DigitalOcean cannot be read nothing is concluded.
func TestNothingIsConcludedWhileDigitalOceanIsAway(t *testing.T) {
	t.Parallel()
	for _, op := range []portal.OperationID{portal.CreateCluster, portal.UpdateNodePool, portal.RunClusterlint, portal.DeleteClusterDangerous} {
		t.Run(string(op), func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			b.impatient()
			r := b.approved(cases[op])
			b.sim.Inject(dosim.Fault{Operation: string(op), Kind: dosim.FaultLost})
			r = b.step(r)
			b.want(r, portal.Unknown)
			b.fails("*", dosim.FaultStatus)
			b.clock.advance(time.Hour)
			r = b.step(r)
			b.want(r, portal.Unknown)
			if !strings.Contains(r.Reason, "Waiting for DigitalOcean: Unexpected server-side error") {
				t.Errorf("reason %q", r.Reason)
			}
			b.sim.Heal()
			r = b.step(r)
			b.want(r, portal.Settling)
			b.fails("*", dosim.FaultReset)
			b.clock.advance(7 * time.Hour)
			r = b.step(r)
			b.want(r, portal.Settling)
			if !strings.Contains(r.Reason, "Waiting for DigitalOcean") {
				t.Errorf("reason %q", r.Reason)
			}
			b.sim.Heal()
			b.want(b.finish(r), portal.Succeeded)
			b.wantCalls(string(op), 1)
		})
	}
}

// Half a list of clusters, and one that is old, prove nothing.
func TestListsThatProveNothing(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]dosim.Fault{
		"stale":          {Operation: "list_clusters", Kind: dosim.FaultStale, Times: -1},
		"second page":    {Operation: "list_clusters", Kind: dosim.FaultStatus, Status: 500, ID: "x", Message: "no", Page: "2", Times: -1},
		"rubbish":        {Operation: "list_clusters", Kind: dosim.FaultRubbish, Times: -1},
		"breaks off":     {Operation: "list_clusters", Kind: dosim.FaultCut, Times: -1},
		"no second page": {Operation: "list_clusters", Kind: dosim.FaultReset, Page: "2", Times: -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.impatient()
			for i := range 210 { // the new one is on the second page
				b.sim.Add(dosim.Seed{Name: fmt.Sprintf("many-%d", i), Region: "fra1", Size: "s-2vcpu-4gb", Count: 1})
			}
			r := b.create("new", 1)
			b.sim.Inject(fault)
			b.sim.Inject(dosim.Fault{Operation: "create_cluster", Kind: dosim.FaultLost})
			r = b.step(r)
			for range 2 {
				r = b.step(r)
				b.want(r, portal.Unknown)
				b.wantUsage(3)
			}
			b.sim.Heal()
			b.want(b.finish(r), portal.Succeeded)
			b.wantCalls("create_cluster", 1)
			b.wantUsage(3)
		})
	}
}

// A read that is behind what was accepted does not end a request.
func TestOldReadsWhileSettling(t *testing.T) {
	t.Parallel()
	for _, op := range []portal.OperationID{portal.UpdateNodePool, portal.CreateNodePool, portal.UpgradeCluster, portal.DeleteCluster, portal.AddRegistries} {
		t.Run(string(op), func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			r := b.approved(cases[op])
			// One read is the check before the call, three are behind it.
			b.sim.Inject(dosim.Fault{Operation: "get_cluster", Kind: dosim.FaultStale, Times: 4})
			r = b.step(r)
			b.want(r, portal.Settling)
			for range 3 {
				b.clock.advance(10 * time.Second)
				r = b.step(r)
				b.want(r, portal.Settling)
			}
			b.want(b.finish(r), portal.Succeeded)
			b.wantDone(cases[op])
			b.wantCalls(string(op), 1)
		})
	}
}

// What DigitalOcean cannot finish ends as failed, in its words.
func TestWhatDoesNotEndWell(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		op     portal.OperationID
		change func(b *bundle, r portal.Request)
		after  time.Duration
		says   string
	}{
		{"a cluster in error", portal.CreateCluster, func(b *bundle, r portal.Request) { b.sim.SetState(r.TargetID, "error", "no capacity in fra1") }, 0,
			"the cluster is error. no capacity in fra1"},
		{"a new cluster that is deleted", portal.CreateCluster, func(b *bundle, r portal.Request) { b.sim.Remove(r.TargetID) }, 0, "The cluster has been deleted in the meantime."},
		{"a cluster that is deleted", portal.UpgradeCluster, func(b *bundle, _ portal.Request) { b.sim.Remove(b.cluster) }, 0, "The cluster has been deleted in the meantime."},
		{"one of several clusters", portal.AddRegistries, func(b *bundle, _ portal.Request) { b.sim.Remove(b.cluster) }, 0, "The cluster has been deleted in the meantime."},
		{"nodes that do not go", portal.DeleteNodePool, func(b *bundle, _ portal.Request) {
			b.behind(func(h hand) {
				for _, n := range h.pool("auto")["nodes"].([]any) {
					n.(map[string]any)["gone_at"] = "2027-01-01T00:00:00Z"
				}
				h.pool("auto")["gone_at"] = "2027-01-01T00:00:00Z"
			})
		}, 6*time.Hour + time.Minute, "DigitalOcean accepted it and began, but has not finished; the cluster is running."},
		{"a setting that is undone", portal.UpdateCluster, func(b *bundle, _ portal.Request) { b.behind(setting("auto_upgrade", false)) }, 11 * time.Minute,
			"DigitalOcean accepted it, but there is no sign that it took effect; the cluster is running."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			r := b.step(b.approved(cases[tt.op]))
			b.want(r, portal.Settling)
			tt.change(b, r)
			b.clock.advance(tt.after)
			r = b.step(r)
			b.want(r, portal.Failed)
			b.wantNoReservation(r)
			if !strings.Contains(r.Reason, tt.says) {
				t.Errorf("%q does not say %q", r.Reason, tt.says)
			}
		})
	}
}

// Of several clusters all have to get there: one that is gone is not made up
// for by the others, whichever comes first.
func TestOneOfSeveralClustersGoes(t *testing.T) {
	t.Parallel()
	for first := range 2 {
		b := richSetup(t)
		ids := []string{b.cluster, b.sim.Add(dosim.Seed{Name: "other", Region: "fra1", Size: "s-2vcpu-4gb", Count: 1})}
		b.clock.advance(time.Second)
		b.must(b.syncer.Sync(t.Context()))
		r := b.step(b.approved(operationCase{admins: true, ask: func(*bundle) request.SubmitInput {
			f := form("registries", "images")
			f["clusters"] = ids
			return request.SubmitInput{Operation: portal.AddRegistries, Form: f}
		}}))
		b.want(r, portal.Settling)
		b.sim.Remove(r.TargetIDs[first])
		r = b.step(r)
		b.want(r, portal.Failed)
		if r.Reason != "The cluster has been deleted in the meantime." {
			t.Errorf("reason %q", r.Reason)
		}
	}
}

// An update that never arrived is not taken for done, whatever it changes.
func TestUpdatesThatNeverArrived(t *testing.T) {
	t.Parallel()
	for name, change := range map[string][]string{
		"name":              {"name", "poor"},
		"tags":              {"tags", "red"},
		"ha":                {"ha", "true"},
		"auto upgrade":      {"auto_upgrade", "true"},
		"surge upgrade":     {"surge_upgrade", ""},
		"maintenance day":   {"maintenance_day", "monday"},
		"maintenance start": {"maintenance_start", "04:00"},
		"firewall":          {"firewall", "true", "firewall_allowed", "203.0.113.7"},
		"expanders":         {"expanders", "random"},
		"unneeded time":     {"unneeded_time", "15m"},
		"utilization":       {"utilization", "0.4"},
		"component":         {"routing_agent", "on"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			r := b.approved(operationCase{ask: updateAsk(change...)})
			b.sim.Inject(dosim.Fault{Operation: "update_cluster", Kind: dosim.FaultReset})
			b.want(b.finish(r), portal.Failed)
			b.wantCalls("update_cluster", 1)
		})
	}
}
