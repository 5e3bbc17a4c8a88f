package web

import (
	"cmp"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"doksportal/internal/portal"
	"doksportal/internal/rulebook"
	"doksportal/views"
	"doksportal/views/ui"
)

// policy is the policy with its versions. Auditors read it, admins change it there.
func (s *Server) policy(c *gin.Context, v viewer) error {
	if !v.actor.HasRole(portal.RoleAdmin) {
		return s.renderPolicy(c, v, http.StatusOK, views.PolicyPage{Page: s.page(c, v, "Policy")})
	}
	typed, err := s.typed(c, v)
	if err != nil {
		return err
	}
	form := policyForm(typed)
	if !typed.Has("text") {
		if form.Text, form.Base, err = s.Requests.Rules.Text(c.Request.Context()); err != nil {
			return err
		}
	}
	return s.showPolicy(c, v, http.StatusOK, typed, views.PolicyPage{Form: form, Checked: typed.Has("text")}, nil)
}

func (s *Server) proposePolicy(c *gin.Context, v viewer) error {
	typed := portal.Form(c.Request.PostForm)
	form := policyForm(typed)
	if action := typed.Get("action"); action == "check" || action == "try" {
		return s.showPolicy(c, v, http.StatusOK, typed, views.PolicyPage{Form: form, Checked: action == "check"}, nil)
	}
	p, err := s.Requests.Rules.Propose(c.Request.Context(), v.actor, form.Base, form.Text, form.Note)
	if err == nil {
		return s.flashPolicy(c, p.State)
	}
	if !formProblem(err) {
		return err
	}
	if portal.Is(err, portal.KindConflict) { // told now; next time it is meant
		var textErr error
		if _, form.Base, textErr = s.Requests.Rules.Text(c.Request.Context()); textErr != nil {
			return textErr
		}
	}
	return s.showPolicy(c, v, status(err), typed, views.PolicyPage{Form: form, Checked: true}, err)
}

// policyForm reads the form. Without a version that it was begun on it is of
// none.
func policyForm(f portal.Form) views.PolicyForm {
	base, _ := portal.ParseNumber(f.Get("base"), 1, portal.MaxVersion)
	return views.PolicyForm{Base: base, Text: f.Typed("text"), Note: f.Typed("note")}
}

// flashPolicy sends the browser to the policy's page, which says what came of the
// reader's act.
func (s *Server) flashPolicy(c *gin.Context, state portal.PolicyState) error {
	said := "The version is dropped."
	switch state {
	case portal.PolicyInForce:
		said = "The new version is in force."
	case portal.PolicyProposed:
		said = "The new version has been proposed and is waiting for another admin."
	}
	return s.flash(c, "/admin/policy", ui.ToastProps{Text: said})
}

// checkPolicy renews the panel beside the form while it is typed.
func (s *Server) checkPolicy(c *gin.Context, v viewer) error {
	check, err := s.Requests.Rules.Check(c.Request.Context(), v.actor, c.Request.PostForm.Get("text"))
	problem := ""
	if err != nil {
		if !formProblem(err) {
			return err
		}
		problem = message(err)
	}
	s.render(c, http.StatusOK, views.PolicyPanel(true, policyCheck(check), problem))
	return nil
}

func (s *Server) decidePolicy(c *gin.Context, v viewer) error {
	version, err := policyNumber(c)
	if err != nil {
		return err
	}
	decision := c.Request.PostForm.Get("decision")
	if decision != "accept" && decision != "drop" {
		return portal.E(portal.KindInvalid, "choose whether you accept or drop it")
	}
	if err := s.Requests.Rules.Decide(c.Request.Context(), v.actor, version, decision == "accept"); err != nil {
		return err
	}
	if decision == "accept" {
		return s.flashPolicy(c, portal.PolicyInForce)
	}
	return s.flashPolicy(c, portal.PolicyDropped)
}

func (s *Server) policyVersion(c *gin.Context, v viewer) error {
	version, err := policyNumber(c)
	if err != nil {
		return err
	}
	p := views.PolicyVersionPage{Page: s.page(c, v, "Policy version "+strconv.Itoa(version))}
	var lines []rulebook.Line
	if p.Version, lines, err = s.Requests.Rules.Version(c.Request.Context(), version); err != nil {
		return err
	}
	if _, p.InForce, err = s.Requests.Rules.Text(c.Request.Context()); err != nil {
		return err
	}
	shown := min(len(lines), rulebook.LinesShown)
	p.Lines, p.Cut = policyLines(lines[:shown]), len(lines)-shown
	if p.IsAdmin() {
		if p.Trial, err = s.tryPolicy(c, v, p.Version.Text, queryForm(c)); err != nil {
			return err
		}
		p.Trial.Lines = "#line-"
	}
	s.render(c, http.StatusOK, views.PolicyVersion(p))
	return nil
}

