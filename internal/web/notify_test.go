package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"doksportal/internal/notify"
	"doksportal/internal/portal"
)

// channelForm is a webhook for failures. Pairs of names and values replace
// what it has.
func channelForm(changes ...string) url.Values {
	form := url.Values{"kind": {"webhook"}, "target": {"https://hooks.example/services/canary-of-the-url"}, "topics": {"failed", "decided"}}
	for i := 0; i+1 < len(changes); i += 2 {
		form.Set(changes[i], changes[i+1])
	}
	return form
}

// People choose what they are told by e-mail, which is everything at first.
func TestMailChoices(t *testing.T) {
	b := setup(t)
	member := b.as("member")
	checked := func() int {
		return member.Get("/me").WantStatus(http.StatusOK).Find("form[action='/me/notifications'] input[checked]").Length()
	}
	if got := checked(); got != 1+len(portal.Topics) {
		t.Errorf("%d boxes are ticked at first", got)
	}
	page := member.Post("/me/notifications", url.Values{"topics": {"failed", "nonsense"}})
	if page.URL.Path != "/me" || page.Text("[data-testid=said]") != "What you are told by e-mail is saved." {
		t.Errorf("%s: %s", page.URL, page.Text("main"))
	}
	if got := checked(); got != 1 {
		t.Errorf("%d boxes are ticked afterwards", got)
	}
	if got := b.as("outsider").Get("/me"); got.Status != http.StatusOK {
		t.Errorf("an outsider: %d", got.Status)
	}
}

// A webhook's secret is shown once and its address never; the channel can be
// tested and removed, and the trail tells.
func TestChannelsOfATeam(t *testing.T) {
	b := setup(t)
	admin := b.as("admin")
	added := admin.Post("/admin/teams/pay/channels", channelForm()).WantStatus(http.StatusOK)
	secret := added.Text("[data-testid=secret] code")
	if !strings.HasPrefix(secret, "whsec_") || added.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("the answer shows %q, %s", secret, added.Header.Get("Cache-Control"))
	}
	page := admin.Get("/admin/teams/pay")
	if got := page.Text("[data-testid=channels]"); !strings.Contains(got, "hooks.example …-url") || !strings.Contains(got, "nothing yet") {
		t.Errorf("the page shows %s", got)
	}
	if strings.Contains(page.Body, secret) || strings.Contains(page.Body, "canary") {
		t.Error("the page shows a secret")
	}
	test, _ := page.Find("[data-testid=channels] form").First().Attr("action")
	if got := admin.Post(test, nil).Text("[data-testid=said]"); got == "" {
		t.Error("nothing is said of the test")
	}
	remove := strings.TrimSuffix(test, "/test") + "/remove"
	b.as("member").Post(remove, nil).WantStatus(http.StatusForbidden)
	admin.Post(strings.Replace(remove, "/pay/", "/find/", 1), nil).WantStatus(http.StatusNotFound)
	page = admin.Post(remove, nil).WantStatus(http.StatusOK)
	if page.URL.Path != "/admin/teams/pay" || page.Find("[data-testid=channels]").Length() != 0 {
		t.Errorf("after it was removed: %s", page.Text("main"))
	}
	admin.Post(remove, nil).WantStatus(http.StatusNotFound)
	trail := admin.Get("/audit?kind=channel_changed")
	if got := trail.Text("[data-testid=events]"); !strings.Contains(got, "added a notification channel of team pay") || strings.Contains(got, "canary") {
		t.Errorf("the trail says %s", got)
	}
	if strings.Contains(b.log.String(), "canary-of") {
		t.Error("the log has a secret")
	}
}

