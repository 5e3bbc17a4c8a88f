// Package config reads the portal's configuration from the variables PORTAL_* of
// the environment, checks it, and reports all faults at once. Only the commands
// and the demo use it; other packages are given what they need.
package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

// Secret is text that no log or error shows.
type Secret string

const redacted = "[redacted]"

// String hides the secret from everything that formats it.
func (Secret) String() string { return redacted }

// GoString hides the secret from %#v.
func (Secret) GoString() string { return redacted }

// LogValue hides the secret from log lines.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// Reveal returns the secret itself, for the one place that needs it.
func (s Secret) Reveal() string { return string(s) }

// maxDroplets bounds what a droplet limit can be.
const maxDroplets = 1_000_000

// Config is the whole configuration. The description of each variable is in
// docs/configuration.md.
type Config struct {
	Listen      string `env:"PORTAL_LISTEN" envDefault:":8080"`
	BaseURL     string `env:"PORTAL_BASE_URL,required"`
	DatabaseURL Secret `env:"PORTAL_DATABASE_URL,required"`

	DatabaseOwnerURL Secret `env:"PORTAL_DATABASE_OWNER_URL"` // for `portal migrate` alone

	OIDCIssuer       string   `env:"PORTAL_OIDC_ISSUER,required"`
	OIDCClientID     string   `env:"PORTAL_OIDC_CLIENT_ID,required"`
	OIDCClientSecret Secret   `env:"PORTAL_OIDC_CLIENT_SECRET,required"`
	OIDCGroupsClaim  string   `env:"PORTAL_OIDC_GROUPS_CLAIM" envDefault:"groups"`
	OIDCScopes       []string `env:"PORTAL_OIDC_SCOPES" envSeparator:" " envDefault:"openid profile email"`

	DOToken       Secret `env:"PORTAL_DO_TOKEN,required"`
	DOAccessToken Secret `env:"PORTAL_DO_ACCESS_TOKEN"`
	DOAPIURL      string `env:"PORTAL_DO_API_URL" envDefault:"https://api.digitalocean.com"`

	AdminGroup    string `env:"PORTAL_ADMIN_GROUP,required"`
	ApproverGroup string `env:"PORTAL_APPROVER_GROUP"`
	AuditorGroup  string `env:"PORTAL_AUDITOR_GROUP"`

	AuditKey    Secret `env:"PORTAL_AUDIT_KEY,required"`
	AuditKeyOld Secret `env:"PORTAL_AUDIT_KEY_OLD"`

	AuditAnchors       []string `env:"PORTAL_AUDIT_ANCHORS,required" envSeparator:" "` // or the word none
	AuditS3Key         string   `env:"PORTAL_AUDIT_S3_KEY"`
	AuditS3Secret      Secret   `env:"PORTAL_AUDIT_S3_SECRET"`
	AuditWebhookSecret Secret   `env:"PORTAL_AUDIT_WEBHOOK_SECRET"`

	AuditStream              Secret `env:"PORTAL_AUDIT_STREAM"` // an address, of which the path or the query may be secret
	AuditStreamSecret        Secret `env:"PORTAL_AUDIT_STREAM_SECRET"`
	AuditStreamAuthorization Secret `env:"PORTAL_AUDIT_STREAM_AUTHORIZATION"`

	DropletLimit   int           `env:"PORTAL_DROPLET_LIMIT"` // of the account at DigitalOcean; 0: not known
	TrustedProxies []string      `env:"PORTAL_TRUSTED_PROXIES"`
	StepUpMaxAge   time.Duration `env:"PORTAL_STEP_UP_MAX_AGE" envDefault:"5m"`
	SMTPURL        Secret        `env:"PORTAL_SMTP_URL"`
	SMTPFrom       string        `env:"PORTAL_SMTP_FROM"`
	WebhookHosts   []string      `env:"PORTAL_WEBHOOK_HOSTS"`
	WebhookPrivate bool          `env:"PORTAL_WEBHOOK_PRIVATE"`

	LogLevel    slog.Level    `env:"PORTAL_LOG_LEVEL" envDefault:"info"`
	SyncEvery   time.Duration `env:"PORTAL_SYNC_EVERY" envDefault:"30s"`   // between two readings of the inventory
	SettleEvery time.Duration `env:"PORTAL_SETTLE_EVERY" envDefault:"10s"` // between two looks at an effect that is awaited
	Notice      string        `env:"PORTAL_NOTICE"`                        // shown on every page

	Demo bool // shows the way around, and the parts that pages are made of; the demo's alone
}

// Load reads the configuration of environ, which has the form of os.Environ.
// The error names every variable that is wrong, one per line.
func Load(environ []string) (Config, error) {
	var cfg Config
	vars := env.ToMap(environ)
	faults := readFiles(vars)
	faults = append(faults, parse(&cfg, vars)...)
	faults = append(faults, cfg.validate()...)
	if len(faults) > 0 {
		return cfg, errors.New("the configuration is not usable:\n  " + strings.Join(faults, "\n  "))
	}
	return cfg, nil
}

// DatabaseURLs reads the database's URLs alone, for commands that need no more:
// that of the role that serves, and that of the owner, which may be empty.
func DatabaseURLs(environ []string) (runtime, owner Secret, err error) {
	vars, err := secrets(environ, "PORTAL_DATABASE_URL")
	return Secret(vars["PORTAL_DATABASE_URL"]), Secret(vars["PORTAL_DATABASE_OWNER_URL"]), err
}

// AuditKey reads the key of the audit trail alone, for commands that need no more.
func AuditKey(environ []string) (Secret, error) {
	vars, err := secrets(environ, "PORTAL_AUDIT_KEY")
	return Secret(vars["PORTAL_AUDIT_KEY"]), err
}

