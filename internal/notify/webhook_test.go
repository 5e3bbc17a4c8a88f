package notify_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"doksportal/internal/notify"
	"doksportal/internal/portal"
)

// A webhook is signed so that the specification's own library takes it, and
// nothing else that has the same id.
func TestSignature(t *testing.T) {
	b := setup(t, func(c *notify.Config) { c.Now = time.Now })
	_, secret := b.add(b.admin, b.ofTeam(), portal.ChannelWebhook, b.hook.url)
	r := b.ask(one("pay-approvers"))
	b.round()
	got := b.hook.take()
	if len(got) != 1 || !strings.HasPrefix(secret, "whsec_") {
		t.Fatalf("%d webhooks, secret %q", len(got), secret)
	}
	verifier, err := standardwebhooks.NewWebhook(secret)
	b.must(err)
	if err := verifier.Verify(got[0].body, got[0].header); err != nil {
		t.Errorf("the signature: %v", err)
	}
	if verifier.Verify(append(got[0].body, ' '), got[0].header) == nil {
		t.Error("another body has the same signature")
	}
	var p struct {
		Type, Timestamp string
		Data            struct {
			Request int64
			URL     string
			Details map[string]string
		}
	}
	b.must(json.Unmarshal(got[0].body, &p))
	if p.Type != "request.review_requested" || p.Data.Request != r.Number || p.Data.URL != fmt.Sprintf("https://portal.example/requests/%d", r.Number) ||
		p.Data.Details["requester"] != "ann" || p.Data.Details["justification"] != r.Justification || p.Data.Details["state"] != "Waiting for approval." {
		t.Errorf("the webhook says %s", got[0].body)
	}
	if got[0].header.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", got[0].header)
	}
}

// What people typed comes out as text: no mention, no link, no new line.
func TestSlackText(t *testing.T) {
	b := setup(t)
	b.add(b.admin, b.ofTeam(), portal.ChannelSlack, b.hook.url)
	b.member.Name = "Eve <!channel>\n*Approved*"
	r := b.ask(one("pay-approvers"))
	_, err := b.pool.Exec(t.Context(), `UPDATE requests SET justification = $1, target_name = $2`,
		"<https://evil.example|the portal> & more\u2028\u202egnp\x1b[1m", "we|b>")
	b.must(err)
	b.round()
	var said struct{ Text string }
	got := b.hook.take()
	if len(got) != 1 {
		t.Fatalf("%d webhooks", len(got))
	}
	b.must(json.Unmarshal(got[0].body, &said))
	want := fmt.Sprintf("<https://portal.example/requests/%d|#%d (Create cluster we/b&gt;) waits for a decision>\n", r.Number, r.Number) +
		"Eve &lt;!channel&gt; *Approved*: request_submitted\n*Requested by:* Eve &lt;!channel&gt; *Approved*\n*Team:* Payments\n" +
		"*Reason:* &lt;https://evil.example|the portal&gt; &amp; more gnp [1m\n*State:* Waiting for approval.\n"
	if said.Text != want {
		t.Errorf("it says\n%s\nwant\n%s", said.Text, want)
	}
}

// Teams are told what they chose.
func TestTeamChannels(t *testing.T) {
	b := setup(t)
	b.add(b.admin, b.ofTeam(), portal.ChannelSlack, b.hook.url, portal.TopicFailed)
	b.add(b.admin, b.ofTeam(), portal.ChannelMail, "pay@teams.example", portal.TopicReviewRequested)
	r := b.ask(one("pay-approvers"))
	b.round()
	if got, hooks := b.post.to(), len(b.hook.take()); got != "pay@teams.example" || hooks != 0 {
		t.Errorf("of the request: %q and %d webhooks", got, hooks)
	}
	b.tell(r, portal.EventFailed, b.member)
	b.round()
	if got, hooks := b.post.to(), len(b.hook.take()); got != "" || hooks != 1 {
		t.Errorf("of the failure: %q and %d webhooks", got, hooks)
	}
	r.State = portal.Rejected
	_, err := b.pool.Exec(t.Context(), `UPDATE requests SET state = 'rejected'`)
	b.must(err)
	b.tell(r, portal.EventExpiring, portal.System("clock"))
	b.tell(r, portal.EventReplanned, b.member)
	b.round()
	if got := b.post.to(); got != "" {
		t.Errorf("of what is decided: %q", got)
	}
}

