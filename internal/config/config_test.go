package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"doksportal/internal/config"
)

var complete = []string{
	"PORTAL_BASE_URL=https://portal.example",
	"PORTAL_DATABASE_URL=postgres://db/portal",
	"PORTAL_OIDC_ISSUER=https://idp.example",
	"PORTAL_OIDC_CLIENT_ID=portal",
	"PORTAL_OIDC_CLIENT_SECRET=canary-client-secret",
	"PORTAL_DO_TOKEN=canary-token",
	"PORTAL_ADMIN_GROUP=admins",
	"PORTAL_AUDIT_KEY=canary-key",
	"PORTAL_AUDIT_ANCHORS=none",
}

func TestLoadDefaults(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load(complete)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.StepUpMaxAge != 5*time.Minute || cfg.Listen != ":8080" || cfg.OIDCGroupsClaim != "groups" || cfg.DOAPIURL != "https://api.digitalocean.com" {
		t.Errorf("defaults: %+v", cfg)
	}
	if got := strings.Join(cfg.OIDCScopes, " "); got != "openid profile email" {
		t.Errorf("scopes %q", got)
	}
}

func TestLoadReportsEveryFaultAtOnce(t *testing.T) {
	t.Parallel()
	_, err := config.Load([]string{
		"PORTAL_LISTEN=nonsense", "PORTAL_BASE_URL=http://portal.example", "PORTAL_OIDC_ISSUER=x",
		"PORTAL_DATABASE_URL=mysql://db", "PORTAL_OIDC_SCOPES=profile", "PORTAL_LOG_LEVEL=loud",
		"PORTAL_SMTP_URL=https://user:canary@mail.example", "PORTAL_WEBHOOK_HOSTS=hooks.example,https://x/y", "PORTAL_WEBHOOK_PRIVATE=perhaps",
		"PORTAL_DO_TOKEN_FILE=/does/not/exist",
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, name := range []string{"PORTAL_LISTEN", "PORTAL_BASE_URL", "PORTAL_OIDC_ISSUER", "PORTAL_DATABASE_URL",
		"PORTAL_OIDC_SCOPES", "PORTAL_LOG_LEVEL", "PORTAL_DO_TOKEN_FILE", "PORTAL_OIDC_CLIENT_ID", "PORTAL_OIDC_CLIENT_SECRET",
		"PORTAL_ADMIN_GROUP", "PORTAL_AUDIT_KEY", "PORTAL_AUDIT_ANCHORS", "PORTAL_SMTP_URL", "PORTAL_SMTP_FROM", "PORTAL_WEBHOOK_HOSTS", "PORTAL_WEBHOOK_PRIVATE"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not named in:\n%v", name, err)
		}
	}
	if strings.Contains(err.Error(), "canary") {
		t.Errorf("a secret is shown in:\n%v", err)
	}
}

func TestNotifications(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]bool{
		"smtps://user:pass@mail.example:465": true, "smtp://mail.example:587": true, "smtp://localhost": true,
		"mail.example:25": false, "smtp://": false, "smtp://mail.example/path": false,
	} {
		_, err := config.Load(append([]string{"PORTAL_SMTP_URL=" + url, "PORTAL_SMTP_FROM=Portal <portal@mail.example>"}, complete...))
		if got := err == nil; got != want {
			t.Errorf("%s: %v", url, err)
		}
	}
	for hosts, want := range map[string]bool{
		"": true, "hooks.slack.com,*.example.com": true, "127.0.0.1": true,
		"*": false, "*.": false, "https://hooks.slack.com": false, "hooks.slack.com:443": false, "a..b": false, "hooks.*.com": false,
	} {
		_, err := config.Load(append([]string{"PORTAL_WEBHOOK_HOSTS=" + hosts}, complete...))
		if got := err == nil; got != want {
			t.Errorf("%s: %v", hosts, err)
		}
	}
}

