package config

import (
	"net/mail"
	"net/url"
	"regexp"
	"strings"
)

// hostPattern is a host's name, or with *. all names below it.
var hostPattern = regexp.MustCompile(`^(\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$`)

// validateNotifications finds values for mail and webhooks that cannot be
// right. It shows no URL, which may have a password.
func (c Config) validateNotifications() (faults []string) {
	if raw := c.SMTPURL.Reveal(); raw != "" {
		if !smtpURL(raw) {
			faults = append(faults, "PORTAL_SMTP_URL must be a URL like smtps://user:password@host.example:465 or smtp://host.example:587")
		}
		if _, err := mail.ParseAddress(c.SMTPFrom); err != nil {
			faults = append(faults, "PORTAL_SMTP_FROM must be an e-mail address: mail needs a sender")
		}
	}
	for _, host := range c.WebhookHosts {
		if !hostPattern.MatchString(host) || strings.Contains(host, "..") {
			faults = append(faults, "PORTAL_WEBHOOK_HOSTS must be names like hooks.slack.com or *.example.com, with commas between")
			break
		}
	}
	return faults
}

func smtpURL(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && u.Hostname() != "" && (u.Scheme == "smtp" || u.Scheme == "smtps") && strings.Trim(u.Path, "/") == ""
}
