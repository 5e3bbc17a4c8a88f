package doapi_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"doksportal/internal/doapi"
	"doksportal/internal/doapi/dosim"
)

// TestLifeOfACluster follows one from its creation to its end.
func TestLifeOfACluster(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	made, err := b.CreateCluster(ctx, params("shop"))
	if err != nil {
		t.Fatal(err)
	}
	if made.Status.State != "provisioning" || made.Endpoint != "" || made.Version != "1.35.1-do.0" || !made.HA || made.NodePools[0].Nodes[0].DropletID != "" {
		t.Errorf("just made: %+v", made)
	}
	if want := []string{"k8s", "k8s:" + made.ID, "mine"}; fmt.Sprint(made.Tags) != fmt.Sprint(want) {
		t.Errorf("tags %v, want %v", made.Tags, want)
	}
	if err := b.DeleteCluster(ctx, made.ID); !doapi.IsRefused(err) || !strings.Contains(doapi.UserMessage(err), "provisioning") {
		t.Errorf("deletion while it is made: %v", err)
	}
	b.clock.advance(10 * time.Minute)
	running, err := b.GetCluster(ctx, made.ID)
	if err != nil || running.Status.State != "running" || running.Endpoint == "" || running.NodePools[0].Nodes[0].DropletID == "" {
		t.Errorf("after ten minutes: %+v, %v", running, err)
	}
	if err := b.DeleteCluster(ctx, made.ID); err != nil {
		t.Fatal(err)
	}
	if c, err := b.GetCluster(ctx, made.ID); err != nil || c.Status.State != "deleting" {
		t.Errorf("just deleted: %+v, %v", c, err)
	}
	b.clock.advance(10 * time.Minute)
	if _, err := b.GetCluster(ctx, made.ID); !doapi.IsNotFound(err) || doapi.UserMessage(err) != "cluster not found" {
		t.Errorf("after ten minutes: %v", err)
	}
	if list, err := b.ListClusters(ctx); err != nil || len(list) != 0 {
		t.Errorf("the list has %v, %v", list, err)
	}
}

func TestReads(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.sim.Add(dosim.Seed{Name: "web", Region: "fra1", Size: "s-2vcpu-4gb", Count: 1, Resources: dosim.Resources{
		LoadBalancers: []dosim.Resource{{ID: "1", Name: "lb"}}, Volumes: []dosim.Resource{{ID: "2", Name: "pvc"}}, VolumeSnapshots: []dosim.Resource{{ID: "3", Name: "snap"}},
	}})
	resources, err := b.ListAssociatedResources(t.Context(), id)
	if err != nil || fmt.Sprint(resources.Portal()) != "[{load balancer 1 lb} {volume 2 pvc} {volume snapshot 3 snap}]" {
		t.Errorf("%v, %v", resources.Portal(), err)
	}
	options, err := b.ListOptions(t.Context())
	if err != nil || len(options.Regions) == 0 || len(options.Sizes) == 0 || options.Versions[0].Slug != "1.35.1-do.0" {
		t.Errorf("%+v, %v", options, err)
	}
	sizes, err := b.ListSizes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	size, ok := options.Portal(sizes).Size("s-2vcpu-4gb")
	if !ok || size.MonthlyCents != 2400 || size.VCPUs != 2 || size.MemoryMiB != 4096 {
		t.Errorf("%+v", size)
	}
}

// Refusals carry DigitalOcean's own words, as the real API says them.
func TestRealWords(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.sim.Add(dosim.Seed{Name: "taken", Region: "fra1", Size: "s-2vcpu-4gb", Count: 1})
	for words, change := range map[string]func(*doapi.CreateCluster){
		"a cluster with this name already exists":                                                     func(p *doapi.CreateCluster) { p.Name = "taken" },
		"validation error: invalid version slug":                                                      func(p *doapi.CreateCluster) { p.Version = "9.9" },
		"validation error: worker_node_pool_specs[0].invalid droplet size":                            func(p *doapi.CreateCluster) { p.NodePools[0].Size = "xxl" },
		"validation error: 600 additional nodes but not enough available droplet limit":               func(p *doapi.CreateCluster) { p.NodePools[0].Count = 600 },
		"validation error: worker_node_pool_specs[0].pool names cannot be greater than 55 characters": func(p *doapi.CreateCluster) { p.NodePools[0].Name = strings.Repeat("p", 56) },
	} {
		p := params("shop")
		change(&p)
		_, err := b.CreateCluster(t.Context(), p)
		var e *doapi.Error
		if !errors.As(err, &e) || e.Status != 422 || e.ID != "unprocessable_entity" || e.Message != words || e.RequestID == "" {
			t.Errorf("%+v, want %q", err, words)
		}
	}
	if _, err := client(t, b.url, "dop_v1_other").ListClusters(t.Context()); !doapi.IsRefused(err) || !strings.HasPrefix(doapi.UserMessage(err), "Unable to authenticate you.") {
		t.Error(err)
	}
}

