package web

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"doksportal/internal/portal"
	"doksportal/views"
)

// A stop of the first look around is done when its reader has been at a page of
// its route.
type stop struct {
	route string
	views.TourStop
}

func at(route, path, title, about string) stop {
	return stop{route, views.TourStop{Path: path, Title: title, About: about}}
}

// tours are what to try first, by what the reader is.
var tours = struct{ admin, auditor, approver, member []stop }{
	member: []stop{
		at("/clusters/:id", "/clusters", "Open one of your clusters", "Its state, nodes, cost, and what DigitalOcean offers for it."),
		at("/clusters/new", "/clusters/new", "Start a new cluster", "The plan beside the form says what will happen, what it costs, and who has to approve it."),
		at("/clusters/:id/access", "/clusters", "See how to get a kubeconfig", "On a cluster's page, under Access. It is handed to you once and kept nowhere."),
		at("/requests/:number", "/requests", "Open a request", "Who asked for what, whom it waits for by name, and each step as it happens."),
		at("/search", "/search?q=prod", "Search everything", "Clusters, requests, teams and people; Ctrl-K does it from any page."),
	},
	approver: []stop{
		at("/inbox", "/inbox", "Open your inbox", "What waits for your decision, the riskiest and oldest first."),
		at("/requests/:number", "/inbox", "Read a request", "What will happen, what it destroys, and why the policy asks you. A, R and C decide from the keyboard; J goes to the next."),
		at("/clusters/:id/activity", "/clusters", "Read a cluster's activity", "All that was requested for it, and what became of it."),
		at("/requests", "/requests?state=rejected", "Find what was rejected", "Every list keeps its filter in the address."),
		at("/catalogue", "/catalogue", "Read the catalogue", "Each operation, how risky it is, and what the policy asks for."),
	},
	auditor: []stop{
		at("/audit", "/audit", "Open the audit trail", "Who did what, when, and on whose word; the newest first."),
		at("/requests/:number", "/requests", "Follow a request", "Its plan, each decision with its reason, and what DigitalOcean answered."),
		at("/clusters/:id/activity", "/clusters", "Read a cluster's activity", "Every request about it, from the first."),
		at("/search", "/search?q=prod", "Search everything", "Also for people and teams."),
		at("/catalogue", "/catalogue", "Read the catalogue", "Which operations destroy something or hand out a secret."),
	},
	admin: []stop{
		at("/admin/clusters", "/admin/clusters", "Give a cluster to a team", "Clusters without a team count as production, and only admins see them."),
		at("/admin/teams/:slug", "/admin/teams", "Open a team", "Its groups and its quota. What gives somebody more takes a second admin."),
		at("/admin/policy", "/admin/policy", "Read the policy", "Change a rule and see what it would have meant for the last requests."),
		at("/admin/changes", "/admin/changes", "See what waits for a second admin", "Sign in as the other admin to accept it."),
		at("/audit", "/audit", "Open the audit trail", "All of this is on it."),
	},
}

// tourOf is the first look around of a reader.
func tourOf(v viewer) []stop {
	switch {
	case v.actor.HasRole(portal.RoleAdmin):
		return tours.admin
	case v.actor.HasRole(portal.RoleAuditor):
		return tours.auditor
	case v.decides():
		return tours.approver
	default:
		return tours.member
	}
}

// tourCookie has the routes at which the browser has been.
const tourCookie = "toured"

// noteStop remembers that the reader has been at a stop.
func (s *Server) noteStop(c *gin.Context) {
	route, been := c.FullPath(), toured(c.Request)
	isStop := func(t stop) bool { return t.route == route }
	if c.Request.Method != http.MethodGet || slices.Contains(been, route) || !slices.ContainsFunc(slices.Concat(tours.admin, tours.auditor, tours.approver, tours.member), isStop) {
		return
	}
	note := &http.Cookie{Name: tourCookie, Value: strings.Join(append(been, route), "|"), Path: "/", MaxAge: 24 * 60 * 60, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	if s.BaseURL.Scheme == "https" {
		note.Secure = true
	}
	http.SetCookie(c.Writer, note)
}

func toured(r *http.Request) []string {
	if been := cookie(r, tourCookie); been != "" {
		return strings.Split(been, "|")
	}
	return nil
}

// tour is what the reader's home shows of it, nothing once all is done.
func (s *Server) tour(r *http.Request, v viewer) []views.TourStop {
	if !s.Demo {
		return nil
	}
	been, all := toured(r), true
	var list []views.TourStop
	for _, t := range tourOf(v) {
		t.Done = slices.Contains(been, t.route)
		all = all && t.Done
		list = append(list, t.TourStop)
	}
	if all {
		return nil
	}
	return list
}