// No webhook goes to an address of the operator's own network, whatever the
// name says.
func TestPrivateAddresses(t *testing.T) {
	b := setup(t, func(c *notify.Config) { c.WebhookPrivate = false })
	_, port, _ := strings.Cut(strings.TrimPrefix(b.hook.server.URL, "https://"), ":")
	for _, host := range []string{"127.0.0.1", "localhost"} {
		id, _ := b.add(b.admin, b.ofTeam(), portal.ChannelSlack, "https://"+host+":"+port+"/services/x")
		b.ask(one("pay-approvers"))
		b.round()
		b.wantFault("address is a private one")
		b.must(b.service.Remove(t.Context(), b.admin, b.ofTeam(), id))
	}
	if got := len(b.hook.take()); got != 0 {
		t.Errorf("%d webhooks arrived", got)
	}
}

func TestPublic(t *testing.T) {
	t.Parallel()
	for ip, want := range map[string]bool{
		"8.8.8.8": true, "172.15.0.1": true, "100.128.0.1": true, "2606:4700::1111": true, "2a00:1450::1": true,
		"127.0.0.1": false, "127.9.9.9": false, "0.0.0.0": false, "0.1.2.3": false, "10.0.0.1": false, "172.16.0.1": false, "192.168.1.1": false,
		"169.254.169.254": false, "100.64.0.1": false, "100.100.100.200": false, "168.63.129.16": false, "192.0.0.192": false,
		"192.0.2.1": false, "198.18.0.1": false, "224.0.0.1": false, "240.0.0.1": false, "255.255.255.255": false,
		"::1": false, "::": false, "fe80::1": false, "fe80::1%eth0": false, "fc00::1": false, "fd00:ec2::254": false, "ff02::1": false,
		"::ffff:8.8.8.8": false, "::ffff:127.0.0.1": false, "::7f00:1": false, "64:ff9b::a00:1": false, "64:ff9b:1::1": false,
		"2002:7f00:1::": false, "2001:0:7f00:1::": false, "2001:db8::1": false, "100::1": false,
	} {
		if got := notify.Public(ip); got != want {
			t.Errorf("%s: %v", ip, got)
		}
	}
}

// Redirects are not followed, which could lead anywhere.
func TestRedirects(t *testing.T) {
	b := setup(t)
	other := newReceiver(t)
	b.config.Roots.AddCert(other.server.Certificate())
	b.add(b.admin, b.ofTeam(), portal.ChannelSlack, b.hook.url)
	for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		b.hook.answer = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.url, status) }
		b.ask(one("pay-approvers"))
		b.round()
		b.wantFault("redirect")
		_, err := b.pool.Exec(t.Context(), `DELETE FROM deliveries`)
		b.must(err)
	}
	if got := len(other.take()); got != 0 {
		t.Errorf("%d redirects were followed", got)
	}
}

// Webhooks ask no proxy of the environment, which would connect for them.
func TestNoProxy(t *testing.T) {
	asked := 0
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	t.Cleanup(proxy.Close)
	t.Setenv("HTTPS_PROXY", proxy.URL)
	t.Setenv("HTTP_PROXY", proxy.URL)
	b := setupAlone(t, func(c *notify.Config) { c.WebhookHosts = append(c.WebhookHosts, "hooks.invalid") })
	b.add(b.admin, b.ofTeam(), portal.ChannelSlack, "https://hooks.invalid/x")
	b.ask(one("pay-approvers"))
	b.round()
	b.wantFault("could not be found")
	if asked > 0 {
		t.Error("the proxy was asked")
	}
}

// Only listed hosts may receive webhooks, over https, when a channel is added
// and when something is sent.
func TestAllowedHosts(t *testing.T) {
	b := setup(t, func(c *notify.Config) {
		c.WebhookHosts = []string{"Hooks.example", "*.teams.example"}
		c.WebhookPrivate = false
	})
	for target, want := range map[string]bool{
		"https://hooks.example/x": true, "https://HOOKS.example:8443/x": true, "https://a.teams.example/": true, "https://a.b.teams.example/": true,
		"https://teams.example/": false, "https://evilteams.example/": false, "https://.teams.example/": false, "https://hooks.example.evil.example/": false,
		"https://hooks.example@evil.example/": false, "https://user:pass@hooks.example/": false, "https://hooks.example/#x": false,
		"http://hooks.example/": false, "http://localhost/": false, "ftp://hooks.example/": false, "//hooks.example/": false, "hooks.example": false, "": false,
		"https://hooks.example./": false, "https://127.0.0.1/": false, "https://hooks.example/\nx": false, "https://hooks.example/" + strings.Repeat("x", 2000): false,
	} {
		_, err := b.service.Add(t.Context(), b.member, portal.Owner{Person: b.member.Identity}, notify.Input{Kind: "slack", Target: target, Topics: []string{"failed"}})
		if got := err == nil; got != want || err != nil && portal.FieldErrorsOf(err)[0].Field != "target" {
			t.Errorf("%s: %v", target, err)
		}
	}
}

