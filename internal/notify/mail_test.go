package notify_test

import (
	"fmt"
	"net"
	"net/mail"
	"strings"
	"testing"

	"doksportal/internal/notify"
	"doksportal/internal/portal"
)

// A mail says who, what, why and how it stands, with a link.
func TestMail(t *testing.T) {
	b := setup(t)
	b.person("bob", "pay-approvers")
	r := b.ask(one("pay-approvers"))
	b.round()
	letters := b.post.take()
	if len(letters) != 1 {
		t.Fatalf("%d mails", len(letters))
	}
	m, err := mail.ReadMessage(strings.NewReader(letters[0].text))
	b.must(err)
	for name, want := range map[string]string{
		"From": `"DOKS Portal" <portal@portal.example>`, "To": "<bob@people.example>", "Auto-Submitted": "auto-generated",
		"Subject": fmt.Sprintf("[DOKS Portal] #%d (Create cluster web) waits for a decision", r.Number),
	} {
		if got := m.Header.Get(name); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	if id := m.Header.Get("Message-ID"); !strings.HasSuffix(id, "@portal.example>") {
		t.Errorf("Message-ID: %s", id)
	}
	for _, want := range []string{"ann: request_submitted", "Requested by: ann", "Team: Payments", "Reason: no longer needed", "State: Waiting for approval.",
		fmt.Sprintf("https://portal.example/requests/%d", r.Number)} {
		if !strings.Contains(letters[0].text, want) {
			t.Errorf("%q is missing in\n%s", want, letters[0].text)
		}
	}
}

// Nothing that people typed becomes a header, or a line of its own.
func TestHeaderInjection(t *testing.T) {
	b := setup(t)
	b.person("bob", "pay-approvers")
	b.member.Name = "Eve\r\nBcc: victim@people.example\r\n\r\nbody"
	b.ask(one("pay-approvers"))
	_, err := b.pool.Exec(t.Context(), `UPDATE requests SET target_name = $1, justification = $2`,
		"web\r\nBcc: victim@people.example", "fine\nState: Approved\n.\nMAIL FROM:<x@y.example>")
	b.must(err)
	b.round()
	letters := b.post.take()
	if len(letters) != 1 || len(letters[0].to) != 1 || letters[0].to[0] != "bob@people.example" {
		t.Fatalf("mails: %+v", letters)
	}
	m, err := mail.ReadMessage(strings.NewReader(letters[0].text))
	b.must(err)
	if bcc := m.Header.Get("Bcc"); bcc != "" {
		t.Errorf("Bcc: %s", bcc)
	}
	for line := range strings.Lines(letters[0].text) {
		if strings.HasPrefix(line, "Bcc:") || strings.HasPrefix(line, "State: Approved") || strings.HasPrefix(line, "body") {
			t.Errorf("a line of its own: %s", line)
		}
	}
}

// An address that is none is not written to.
func TestBadAddresses(t *testing.T) {
	b := setup(t)
	for _, address := range []string{"", "ann", "Ann <ann@people.example>", "ann@people.example, eve@people.example", "ann@people.example\nBcc: eve@people.example"} {
		_, err := b.pool.Exec(t.Context(), `UPDATE people SET email = $1 WHERE subject = 'ann'`, address)
		b.must(err)
		b.tell(b.ask(one("pay-approvers")), portal.EventFailed, portal.System("queue"))
		b.round()
		if got := b.post.take(); len(got) > 0 || len(b.undelivered()) > 0 {
			t.Errorf("%q: %+v", address, got)
		}
	}
}

// What a server says is shown by its number only.
func TestMailServerRefuses(t *testing.T) {
	b := setup(t)
	b.person("bob", "pay-approvers")
	b.ask(one("pay-approvers"))
	b.post.refuse(errBusy)
	b.round()
	b.wantFault("The mail server refused it (451).")
}

// A mail that the server has taken is not sent again, however it ends.
func TestMailServerHangsUp(t *testing.T) {
	b := setup(t)
	b.post.rude = true
	b.person("bob", "pay-approvers")
	b.ask(one("pay-approvers"))
	b.round()
	if got := b.post.to(); got != "bob" || len(b.undelivered()) != 0 {
		t.Errorf("mail to %q, undelivered %+v", got, b.undelivered())
	}
}

// Over TLS the portal signs in.
func TestMailOverTLS(t *testing.T) {
	b := setup(t)
	b.post = newPostOffice(t, true)
	b.post.user = "portal"
	b.person("bob", "pay-approvers")
	for password, want := range map[string]string{"canary-password": "bob", "wrong": ""} {
		b.service = b.replica(func(c *notify.Config) { c.SMTPURL = "smtps://portal:" + password + "@" + b.post.address })
		b.ask(one("pay-approvers"))
		b.round()
		if got := b.post.to(); got != want {
			t.Errorf("%s: %s", password, got)
		}
	}
	b.wantFault("The mail server")
}

// A server that does not offer TLS gets no mail, unless its name or address says
// that it is on this machine, which one in capitals does not.
func TestMailWithoutTLS(t *testing.T) {
	b := setup(t)
	b.post = startPostOffice(t, "127.0.0.1:0", false)
	_, port, err := net.SplitHostPort(b.post.address)
	b.must(err)
	b.service = b.replica(func(c *notify.Config) { c.SMTPURL = "smtp://LOCALHOST:" + port })
	b.person("bob", "pay-approvers")
	b.ask(one("pay-approvers"))
	b.round()
	if got := b.post.to(); got != "" {
		t.Errorf("mail to %s in the open", got)
	}
	b.wantFault("The mail server")
}

// URLs that cannot be used are found at the start, and not shown.
func TestMailServerURL(t *testing.T) {
	b := setup(t)
	for _, raw := range []string{"mail.example", "https://user:canary@mail.example", "smtp://user:canary@mail.example:99999999", "smtp://%zz:canary@x"} {
		cfg := b.config
		cfg.SMTPURL = raw
		if _, err := notify.New(cfg); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", raw, err)
		}
	}
}
