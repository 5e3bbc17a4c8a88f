package execute_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/doapi"
	"doksportal/internal/doapi/dosim"
	"doksportal/internal/portal"
	"doksportal/internal/request"
)

// dump is everything that the database has, as text.
func (b *bundle) dump() string {
	b.t.Helper()
	rows, err := b.pool.Query(b.t.Context(), `SELECT quote_ident(table_name) FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'`)
	b.must(err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	b.must(err)
	var all strings.Builder
	for _, table := range tables {
		rows, err := b.pool.Query(b.t.Context(), "SELECT coalesce(t::text, '') FROM "+table+" t")
		b.must(err)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		b.must(err)
		all.WriteString(strings.Join(lines, "\n"))
	}
	return all.String()
}

// Nothing that gives access is kept: neither what was handed out nor the
// portal's own token.
func TestNoSecretIsKept(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	file, err := b.collect(b.member, b.access(portal.GetKubeconfig, portal.Development, "30"))
	b.must(err)
	login, err := b.collect(b.member, b.access(portal.GetCredentials, portal.Staging, "30"))
	b.must(err)
	found := regexp.MustCompile(`token: (\S+)`).FindSubmatch(file.Kubeconfig)
	if found == nil || login.Token == "" {
		t.Fatal("there is no token in what was handed out")
	}
	kept := b.dump()
	if !strings.Contains(kept, "request_succeeded") {
		t.Error("the dump lacks the trail")
	}
	for what, secret := range map[string]string{
		"the kubeconfig's token": string(found[1]), "the token": login.Token, "the portal's token": token, "a kubeconfig": "current-context",
	} {
		if strings.Contains(kept, secret) {
			t.Errorf("%s is in the database", what)
		}
	}
}

// The policy bounds how long access may last.
func TestHowLongAccessMayLast(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	for _, tt := range []struct {
		environment portal.Environment
		minutes     string
		ok          bool
	}{
		{portal.Development, "480", true}, {portal.Development, "481", false}, {portal.Development, "0", false}, {portal.Development, "-1", false},
		{portal.Development, "", false}, {portal.Development, "60.5", false}, {portal.Development, "1e2", false},
		{portal.Staging, "480", true}, {portal.Production, "60", true}, {portal.Production, "61", false},
	} {
		_, err := b.pool.Exec(t.Context(), `UPDATE clusters SET environment = $1`, tt.environment)
		b.must(err)
		_, err = b.requests.Submit(t.Context(), b.member, on(portal.GetKubeconfig, "minutes", tt.minutes)(b))
		faults := portal.FieldErrorsOf(err)
		if tt.ok && err != nil || !tt.ok && (len(faults) != 1 || faults[0].Field != "minutes") {
			t.Errorf("%s for %q minutes: %v", tt.environment, tt.minutes, err)
		}
	}
	b.wantCalls("get_kubeconfig", 0)
}

// What keeps a secret from being handed out, and whether it can be tried again.
func TestWhatKeepsFromCollecting(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(b *bundle, r portal.Request)
		kind   portal.Kind
		next   portal.State
	}{
		{"the requester's groups are old", func(b *bundle, _ portal.Request) { b.clock.advance(5*time.Minute + time.Second) }, portal.KindUnavailable, portal.Approved},
		{"the requester left the team", func(b *bundle, _ portal.Request) { b.person("ann") }, portal.KindConflict, portal.Stale},
		{"the cluster became production", func(b *bundle, _ portal.Request) {
			_, err := b.pool.Exec(b.t.Context(), `UPDATE clusters SET environment = 'production'`)
			b.must(err)
		}, portal.KindConflict, portal.Stale},
		{"the cluster was given away", func(b *bundle, _ portal.Request) {
			_, err := b.pool.Exec(b.t.Context(), `UPDATE clusters SET team_id = NULL, environment = NULL, protected = true`)
			b.must(err)
		}, portal.KindConflict, portal.Stale},
		{"the cluster is gone", func(b *bundle, _ portal.Request) { b.sim.Remove(b.cluster) }, portal.KindConflict, portal.Stale},
		{"the cluster is another one", func(b *bundle, _ portal.Request) { b.sim.Recreate(b.cluster) }, portal.KindConflict, portal.Stale},
		{"the cluster has another name", func(b *bundle, _ portal.Request) { b.behind(setting("name", "poor")) }, portal.KindConflict, portal.Stale},
		{"DigitalOcean cannot be reached", func(b *bundle, _ portal.Request) { b.fails("*", dosim.FaultReset) }, portal.KindUnavailable, portal.Approved},
		{"withdrawn", func(b *bundle, r portal.Request) { b.must(b.requests.Withdraw(b.t.Context(), b.member, r.Number)) }, portal.KindConflict, portal.Withdrawn},
		{"too late", func(b *bundle, _ portal.Request) {
			b.clock.advance(25 * time.Hour)
			b.must(b.requests.Expire(b.t.Context()))
		}, portal.KindConflict, portal.Stale},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			b.impatient()
			r := b.access(portal.GetCredentials, portal.Development, "30")
			tt.change(b, r)
			secret, err := b.collect(b.member, r)
			if portal.KindOf(err) != tt.kind || secret.Token != "" {
				t.Errorf("collected: %v", err)
			}
			b.want(b.read(r), tt.next)
			b.wantCalls("get_credentials", 0)
			if tt.next != portal.Approved {
				return
			}
			b.sim.Heal()
			if secret, err := b.collect(b.person("ann", "pay"), r); err != nil || secret.Token == "" {
				t.Errorf("tried again: %v", err)
			}
		})
	}
}