// secrets reads variables of which one must be there, from files where these are
// named.
func secrets(environ []string, required string) (map[string]string, error) {
	vars := env.ToMap(environ)
	if faults := readFiles(vars); len(faults) > 0 {
		return nil, errors.New(strings.Join(faults, "\n"))
	}
	if vars[required] == "" {
		return nil, errors.New(required + " is not set")
	}
	return vars, nil
}

// secretVariables lists the variables whose value may be kept in a file that
// <name>_FILE names.
func secretVariables() []string {
	var names []string
	for field := range fields() {
		if field.Type == reflect.TypeFor[Secret]() {
			names = append(names, variable(field))
		}
	}
	return names
}

// SecretNames are the names of the settings that hold secrets and are set.
func (c Config) SecretNames() []string {
	var names []string
	v := reflect.ValueOf(c)
	for field := range fields() {
		if field.Type == reflect.TypeFor[Secret]() && v.FieldByIndex(field.Index).String() != "" {
			names = append(names, variable(field))
		}
	}
	slices.Sort(names)
	return names
}

func fields() func(yield func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		t := reflect.TypeFor[Config]()
		for i := range t.NumField() {
			if variable(t.Field(i)) != "" && !yield(t.Field(i)) {
				return
			}
		}
	}
}

func variable(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("env"), ",")
	return name
}

func readFiles(vars map[string]string) (faults []string) {
	for _, name := range secretVariables() {
		path, ok := vars[name+"_FILE"]
		if !ok || path == "" {
			continue
		}
		if vars[name] != "" {
			faults = append(faults, fmt.Sprintf("%s and %s_FILE are both set; keep one", name, name))
			continue
		}
		content, err := os.ReadFile(path)
		if err != nil {
			faults = append(faults, fmt.Sprintf("%s_FILE: %v", name, err))
			continue
		}
		vars[name] = strings.TrimSpace(string(content))
	}
	return faults
}

func parse(cfg *Config, vars map[string]string) (faults []string) {
	err := env.ParseWithOptions(cfg, env.Options{Environment: vars})
	var aggregate env.AggregateError
	if !errors.As(err, &aggregate) {
		if err != nil {
			faults = append(faults, err.Error())
		}
		return faults
	}
	for _, err := range aggregate.Errors {
		faults = append(faults, explain(err, vars))
	}
	return faults
}

// explain names the variable of a fault, never the value, which may be secret.
func explain(err error, vars map[string]string) string {
	var missing env.VarIsNotSetError
	if errors.As(err, &missing) {
		if vars[missing.Key+"_FILE"] != "" {
			return missing.Key + "_FILE names a file that could not be read"
		}
		return missing.Key + " is not set"
	}
	var unparsed env.ParseError
	if errors.As(err, &unparsed) {
		for field := range fields() {
			if field.Name == unparsed.Name {
				return fmt.Sprintf("%s is not a valid value: %v", variable(field), unparsed.Err)
			}
		}
	}
	return err.Error()
}

// validate finds values that cannot be right. Empty ones have been reported.
func (c Config) validate() (faults []string) {
	add := func(name, problem string) { faults = append(faults, name+" "+problem) }
	if _, port, err := net.SplitHostPort(c.Listen); err != nil || port == "" {
		add("PORTAL_LISTEN", "must be host:port or :port, for instance :8080")
	}
	for name, raw := range map[string]string{
		"PORTAL_BASE_URL": c.BaseURL, "PORTAL_OIDC_ISSUER": c.OIDCIssuer, "PORTAL_DO_API_URL": c.DOAPIURL,
	} {
		if raw != "" {
			faults = append(faults, checkURL(name, raw)...)
		}
	}
	slices.Sort(faults)
	if u, err := url.Parse(c.BaseURL); err == nil && strings.Trim(u.Path, "/") != "" {
		add("PORTAL_BASE_URL", "must not have a path: the portal needs a host name of its own")
	}
	if u := c.DatabaseURL.Reveal(); u != "" && !strings.HasPrefix(u, "postgres://") && !strings.HasPrefix(u, "postgresql://") {
		add("PORTAL_DATABASE_URL", "must start with postgres://")
	}
	if !slices.Contains(c.OIDCScopes, "openid") {
		add("PORTAL_OIDC_SCOPES", "must contain openid")
	}
	if c.StepUpMaxAge < time.Minute || c.StepUpMaxAge > time.Hour {
		add("PORTAL_STEP_UP_MAX_AGE", "must be from 1m to 1h")
	}
	if c.DropletLimit < 0 || c.DropletLimit > maxDroplets {
		faults = append(faults, fmt.Sprintf("PORTAL_DROPLET_LIMIT must be from 1 to %d, or empty where it is not known", maxDroplets))
	}
	if c.SyncEvery < time.Second || c.SyncEvery > time.Minute {
		add("PORTAL_SYNC_EVERY", "must be from 1s to 1m")
	}
	if c.SettleEvery < time.Second || c.SettleEvery > time.Minute {
		add("PORTAL_SETTLE_EVERY", "must be from 1s to 1m")
	}
	for _, proxy := range c.TrustedProxies {
		if _, err := netip.ParsePrefix(proxy); err != nil && net.ParseIP(proxy) == nil {
			add("PORTAL_TRUSTED_PROXIES", fmt.Sprintf("must list addresses or networks like 10.0.0.0/8, not %q", proxy))
		}
	}
	return append(faults, c.validateNotifications()...)
}

// checkURL asks for https, except on this machine, where nobody listens in.
func checkURL(name, raw string) []string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return []string{name + " must be a URL like https://host.example"}
	}
	if u.Scheme == "http" && !loopback(u.Hostname()) {
		return []string{name + " must be an https URL; plain http is for this machine's own addresses only"}
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}
