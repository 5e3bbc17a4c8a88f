package web

import (
	"fmt"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/gin-gonic/gin"

	"doksportal/internal/auth"
	"doksportal/internal/db"
	"doksportal/internal/notify"
	"doksportal/internal/portal"
	"doksportal/internal/request"
	"doksportal/internal/store"
	"doksportal/views"
)

// about tells readers which build answers, and by which bounds it goes.
func (s *Server) about(c *gin.Context, v viewer) error {
	p := views.AboutPage{Page: s.page(c, v, "About"), Build: buildFacts()}
	var err error
	if p.Freshness, err = s.freshness(c); err != nil { // which asks the database
		return err
	}
	p.Sections = []views.AboutSection{
		{Title: "Limits", Facts: []views.Fact{
			{Label: "Pages", Text: rateText("page", s.Limits.Person)},
			{Label: "Forms that change something", Text: rateText("form", s.Limits.Acts)},
			{Label: "Requests", Text: rateText("request", request.Limit)},
			{Label: "Size of a form", Text: fmt.Sprintf("at most %d KiB", maxBody>>10)},
			{Label: "Pools of a cluster in a form", Text: fmt.Sprintf("at most %d", portal.MaxPools)},
			{Label: "Pages kept up to date", Text: fmt.Sprintf("%d of one person on each server", maxStreams)},
		}},
		{Title: "How often", Facts: []views.Fact{
			{Label: "Clusters are read from DigitalOcean", Text: everyText(s.SyncEvery)},
			{Label: "An effect that is awaited is looked for", Text: everyText(s.SettleEvery)},
			{Label: "The identity provider is asked for your groups", Text: "when the last answer is " + portal.DurationText(auth.AskAgainAfter) + " old"},
		}},
		{Title: "Your session", Facts: []views.Fact{
			{Label: "Ends", Text: portal.DurationText(auth.Lifetime) + " after the sign-in, or after " + portal.DurationText(auth.IdleFor) + " without a page"},
			{Label: "At a time", Text: fmt.Sprintf("%d of one person; beyond that, the one not used for longest ends", auth.MostSessions)},
			{Label: "To approve, delete and get access", Text: "a sign-in that is no older than " + portal.DurationText(s.Auth.StepUpMaxAge)},
		}},
		{Title: "What is kept", Facts: []views.Fact{
			{Label: "The trail, requests and their plans", Text: "for good; nobody can change or remove an event"},
			{Label: "Notifications and what became of them", Text: portal.DurationText(notify.KeepFor)},
			{Label: "What the identity provider is asked about you by", Text: portal.DurationText(auth.TokensFor) + " after your last sign-in, sealed"},
			{Label: "When you opened a page", Text: "the last time, and the end of the visit before, which home tells you what is new since"},
			{Label: "Kubeconfigs and credentials", Text: "never"},
			{Label: "What you typed, while you sign in again", Text: portal.DurationText(auth.TypedFor)},
		}},
	}
	if v.actor.HasRole(portal.RoleAdmin) {
		role, err := db.RoleOf(c, s.Pool, "")
		if err != nil {
			return err
		}
		p.Sections = append(p.Sections, views.AboutSection{Title: "Database", Facts: []views.Fact{{Label: "The role that the portal serves as", Text: role.Text()}}})
	}
	s.render(c, http.StatusOK, views.About(p))
	return nil
}

// rateText says a rate as people would.
func rateText(what string, r store.Rate) string {
	then := "one every " + portal.DurationText(r.Every)
	if r.Every < time.Second {
		then = fmt.Sprintf("%d a second", time.Second/r.Every)
	}
	return fmt.Sprintf("%d %ss of one person at once, then %s", r.Burst, what, then)
}

func everyText(d time.Duration) string { return "every " + portal.DurationText(d) }

// buildFacts are what the program knows of how it was built.
func buildFacts() []views.Fact {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return []views.Fact{{Label: "Version", Text: "unknown"}}
	}
	facts := []views.Fact{{Label: "Version", Text: info.Main.Version}, {Label: "Go", Text: info.GoVersion}}
	for _, setting := range info.Settings {
		switch {
		case setting.Key == "vcs.revision":
			facts = append(facts, views.Fact{Label: "Commit", Text: setting.Value})
		case setting.Key == "vcs.time":
			facts = append(facts, views.Fact{Label: "Committed", Text: setting.Value})
		case setting.Key == "vcs.modified" && setting.Value == "true":
			facts = append(facts, views.Fact{Label: "Changed since", Text: "yes"})
		}
	}
	return facts
}