// The API takes 250 requests a minute, and says how many are left.
func TestRateLimit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var limited *doapi.Error
	for i := range 251 {
		err := b.DeleteCluster(t.Context(), "unknown")
		if doapi.IsRateLimited(err) {
			errors.As(err, &limited)
			if i != 250 {
				t.Errorf("limited at request %d", i+1)
			}
		}
	}
	if limited == nil || limited.RetryAfter != time.Minute || limited.Message != "API rate limit exceeded." || limited.ID != "too_many_requests" {
		t.Fatalf("%+v", limited)
	}
	b.clock.advance(time.Minute)
	if err := b.DeleteCluster(t.Context(), "unknown"); !doapi.IsNotFound(err) {
		t.Errorf("a minute later: %v", err)
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			if _, err := b.CreateCluster(t.Context(), params("same")); err == nil {
				return
			} else if !doapi.IsRefused(err) {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	all.Wait()
	if list, err := b.ListClusters(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("%d clusters of one name, %v", len(list), err)
	}
}

// The three ways to delete a cluster leave behind what they should.
func TestWhatDeletionsLeaveBehind(t *testing.T) {
	t.Parallel()
	for want, remove := range map[string]func(context.Context, *world) error{
		"[v1 v2]": calls["delete_cluster"],
		"[v2]":    calls["delete_cluster_selective"],
		"[]":      calls["delete_cluster_dangerous"],
	} {
		w := setupWorld(t)
		if err := remove(t.Context(), w); err != nil {
			t.Error(err)
		}
		left, _ := w.sim.Survivors(w.cluster)
		ids := []string{}
		for _, v := range left.Volumes {
			ids = append(ids, v.ID)
		}
		if fmt.Sprint(ids) != want {
			t.Errorf("%v stay, want %s", ids, want)
		}
	}
}

// Access is for as long as was asked for, once the cluster is there.
func TestAccess(t *testing.T) {
	t.Parallel()
	w := setupWorld(t)
	made, err := w.CreateCluster(t.Context(), params("new"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.GetKubeconfig(t.Context(), made.ID, time.Hour); !doapi.IsNotFound(err) {
		t.Errorf("while it is made: %v", err)
	}
	credentials, err := w.GetCredentials(t.Context(), w.cluster, 8*time.Hour)
	if err != nil || !credentials.ExpiresAt.Equal(w.clock.Now().Add(8*time.Hour)) || credentials.Token == "" || credentials.CertificateAuthorityData == "" {
		t.Errorf("%s, good until %s, %v", credentials, credentials.ExpiresAt, err)
	}
	kubeconfig, err := w.GetKubeconfig(t.Context(), w.cluster, time.Hour)
	if err != nil || !strings.Contains(string([]byte(kubeconfig)), "current-context: do-fra1-shop") {
		t.Errorf("%s, %v", kubeconfig, err)
	}
}

// An upgrade goes to a version that is offered, until there is none.
func TestUpgrades(t *testing.T) {
	t.Parallel()
	w := setupWorld(t)
	for {
		offered, err := w.ListUpgrades(t.Context(), w.cluster)
		if err != nil {
			t.Fatal(err)
		}
		if len(offered) == 0 {
			break
		}
		if err := w.UpgradeCluster(t.Context(), w.cluster, offered[0].Slug); err != nil {
			t.Fatalf("to %s: %v", offered[0].Slug, err)
		}
		if err := w.UpgradeCluster(t.Context(), w.cluster, offered[0].Slug); !doapi.IsRefused(err) {
			t.Errorf("while it is upgraded: %v", err)
		}
		w.clock.advance(24 * time.Hour)
	}
	if c, err := w.GetCluster(t.Context(), w.cluster); err != nil || c.Version != "1.35.1-do.0" || c.Status.State != "running" {
		t.Errorf("%+v, %v", c, err)
	}
}

// A run of clusterlint is read by its id or as the latest.
func TestClusterlint(t *testing.T) {
	t.Parallel()
	w := setupWorld(t)
	run, err := w.RunClusterlint(t.Context(), w.cluster, doapi.RunClusterlint{IncludeGroups: []string{"basic"}})
	if err != nil {
		t.Fatal(err)
	}
	if lint, err := w.GetClusterlint(t.Context(), w.cluster, ""); err != nil || lint.RunID != run || !lint.CompletedAt.IsZero() {
		t.Errorf("while it runs: %+v, %v", lint, err)
	}
	w.clock.advance(time.Hour)
	lint, err := w.GetClusterlint(t.Context(), w.cluster, w.run)
	if err != nil || lint.RunID != w.run || lint.CompletedAt.IsZero() || len(lint.Diagnostics) == 0 || lint.Diagnostics[0].Severity == "" {
		t.Errorf("a past run: %+v, %v", lint, err)
	}
}

// Status messages are read since a time.
func TestStatusMessages(t *testing.T) {
	t.Parallel()
	w := setupWorld(t)
	w.sim.Announce(w.cluster, "delayed")
	w.clock.advance(time.Hour)
	for since, want := range map[time.Time]int{never: 1, w.clock.Now().Add(-2 * time.Hour): 1, w.clock.Now(): 0} {
		messages, err := w.ListStatusMessages(t.Context(), w.cluster, since)
		announced := slices.DeleteFunc(messages, func(m doapi.StatusMessage) bool { return m.Message != "delayed" })
		if err != nil || len(announced) != want {
			t.Errorf("since %s: %+v, %v", since, messages, err)
		}
	}
}