// What is wrong with a channel is said beside it, with all that was typed.
func TestChannelFaults(t *testing.T) {
	b := setup(t)
	for _, at := range []struct{ account, path, page string }{{"admin", "/admin/teams/pay/channels", "/admin/teams/pay"}, {"member", "/me/channels", "/me"}} {
		page := b.as(at.account).Post(at.path, channelForm("target", "https://evil.example/x")).WantStatus(http.StatusUnprocessableEntity)
		if got := page.Fault("target"); !strings.Contains(got, "evil.example") {
			t.Errorf("%s: %q", at.path, got)
		}
		if page.Value("target") != "https://evil.example/x" || page.Find("[name=kind][value=webhook][checked]").Length() != 1 {
			t.Errorf("%s: what was typed is lost", at.path)
		}
		if page.Find("form[data-testid=add-channel] [name=topics][checked]").Length() != 2 {
			t.Errorf("%s: what was chosen is lost", at.path)
		}
	}
	page := b.as("admin").Post("/admin/teams/pay/channels", channelForm("kind", "")).WantStatus(http.StatusUnprocessableEntity)
	if page.Value("nodes") != "12" || page.Find("input[name=below_use]").Length() != 1 {
		t.Error("the form of the team beside it is not whole")
	}
	if action, _ := page.Find("[data-testid=save]").Closest("form").Attr("action"); action != "/admin/teams/pay" {
		t.Errorf("the team's form goes to %q", action)
	}
}

// Nobody changes the channels of others.
func TestChannelsOfOthers(t *testing.T) {
	b := setup(t)
	b.as("member").Post("/me/channels", channelForm("kind", "slack")).WantStatus(http.StatusOK)
	var id string
	b.must(b.pool.QueryRow(t.Context(), `SELECT id FROM channels`).Scan(&id))
	for _, account := range []string{"approver", "admin"} {
		for _, do := range []string{"test", "remove"} {
			b.as(account).Post("/me/channels/"+id+"/"+do, nil).WantStatus(http.StatusNotFound)
		}
	}
	b.as("admin").Post("/admin/teams/pay/channels/"+id+"/remove", nil).WantStatus(http.StatusNotFound)
	b.as("member").Post("/me/channels/"+id+"/remove", nil).WantStatus(http.StatusOK)
}

// Admins see what has not arrived and why, have it tried again, or given up.
func TestUndelivered(t *testing.T) {
	b := setup(t)
	admin := b.as("admin")
	if got := admin.Get("/admin/notifications").Text("main"); !strings.Contains(got, "Everything has been delivered.") {
		t.Errorf("at first: %s", got)
	}
	b.as("approver")
	number := b.pending()
	b.must(b.notify.Run(t.Context())) // there is no mail server
	page := admin.Get("/admin/notifications")
	for _, want := range []string{"#" + number, "Abe Approver", "waiting after 1 attempt", "could not connect to it"} {
		if got := page.Text("[data-testid=deliveries]"); !strings.Contains(got, want) {
			t.Errorf("%q is missing in %s", want, got)
		}
	}
	row := page.Find("[data-testid=deliveries] form")
	again, _ := row.First().Attr("action")
	giveUp, _ := row.Eq(1).Attr("action")
	if got := admin.Post(giveUp, nil).Text("[data-testid=deliveries]"); !strings.Contains(got, "given up after 1 attempt") {
		t.Errorf("given up: %s", got)
	}
	if got := admin.Post(again, nil).Text("[data-testid=deliveries]"); !strings.Contains(got, "waiting after 0 attempts") {
		t.Errorf("tried again: %s", got)
	}
}

// Where nothing can be sent the pages say so.
func TestNothingCanBeSent(t *testing.T) {
	b := setup(t)
	cfg := b.notify.Config
	cfg.SMTPURL, cfg.WebhookHosts = "", nil
	var err error
	b.pages.Notify, err = notify.New(cfg)
	b.must(err)
	me := b.as("member").Get("/me")
	if me.Find("[data-testid=no-mail]").Length() != 1 || me.Find("[data-testid=no-channels]").Length() != 1 || me.Find("[data-testid=add-channel]").Length() != 0 {
		t.Errorf("one's own page: %s", me.Text("main"))
	}
	if team := b.as("admin").Get("/admin/teams/pay"); team.Find("[data-testid=no-channels]").Length() != 1 {
		t.Errorf("the team's page: %s", team.Text("main"))
	}
}