// policyLines are lines as pages show them, with the numbers that they have in
// the text.
func policyLines(lines []rulebook.Line) []views.PolicyLine {
	list := make([]views.PolicyLine, len(lines))
	number := 0
	for i, l := range lines {
		list[i] = views.PolicyLine{Sign: l.Sign, Text: l.Text}
		if l.Sign != '-' {
			number++
			list[i].Number = number
		}
	}
	return list
}

// policyNumber returns the version in the path, KindNotFound when it is none.
func policyNumber(c *gin.Context) (int, error) {
	version, ok := portal.ParseNumber(c.Param("version"), 1, portal.MaxVersion)
	if !ok {
		return 0, portal.E(portal.KindNotFound, "there is no such version of the policy")
	}
	return version, nil
}

// showPolicy completes the page: what is wrong with the form, what can be said
// of the text, and what it says of the request that was typed.
func (s *Server) showPolicy(c *gin.Context, v viewer, code int, typed portal.Form, p views.PolicyPage, problem error) error {
	p.Page = s.page(c, v, "Policy")
	if p.Faults = portal.FieldErrorsOf(problem); problem != nil && len(p.Faults) == 0 {
		p.Problem = message(problem)
	}
	ctx, rules := c.Request.Context(), s.Requests.Rules
	if p.Checked {
		check, err := rules.Check(ctx, v.actor, p.Form.Text)
		if err != nil {
			if !formProblem(err) {
				return err
			}
			p.Problem = cmp.Or(p.Problem, message(err)) // what was typed stays
		}
		p.Check = policyCheck(check)
	}
	var err error
	if p.Trial, err = s.tryPolicy(c, v, p.Form.Text, typed); err != nil {
		return err
	}
	if p.Words, err = rules.Words(ctx); err != nil {
		return err
	}
	allowStyles(c)
	return s.renderPolicy(c, v, code, p)
}

// renderPolicy completes the page by the versions there are.
func (s *Server) renderPolicy(c *gin.Context, v viewer, code int, p views.PolicyPage) (err error) {
	if p.Waiting, err = s.waitingPolicy(c, v); err != nil {
		return err
	}
	from, _ := portal.ParseNumber(query(c, "before"), 1, portal.MaxVersion) // anything else is the first page
	var next int
	if p.History, next, err = s.Requests.Rules.History(c.Request.Context(), from); err != nil {
		return err
	}
	if next > 0 {
		p.Next = "/admin/policy?before=" + strconv.Itoa(next)
	}
	s.render(c, code, views.Policy(p))
	return nil
}

func (s *Server) waitingPolicy(c *gin.Context, v viewer) (views.PolicyWaiting, error) {
	p, consequences, err := s.Requests.Rules.Proposed(c.Request.Context())
	if portal.Is(err, portal.KindNotFound) {
		return views.PolicyWaiting{}, nil
	}
	if err != nil {
		return views.PolicyWaiting{}, err
	}
	_, inForce, err := s.Requests.Rules.Text(c.Request.Context())
	return views.PolicyWaiting{PolicyVersion: p, Consequences: policyConsequences(consequences), InForce: inForce, CanAccept: p.Author.Identity != v.actor.Identity}, err
}

// policyConsequences are consequences as pages show them.
func policyConsequences(list []rulebook.Consequence) []views.PolicyConsequence {
	var shown []views.PolicyConsequence
	for _, c := range list {
		shown = append(shown, views.PolicyConsequence{Title: c.Title, List: c.List})
	}
	return shown
}

// policyCheck is a check as pages show it.
func policyCheck(check rulebook.Check) views.PolicyCheck {
	p := views.PolicyCheck{Consequences: policyConsequences(check.Consequences), Cut: check.Preview.Cut, Outdated: check.Outdated, Requests: check.Preview.Requests, Unknown: check.Preview.Unknown}
	for _, f := range check.Faults {
		p.Faults = append(p.Faults, views.PolicyFault(f))
	}
	for _, n := range check.Preview.Counts {
		p.Counts = append(p.Counts, views.PolicyCount(n))
	}
	for _, r := range check.Preview.Changed {
		p.Changed = append(p.Changed, views.PolicyChange{Number: r.Number, What: r.What, Before: r.Before, After: r.After})
	}
	return p
}
