package views

import (
	"net/url"
	"strings"
	"time"

	"doksportal/internal/portal"
	"doksportal/views/ui"
)

// steps are the stations of a request, with when it reached them.
func steps(p RequestPage) []ui.Step {
	r := p.Request
	list := []ui.Step{{Label: "Requested", State: ui.StepDone, At: r.CreatedAt}}
	if r.Revision > 1 {
		list = append(list, ui.Step{Label: "Planned again", State: ui.StepDone, At: r.PlannedAt})
	}
	sent := lastAttempt(r)
	waiting := r.State == portal.Pending || r.State == portal.Stale
	list = append(list, approvalStep(r))
	if sent.IntentAt.IsZero() && !waiting && r.State.Final() || r.State == portal.Stale {
		return append(list, endStep(r))
	}
	if s, ok := waitStep(r); ok {
		list = append(list, s)
	}
	if r.Operation.Own() {
		return append(list, ui.Step{Label: "Done", State: ui.StepNext})
	}
	if r.Operation.Risk() == portal.RiskSecret {
		collect := ui.Step{Label: "Collected", State: reached(sent.IntentAt, r.State == portal.Approved && !p.Early), At: sent.IntentAt}
		if collect.State == ui.StepNow {
			collect.Note = "by " + r.Requester.Name
		}
		return append(list, collect)
	}
	send := ui.Step{Label: "Sent", State: reached(sent.IntentAt, r.State == portal.Executing || r.State == portal.Approved && !p.Early), At: sent.IntentAt}
	settle := ui.Step{Label: "DigitalOcean at work", State: reached(sent.OutcomeAt, false), At: sent.OutcomeAt}
	if r.State == portal.Settling || r.State == portal.Unknown {
		settle.State = ui.StepNow
	}
	if !r.State.Final() && p.Usual > 0 {
		settle.Note = "usually takes " + roughly(p.Usual)
	}
	list = append(list, send, settle)
	if !r.State.Final() {
		return append(list, ui.Step{Label: "Done", State: ui.StepNext})
	}
	end := endStep(r)
	if !sent.IntentAt.IsZero() {
		end.Note = "took " + roughly(r.UpdatedAt.Sub(sent.IntentAt))
	}
	return append(list, end)
}

// usually says how long an operation usually takes.
func usually(usual time.Duration) string {
	if usual == 0 {
		return "how long it usually takes is not known yet."
	}
	return "it usually takes " + roughly(usual) + "."
}

// muchLonger reports whether something takes so much longer than usual that its reader
// should know.
func muchLonger(elapsed, usual time.Duration) bool {
	const least = 2 * time.Minute // by which a short one may be late
	return usual > 0 && elapsed > 2*usual && elapsed > usual+least
}

// reached is the state of a step that was reached at a time, or is under way.
func reached(at time.Time, now bool) ui.StepState {
	switch {
	case now:
		return ui.StepNow
	case at.IsZero():
		return ui.StepNext
	}
	return ui.StepDone
}

// approvalStep tells of the approvals of a request, which may need none.
func approvalStep(r portal.Request) ui.Step {
	g := r.ActiveBreakGlass()
	missing := len(r.Outstanding()) > 0
	switch {
	case g != nil:
		return ui.Step{Label: "Approvals bypassed", State: ui.StepDone, At: g.At, Note: "by " + g.By.Name}
	case len(r.Plan.Verdict.Approvals) == 0:
		return ui.Step{Label: "No approval needed", State: ui.StepDone}
	case r.State == portal.Pending:
		return ui.Step{Label: "Approval", State: ui.StepNow, Note: "waiting"}
	case missing:
		return ui.Step{Label: "Approval", State: ui.StepNext, Note: "not given"}
	}
	given := r.Approvals()
	return ui.Step{Label: "Approved", State: ui.StepDone, At: given[len(given)-1].CreatedAt}
}

// waitStep tells what a request waits for once it is approved, if it has to.
func waitStep(r portal.Request) (ui.Step, bool) {
	s := ui.Step{State: ui.StepNext, At: r.StartsAt}
	switch {
	case r.Params.NotBefore != nil:
		s.Label = "Scheduled"
		if s.At.IsZero() {
			s.At = *r.Params.NotBefore
		}
	case r.ActiveBreakGlass() != nil:
		return s, false
	case len(r.Plan.Verdict.Windows) > 0:
		s.Label = "Window"
	case r.Plan.Verdict.CoolOff > 0:
		s.Label = "Cool-off"
	default:
		return s, false
	}
	switch {
	case !lastAttempt(r).IntentAt.IsZero():
		s.State = ui.StepDone
	case r.State == portal.Approved:
		s.State = ui.StepNow
	}
	return s, true
}