func TestStepUpMaxAge(t *testing.T) {
	t.Parallel()
	for value, ok := range map[string]bool{"1m": true, "90s": true, "1h": true, "59s": false, "1h1s": false, "0": false, "-5m": false, "5": false, "soon": false, "24h": false} {
		cfg, err := config.Load(append([]string{"PORTAL_STEP_UP_MAX_AGE=" + value}, complete...))
		if (err == nil) != ok || err != nil && !strings.Contains(err.Error(), "PORTAL_STEP_UP_MAX_AGE") {
			t.Errorf("%s: %v", value, err)
		}
		if want, _ := time.ParseDuration(value); ok && cfg.StepUpMaxAge != want {
			t.Errorf("%s became %s", value, cfg.StepUpMaxAge)
		}
	}
}

func TestHowOften(t *testing.T) {
	t.Parallel()
	for value, ok := range map[string]bool{"1s": true, "1m": true, "999ms": false, "61s": false, "0": false, "-1s": false, "5": false} {
		for _, name := range []string{"PORTAL_SYNC_EVERY", "PORTAL_SETTLE_EVERY"} {
			if _, err := config.Load(append([]string{name + "=" + value}, complete...)); (err == nil) != ok || err != nil && !strings.Contains(err.Error(), name) {
				t.Errorf("%s=%s: %v", name, value, err)
			}
		}
	}
}

func TestDropletLimit(t *testing.T) {
	t.Parallel()
	for value, ok := range map[string]bool{"": true, "25": true, "1000000": true, "1000001": false, "-1": false, "many": false, "1.5": false} {
		cfg, err := config.Load(append([]string{"PORTAL_DROPLET_LIMIT=" + value}, complete...))
		if (err == nil) != ok || err != nil && !strings.Contains(err.Error(), "PORTAL_DROPLET_LIMIT") {
			t.Errorf("%q: %v", value, err)
		}
		if want, _ := strconv.Atoi(value); ok && cfg.DropletLimit != want {
			t.Errorf("%q became %d", value, cfg.DropletLimit)
		}
	}
}

func TestSecretsFromFiles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte("from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	environ := append([]string{"PORTAL_DO_TOKEN_FILE=" + path}, without(complete, "PORTAL_DO_TOKEN")...)
	cfg, err := config.Load(environ)
	if err != nil {
		t.Fatal(err)
	}
	if got := cfg.DOToken.Reveal(); got != "from-file" {
		t.Errorf("token %q", got)
	}
	if _, err := config.Load(append(environ, "PORTAL_DO_TOKEN=other")); err == nil {
		t.Error("a secret given twice is taken")
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load(complete)
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{fmt.Sprintf("%v", cfg), fmt.Sprintf("%+v", cfg), fmt.Sprintf("%#v", cfg), fmt.Sprint(cfg.DOToken)} {
		if strings.Contains(shown, "canary") {
			t.Errorf("a secret is shown in %s", shown)
		}
	}
}

func without(environ []string, name string) []string {
	var rest []string
	for _, v := range environ {
		if !strings.HasPrefix(v, name+"=") {
			rest = append(rest, v)
		}
	}
	return rest
}

// What migrates needs the database's URLs alone, either of which may be in a file.
func TestDatabaseURLs(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "owner")
	if err := os.WriteFile(file, []byte("postgres://owner@db/portal\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const served = "postgres://portal@db/portal"
	for want, environ := range map[config.Secret][]string{
		"":                           {"PORTAL_DATABASE_URL=" + served},
		"postgres://me@db/portal":    {"PORTAL_DATABASE_URL=" + served, "PORTAL_DATABASE_OWNER_URL=postgres://me@db/portal"},
		"postgres://owner@db/portal": {"PORTAL_DATABASE_URL=" + served, "PORTAL_DATABASE_OWNER_URL_FILE=" + file},
	} {
		runtime, owner, err := config.DatabaseURLs(environ)
		if err != nil || runtime != served || owner != want {
			t.Errorf("%q: %q, %q, %v", environ, runtime.Reveal(), owner.Reveal(), err)
		}
	}
	if _, _, err := config.DatabaseURLs([]string{"PORTAL_DATABASE_OWNER_URL_FILE=" + file}); err == nil || !strings.Contains(err.Error(), "PORTAL_DATABASE_URL is not set") {
		t.Errorf("without the role that serves: %v", err)
	}
}
