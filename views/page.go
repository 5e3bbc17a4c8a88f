// Package views renders the pages. Each page is a templ component of one props
// struct, which the handlers of web fill in; nothing is decided or read here.
// Parts that several pages use are in views/ui. After a change of a .templ file
// `make generate` makes its Go file.
package views

import (
	"doksportal/internal/portal"
	"doksportal/views/ui"
)

// Page is what every page shows around its content.
type Page struct {
	Title    string
	Path     string // of the page itself, for the navigation and live updates
	Actor    portal.Actor
	SignedIn bool
	Member   bool          // has something to do with the portal
	Theme    string        // "light", "dark" or empty for the system's
	Narrow   bool          // the reader has collapsed the navigation
	Notice   string        // shown on every page
	Said     ui.ToastProps // what the reader's last act has done
	Returned string        // said of a form that has come back after a fresh sign-in
	Nonce    string        // of the content security policy
	Assets   Assets
	Live     []string       // topics whose changes make the page refresh itself
	Inbox    int            // how much waits for the reader
	Pauses   []portal.Pause // why nothing is sent to DigitalOcean
}

// Assets maps the names of built files to their URLs.
type Assets map[string]string

// CanAudit reports whether the reader may see the whole trail.
func (p Page) CanAudit() bool {
	return p.Actor.HasRole(portal.RoleAuditor) || p.Actor.HasRole(portal.RoleAdmin)
}

// IsAdmin reports whether the reader may administer the portal.
func (p Page) IsAdmin() bool { return p.Actor.HasRole(portal.RoleAdmin) }

// Welcome reports whether the reader belongs to anything in the portal.
func (p Page) Welcome() bool { return p.Member || len(p.Actor.Roles) > 0 }