// Failures of DigitalOcean's own hand out nothing and can be tried again, and
// what is handed out then is handed out once.
func TestCollectingAfterAFailure(t *testing.T) {
	t.Parallel()
	for _, fault := range []dosim.Fault{
		{Kind: dosim.FaultReset}, {Kind: dosim.FaultLost}, {Kind: dosim.FaultCut}, {Kind: dosim.FaultRubbish}, {Kind: dosim.FaultDoneError},
		{Kind: dosim.FaultStatus, Status: 429, ID: "x", Message: "API rate limit exceeded."},
	} {
		t.Run(string(fault.Kind)+" "+http.StatusText(fault.Status), func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			b.impatient()
			r := b.access(portal.GetCredentials, portal.Development, "30")
			fault.Operation, fault.Times = "get_credentials", -1
			b.sim.Inject(fault)
			if secret, err := b.collect(b.member, r); !portal.Is(err, portal.KindUnavailable) || secret.Token != "" {
				t.Errorf("collected: %v", err)
			}
			b.want(b.read(r), portal.Approved)
			b.sim.Heal()
			if _, err := b.collect(b.member, r); err != nil {
				t.Errorf("tried again: %v", err)
			}
			r = b.read(r)
			b.want(r, portal.Succeeded)
			if got := b.trail(r); got != "request_submitted execution_intent execution_outcome execution_intent execution_outcome request_succeeded" {
				t.Errorf("on the trail: %s", got)
			}
		})
	}
}

// gate lets the calls of an operation through once it is opened.
type gate struct{ reached, open chan struct{} }

// gated has the executor's calls of paths that end like this wait at a gate.
func (b *bundle) gated(suffix string) gate {
	b.t.Helper()
	g := gate{make(chan struct{}, 10), make(chan struct{})}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, suffix) {
			g.reached <- struct{}{}
			select {
			case <-g.open:
			case <-r.Context().Done():
			}
		}
		b.sim.ServeHTTP(w, r)
	}))
	b.t.Cleanup(server.Close)
	client, err := doapi.New(server.URL, token)
	b.must(err)
	b.executor.DO = client
	return g
}

// A reader who goes away while it is fetched has got nothing, and comes back.
func TestAReaderWhoGoesAway(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	r := b.access(portal.GetCredentials, portal.Development, "30")
	g := b.gated("/credentials")
	ctx, goAway := context.WithCancel(t.Context())
	go func() { <-g.reached; goAway() }()
	if _, err := b.executor.Collect(ctx, b.member, r.Number); err == nil {
		t.Error("it was handed to nobody")
	}
	b.want(b.read(r), portal.Approved)
	close(g.open)
	if _, err := b.collect(b.member, r); err != nil {
		t.Errorf("coming back: %v", err)
	}
}

// A replica that was given up for lost in the middle of a collection hands
// nothing out when it comes back: its request has ended as failed.
func TestALateCollection(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	r := b.access(portal.GetCredentials, portal.Development, "30")
	g := b.gated("/credentials")
	ended := make(chan error, 1)
	go func() {
		_, err := b.executor.Collect(context.Background(), b.member, r.Number)
		ended <- err
	}()
	select {
	case <-g.reached:
	case err := <-ended:
		t.Fatalf("nothing was called: %v", err)
	}
	b.want(b.read(r), portal.Executing)
	if _, err := b.collect(b.member, r); !portal.Is(err, portal.KindConflict) {
		t.Errorf("collected meanwhile: %v", err)
	}
	b.clock.advance(2 * time.Minute)
	r = b.finish(r)
	b.want(r, portal.Failed)
	close(g.open)
	if err := <-ended; !portal.Is(err, portal.KindConflict) {
		t.Errorf("the late one was handed out: %v", err)
	}
	b.want(b.read(r), portal.Failed)
}

// In production the approval is given for a lifetime; it does not serve for
// another request.
func TestAnApprovalIsForOneCollection(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	first, second := b.access(portal.GetKubeconfig, portal.Production, "60"), b.access(portal.GetKubeconfig, portal.Production, "5")
	approve := request.ReviewInput{Number: first.Number, Decision: portal.ReviewApprove, Digest: first.Digest}
	b.must(b.requests.Review(t.Context(), b.approver, approve))
	if _, err := b.collect(b.member, second); !portal.Is(err, portal.KindConflict) {
		t.Errorf("on the approval of another: %v", err)
	}
	approve.Number = second.Number
	if err := b.requests.Review(t.Context(), b.approver, approve); !portal.Is(err, portal.KindConflict) {
		t.Errorf("the plan of another is approved: %v", err)
	}
	secret, err := b.collect(b.member, first)
	b.must(err)
	if got := secret.ExpiresAt.Sub(b.clock.Now()); got != time.Hour {
		t.Errorf("good for %s", got)
	}
}
