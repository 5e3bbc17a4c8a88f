package views

import (
	"strconv"
	"strings"

	"doksportal/internal/portal"
	"doksportal/views/ui"
)

// PolicyPage is where admins read and change the policy, and auditors read it.
type PolicyPage struct {
	Page
	Form    PolicyForm
	Words   any // all that can be written in a policy, for the editor
	Trial   PolicyTrial
	Faults  []portal.FieldError
	Problem string
	Checked bool // Check says something of the text
	Check   PolicyCheck
	Waiting PolicyWaiting
	History []portal.PolicyVersion
	Next    string
}

// PolicyForm is a new version as typed.
type PolicyForm struct {
	Base int // version that it was begun on
	Text string
	Note string
}

// PolicyWaiting is the version that waits for a decision, the zero
// PolicyWaiting when there is none.
type PolicyWaiting struct {
	portal.PolicyVersion
	Consequences []PolicyConsequence
	InForce      int  // version
	CanAccept    bool // the reader is another admin than the author
}

// PolicyCheck is what can be said of a draft.
type PolicyCheck struct {
	Faults       []PolicyFault
	Consequences []PolicyConsequence // that take a second admin
	Cut          bool                // there was no time to try it on more requests
	Outdated     int                 // waiting requests that would have to be planned again
	Requests     int                 // that it was tried on
	Unknown      int                 // of them, those that could not be judged again
	Counts       []PolicyCount
	Changed      []PolicyChange
}

// PolicyConsequence is what a version does in one way.
type PolicyConsequence struct {
	Title string
	List  []string
}

// PolicyFault is something wrong with the text of a policy.
type PolicyFault struct {
	Line    int
	Column  int
	Rule    string
	Message string
}

// PolicyTrial is a request that nobody has made, and what a text says of it.
type PolicyTrial struct {
	Operation   string
	Environment string
	Team        string
	Teams       []PolicyTeam // to choose from
	Asked       []PolicyMember
	Faults      []portal.FieldError
	Problem     string
	Faulty      bool           // the text has faults
	Verdict     portal.Verdict // the zero Verdict where there is none
	Terms       []PolicyTerm
	Line        int    // at which the rule of the verdict begins; 0 where no rule gave it
	Lines       string // address of a line, in front of its number; empty where the editor shows it
}

// PolicyTeam is a team for a trial.
type PolicyTeam struct{ Slug, Name string }

// PolicyMember is what conditions refer to besides, as typed.
type PolicyMember struct{ Name, Kind, Typed string }

// PolicyTerm is one of the terms of a verdict.
type PolicyTerm struct{ Name, Text string }

// PolicyCount is how many requests a draft would judge differently in one way.
type PolicyCount struct {
	Kind     string
	Requests int
}

// PolicyChange is a request that a draft would judge differently.
type PolicyChange struct {
	What          string // was asked for
	Number        int64
	Before, After string
}

// PolicyVersionPage shows a version of the policy.
type PolicyVersionPage struct {
	Page
	Version portal.PolicyVersion
	InForce int // the version in force
	Lines   []PolicyLine
	Cut     int // lines that are not shown, of a version that has more than one may have now
	Trial   PolicyTrial
}

// PolicyLine is a line of a version, compared with the version before it.
type PolicyLine struct {
	Sign   byte // '+' new, '-' gone, ' ' in both
	Number int  // in the version; 0 of what is gone
	Text   string
}

// changedShown is how many requests are listed one by one.
const changedShown = 50

func firstChanged(list []PolicyChange) []PolicyChange { return list[:min(len(list), changedShown)] }

func policyPath(version int) string { return "/admin/policy/" + strconv.Itoa(version) }

// lineNumbers are those of a text and of some lines that may be added to it.
func lineNumbers(text string) string {
	const more = 200
	var b strings.Builder
	for i := range strings.Count(text, "\n") + more {
		b.WriteString(strconv.Itoa(i+1) + "\n")
	}
	return b.String()
}

// rows is the height of the text's field where it does not grow by itself.
func rows(text string) string { return strconv.Itoa(strings.Count(text, "\n") + 4) }

func stateColour(s portal.PolicyState) string {
	switch s {
	case portal.PolicyInForce:
		return "bg-success"
	case portal.PolicyProposed:
		return "bg-warning"
	}
	return "bg-neutral"
}

// lineClass tells new lines and those that are gone from the others, besides
// their sign.
func lineClass(sign byte) string {
	switch sign {
	case '+':
		return "version-line version-new"
	case '-':
		return "version-line version-gone"
	}
	return "version-line"
}

// lineID is the id of a line of a version, empty of what is gone.
func lineID(number int) string {
	if number == 0 {
		return ""
	}
	return "line-" + strconv.Itoa(number)
}

// lineHref leads to a line of the text that a trial was judged by.
func lineHref(t PolicyTrial) string {
	if t.Lines == "" {
		return "#text"
	}
	return t.Lines + strconv.Itoa(t.Line)
}

// trialOperations are those that people request.
func trialOperations() []ui.OptionGroup {
	var g ui.OptionGroup
	for _, op := range portal.Operations() {
		if op.Asked() {
			g.Options = append(g.Options, ui.Option{Value: string(op.ID), Label: op.Title + " (" + string(op.ID) + ")"})
		}
	}
	return []ui.OptionGroup{g}
}

func trialTeams(list []PolicyTeam) []ui.OptionGroup {
	var g ui.OptionGroup
	for _, t := range list {
		g.Options = append(g.Options, ui.Option{Value: t.Slug, Label: t.Name})
	}
	return []ui.OptionGroup{g}
}

func trialEnvironments() []ui.OptionGroup {
	var g ui.OptionGroup
	for _, e := range portal.Environments {
		g.Options = append(g.Options, ui.Option{Value: string(e), Label: words(string(e))})
	}
	return []ui.OptionGroup{g}
}

var yesNoOptions = []ui.OptionGroup{{Options: []ui.Option{{Value: "true", Label: "true"}}}}

// memberEmpty says what a member is when nothing is typed.
func memberEmpty(m PolicyMember) string {
	switch {
	case m.Name == "actor.groups":
		return "the team's member group"
	case m.Kind == "text":
		return "empty"
	case m.Kind == "list":
		return "empty; or a, b"
	}
	return "0"
}
