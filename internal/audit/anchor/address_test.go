package anchor_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"doksportal/internal/audit/anchor"
)

func TestOpen(t *testing.T) {
	b := setup(t)
	b.options.Mail = func(context.Context, []string, string, string) error { return nil }
	list, err := anchor.Open([]string{
		"file:///var/lib/portal/checkpoints", "s3://audit-bucket/doks/?endpoint=https://s3.example:9000&days=1", "s3://whole-bucket?endpoint=http://127.0.0.1:9000",
		"https://user.example:8443/canary?x=canary", "syslog+tls://log.example", "syslog+tls://[2001:db8::1]:7000", "mailto:a@b.example,c@d.example", "mailto:a%2Bb@c.example",
	}, b.options)
	must(t, err)
	var names []string
	for _, a := range list {
		names = append(names, a.String())
	}
	want := "file /var/lib/portal/checkpoints|s3 audit-bucket/doks|s3 whole-bucket|webhook user.example:8443|syslog log.example:6514|syslog [2001:db8::1]:7000|mail to a@b.example, c@d.example|mail to a+b@c.example"
	if got := strings.Join(names, "|"); got != want {
		t.Errorf("opened %s", got)
	}
	if none, err := anchor.Open([]string{"none"}, anchor.Options{}); err != nil || none != nil {
		t.Errorf("none: %v, %v", none, err)
	}
}

// Each fault is told in words that say what to write, and gives away nothing that
// may be secret.
func TestFaultyAddresses(t *testing.T) {
	b := setup(t)
	notPEM := filepath.Join(t.TempDir(), "ca.pem")
	must(t, os.WriteFile(notPEM, []byte("canary"), 0o600))
	const s3 = "s3://audit-bucket/doks?endpoint=https://s3.example"
	for address, words := range map[string]string{
		"none":                                  `"none" stands alone`,
		"":                                      "this is not an anchor; write one like file:///var/lib/portal/checkpoints, https://host.example/path, ",
		"/var/lib/checkpoints":                  "this is not an anchor",
		"http://host.example/canary":            "this is not an anchor",
		"syslog://log.example:514":              "this is not an anchor",
		"https://host.example/%zz":              "this is not an address; a space or % within it is written %20 or %25",
		"https://user:canary@host.example/":     "keys and passwords have variables of their own",
		"s3://key:canary@bucket/x":              "keys and passwords have variables of their own",
		"https://host.example/#canary":          "no part after #",
		"https:///path":                         "write it like https://host.example/path",
		"file://var/lib/checkpoints":            "write it like file:///var/lib/portal/checkpoints",
		"file:var/lib/checkpoints":              "write the whole path of a file",
		"file:///var/lib/":                      "write the whole path of a file",
		"file:///var/../lib/x":                  "write the whole path of a file",
		"file:///var/lib/x?mode=600":            "has nothing after a question mark",
		"s3://audit-bucket/doks":                "endpoint is missing",
		"s3:///doks":                            "write it like s3://bucket/prefix",
		"s3://A_B/doks?endpoint=https://x.y":    `"A_B" is not the name of a bucket`,
		"s3://audit-bucket/a//b?endpoint=x":     `"a//b" cannot be the start of a key`,
		"s3://bucket?endpoint=s3.example":       "endpoint must be a URL like https://",
		"s3://bucket?endpoint=http://s3.test":   "endpoint must start with https://",
		"s3://bucket?endpoint=https://x.y/b":    "without the bucket",
		s3 + "&days=ten":                        `days must be a whole number from 1 to 36500, not "ten"`,
		s3 + "&days=0":                          `not "0"`,
		s3 + "&days=36501":                      `not "36501"`,
		s3 + "&days=1&days=2":                   "days has one value",
		s3 + "&region=":                         "region has one value",
		s3 + "&key=canary":                      `there is no setting "key"; there are endpoint, region, days`,
		s3 + "&days=%zz":                        "what follows the question mark cannot be read",
		"syslog+tls://log.example/x":            "write it like syslog+tls://host.example:6514",
		"syslog+tls://:6514":                    "write it like syslog+tls://host.example:6514",
		"syslog+tls://log.example?ca=/missing":  "ca: open /missing: no such file or directory",
		"syslog+tls://log.example?ca=" + notPEM: "has no certificate in PEM",
		"syslog+tls://log.example?cert=x":       `there is no setting "cert"; there are ca`,
		"mailto:":                               "write it like mailto:",
		"mailto://auditors@company.example":     "keys and passwords have variables of their own",
		"mailto:auditors":                       `"auditors" is not a mail address`,
		"mailto:a@b.example,,c@d.example":       `"" is not a mail address`,
		"mailto:a@b.example?subject=x":          "has nothing after a question mark",
		"mailto:a@b.example":                    "the portal sends no mail; see PORTAL_SMTP_URL",
		"mailto:" + strings.Repeat("a@b.example,", 50) + "a@b.example": "at most 50 are allowed",
	} {
		_, err := anchor.Open([]string{"file:///var/lib/portal/x", address}, b.options)
		if err == nil || !strings.HasPrefix(err.Error(), "address 2 (") || !strings.Contains(err.Error(), words) ||
			strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want %q", address, err, words)
		}
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	b := setup(t)
	_, err := anchor.Open([]string{"file:///x", "file:///x", "ftp://x", "https://ok.example/", "mailto:x"}, b.options)
	want := "address 2 (file:///x): this is the same as address 1\naddress 3 (ftp://x): this is not an anchor"
	if err == nil || !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), "\naddress 5 (mailto:…): ") {
		t.Errorf("faults: %v", err)
	}
	if _, err := anchor.Open(nil, b.options); err == nil || !strings.Contains(err.Error(), `"none" says that there shall be none`) {
		t.Errorf("no address: %v", err)
	}
}