// endStep is how a request ended, or where it has to be planned again.
func endStep(r portal.Request) ui.Step {
	s := ui.Step{Label: capital(string(r.State)), State: ui.StepEnded, At: r.UpdatedAt}
	switch r.State {
	case portal.Succeeded:
		s.Label, s.State = "Done", ui.StepDone
	case portal.Stale:
		s.Label, s.State = "To be planned again", ui.StepNow
	}
	return s
}

// lastAttempt is the call that was made for a request, the zero Attempt when none
// was or DigitalOcean certainly did not take it.
func lastAttempt(r portal.Request) portal.Attempt {
	if len(r.Attempts) == 0 {
		return portal.Attempt{}
	}
	last := r.Attempts[len(r.Attempts)-1]
	if last.Outcome == portal.OutcomeDeferred || last.Outcome == portal.OutcomeAbsent {
		return portal.Attempt{}
	}
	return last
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// roughly says how long something takes, as people speak.
func roughly(d time.Duration) string {
	switch {
	case d < time.Second:
		return "less than a second"
	case d < time.Minute:
		return count(int(d.Seconds()), "second", "seconds")
	case d < 2*time.Hour:
		return count(int(d.Round(time.Minute).Minutes()), "minute", "minutes")
	case d < 48*time.Hour:
		return count(int(d.Round(time.Hour).Hours()), "hour", "hours")
	}
	return count(int(d.Hours()/24), "day", "days")
}

// nextStep is what its reader can do about a request that has ended.
type nextStep struct{ Text, Label, Path string }

// outcome says what came of a request, and what to do next; empty while nothing
// has.
func outcome(p RequestPage) []nextStep {
	r := p.Request
	switch r.State {
	case portal.Succeeded:
		return succeeded(p)
	case portal.Failed:
		return askAnew(p, "Nothing more happens. See the reason above, and what the cluster looks like now.")
	case portal.Rejected, portal.Withdrawn, portal.Expired:
		return askAnew(p, "Nothing was changed.")
	}
	return nil
}

func succeeded(p RequestPage) []nextStep {
	r := p.Request
	cluster := clusterPath(r.TargetID)
	switch {
	case r.Operation.Deletes():
		if len(r.Plan.Remains) > 0 {
			return []nextStep{{Text: "The cluster is gone. " + count(len(r.Plan.Remains), "resource stays", "resources stay") + " at DigitalOcean and keeps costing money, see the plan."}}
		}
		return []nextStep{{Text: "The cluster is gone."}}
	case r.Operation == portal.RunClusterlint:
		return []nextStep{{"Clusterlint has run.", "Read the findings", cluster + "/diagnostics?" + url.Values{"run": {r.Result}}.Encode()}}
	case r.Operation.Risk() == portal.RiskSecret:
		return []nextStep{{Text: "It has been collected. The portal keeps no copy."}}
	case !p.SeesCluster || r.TargetID == "":
		return []nextStep{{Text: "DigitalOcean has done it."}}
	case r.Operation == portal.CreateCluster:
		list := []nextStep{{"The cluster is running.", "Open cluster " + r.TargetName, cluster}}
		if p.Own {
			list = append(list, nextStep{Label: "Get its kubeconfig", Path: cluster + "/access"})
		}
		return list
	}
	return []nextStep{{"DigitalOcean has done it.", "Open the cluster", cluster}}
}

// askAnew offers to ask for the same once more, to who has asked.
func askAnew(p RequestPage, text string) []nextStep {
	list := []nextStep{{Text: text}}
	r := p.Request
	path := strings.ReplaceAll(r.Operation.Operation().Page, "{id}", r.TargetID)
	switch {
	case p.Own && !strings.Contains(path, "{") && (r.TargetID != "" || r.Operation == portal.CreateCluster || r.Operation.Risk() == portal.RiskAccount):
		list = append(list, nextStep{Label: "Request it again", Path: path})
	case p.SeesCluster && r.TargetID != "":
		list = append(list, nextStep{Label: "Open the cluster", Path: clusterPath(r.TargetID)})
	}
	return list
}