func TestAllowedHostsWhenSending(t *testing.T) {
	b := setup(t)
	b.add(b.admin, b.ofTeam(), portal.ChannelSlack, b.hook.url)
	b.service = b.replica(func(c *notify.Config) { c.WebhookHosts = []string{"hooks.example"} })
	b.ask(one("pay-approvers"))
	b.round()
	b.wantFault("not allowed")
	if got := len(b.hook.take()); got != 0 {
		t.Errorf("%d webhooks arrived", got)
	}
}

// A server whose certificate the portal does not trust is told nothing.
func TestCertificates(t *testing.T) {
	b := setup(t, func(c *notify.Config) { c.Roots = nil })
	b.add(b.admin, b.ofTeam(), portal.ChannelSlack, b.hook.url)
	b.ask(one("pay-approvers"))
	b.round()
	b.wantFault("certificate")
	if got := len(b.hook.take()); got != 0 {
		t.Errorf("%d webhooks arrived", got)
	}
}

// Neither the tables nor the log nor what people are shown have a webhook's
// address or secret.
func TestSecretsStayAway(t *testing.T) {
	b := setup(t)
	_, secret := b.add(b.admin, b.ofTeam(), portal.ChannelWebhook, b.hook.url)
	b.add(b.member, portal.Owner{Person: b.member.Identity}, portal.ChannelSlack, b.hook.url)
	b.ask(one("pay-approvers"))
	b.hook.server.CloseClientConnections()
	b.hook.server.Close() // errors of connections name addresses
	b.post.refuse(errBusy)
	r := b.ask(one("pay-approvers"))
	b.tell(r, portal.EventFailed, portal.System("queue"))
	for range notify.MostTries {
		b.round()
		b.clock.advance(24 * time.Hour)
	}
	shown := b.log.String() + fmt.Sprintf("%+v", b.undelivered())
	for _, table := range []string{"channels", "deliveries", "notifications", "events", "mail_choices"} {
		var rows string
		b.must(b.pool.QueryRow(t.Context(), `SELECT coalesce(string_agg(to_jsonb(x)::text, E'\n'), '') FROM `+table+` x`).Scan(&rows))
		shown += rows
	}
	for _, canary := range []string{"canary", "T000", "services", secret, strings.TrimPrefix(secret, "whsec_"),
		hex.EncodeToString([]byte("canary-of-the-url")), hex.EncodeToString([]byte("whsec_"))} {
		if strings.Contains(shown, canary) {
			t.Errorf("%s is shown", canary)
		}
	}
	if !strings.Contains(shown, "127.0.0.1 …-url") || !strings.Contains(shown, "given up") {
		t.Error("nothing is shown at all")
	}
}

// What was sealed for one channel does not open for another, nor with another
// secret.
func TestSealedTargets(t *testing.T) {
	b := setup(t)
	mine, _ := b.add(b.admin, b.ofTeam(), portal.ChannelSlack, b.hook.url)
	b.add(b.member, portal.Owner{Person: b.member.Identity}, portal.ChannelSlack, "https://localhost/x")
	_, err := b.pool.Exec(t.Context(), `UPDATE channels SET target = (SELECT target FROM channels WHERE id = $1) WHERE id <> $1`, mine)
	b.must(err)
	_, err = b.pool.Exec(t.Context(), `UPDATE channels SET topics = '{}' WHERE id = $1`, mine)
	b.must(err)
	b.must(b.service.Choose(t.Context(), b.member, false, nil))
	r := b.ask(one("pay-approvers"))
	b.tell(r, portal.EventFailed, portal.System("queue"))
	b.round()
	b.wantFault("can no longer be read")
	b.service = b.replica(func(c *notify.Config) { c.Secret = "another" })
	b.must(b.service.Test(t.Context(), b.admin, b.ofTeam(), mine))
	b.round()
	if got := len(b.hook.take()); got != 0 {
		t.Errorf("%d webhooks arrived", got)
	}
}