// Keys and secrets that are missing or no good are told by the variable's name.
func TestMissingSecrets(t *testing.T) {
	b := setup(t)
	for _, c := range []struct {
		address, words string
		change         func(o *anchor.Options)
	}{
		{"s3://bucket?endpoint=https://s3.example", "PORTAL_AUDIT_S3_KEY and PORTAL_AUDIT_S3_SECRET", func(o *anchor.Options) { o.S3Key = "" }},
		{"s3://bucket?endpoint=https://s3.example", "PORTAL_AUDIT_S3_KEY and PORTAL_AUDIT_S3_SECRET", func(o *anchor.Options) { o.S3Secret = "" }},
		{"https://host.example/", "set PORTAL_AUDIT_WEBHOOK_SECRET", func(o *anchor.Options) { o.WebhookSecret = "" }},
		{"https://host.example/", "PORTAL_AUDIT_WEBHOOK_SECRET must be", func(o *anchor.Options) { o.WebhookSecret = "whsec_canary!" }},
		{"https://host.example/", "PORTAL_AUDIT_WEBHOOK_SECRET must be", func(o *anchor.Options) { o.WebhookSecret = "whsec_Y2FuYXJ5" }},
	} {
		o := b.options
		c.change(&o)
		if _, err := anchor.Open([]string{c.address}, o); err == nil || !strings.Contains(err.Error(), c.words) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v, want %q", c.address, err, c.words)
		}
	}
}

// Places that cannot be read back say what to do instead; what is not an address
// is a path.
func TestOpenReader(t *testing.T) {
	b := setup(t)
	for address, words := range map[string]string{
		"https://host.example/canary": "https://host.example: this cannot be read back; save what was received there as text",
		"mailto:a@b.example":          "mailto:…: this cannot be read back",
		"syslog+tls://log.example":    "this cannot be read back",
		"ftp://host.example/canary":   "ftp://host.example: this is not an anchor",
		"s3://bucket":                 "s3://bucket: endpoint is missing",
		"file://x":                    "write it like file:///",
	} {
		if _, err := anchor.OpenReader(address, b.options); err == nil || !strings.Contains(err.Error(), words) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, path := range []string{"checkpoints.txt", "./a:b", "/var/mail/x"} {
		if r, err := anchor.OpenReader(path, b.options); err != nil || r.String() != "file "+path {
			t.Errorf("%s: %v, %v", path, r, err)
		}
	}
}
