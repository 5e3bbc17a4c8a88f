package story

import (
	"fmt"
	"slices"
	"time"

	"doksportal/internal/portal"
	"doksportal/internal/request"
)

// decide plans what people do with a request that has just been made.
func (t *teller) decide(r portal.Request) {
	e := t.endings[r.ID]
	if r.State == portal.Approved {
		if r.Operation.Risk() == portal.RiskSecret && e.kind == succeeds {
			t.after(minutes(2), func() error { return t.collect(r) })
		}
		return // the others are carried out by themselves
	}
	if e.errand != nil {
		own := e.place
		e = t.usually(*e.errand)
		e.place = own
		t.endings[r.ID] = e
	}
	wait := e.decided
	if wait == 0 {
		wait = minutes(6) + time.Duration(t.random.IntN(150))*time.Minute
	}
	t.talk(r, e.chat, wait)
	switch e.kind {
	case waits:
	case isForgotten:
		t.on(r.DueAt.Add(-r.DueAt.Sub(r.PlannedAt)/4+time.Minute), t.expire) // it says that it expires soon
		t.on(r.DueAt.Add(time.Minute), func() error { return t.end(r, t.expire()) })
	case isTakenBack:
		t.after(wait, func() error { return t.end(r, t.requests.Withdraw(t.ctx, t.actor(r.Requester.Subject), r.Number)) })
	case isRefused:
		t.after(wait, func() error { return t.end(r, t.review(r, t.approvers(r)[0], portal.ReviewReject, e.words)) })
	case isChanged, isChallenged:
		t.after(wait, func() error { return t.wantChanges(r, e) })
	case isBroken:
		t.after(wait, func() error {
			return t.requests.BreakGlass(t.ctx, t.actor("second-admin"), r.Number, r.Revision, r.Digest, e.words)
		})
	default:
		t.approve(r, e, wait)
	}
}

// end notes that nothing more becomes of a request.
func (t *teller) end(r portal.Request, err error) error {
	if err != nil {
		return fmt.Errorf("story: request %d: %w", r.Number, err)
	}
	return t.over(r.ID)
}

// talk has approver and requester comment in turn until it is decided.
func (t *teller) talk(r portal.Request, lines []string, until time.Duration) {
	for i, text := range lines {
		who := r.Requester.Subject
		if i%2 == 0 {
			who = t.approvers(r)[0]
		}
		t.after(until*time.Duration(i+1)/time.Duration(len(lines)+2), func() error {
			return t.requests.Comment(t.ctx, t.actor(who), r.Number, t.key(), text)
		})
	}
}

// approvers are those who give the approvals that a request needs, each once.
func (t *teller) approvers(r portal.Request) []string {
	var list []string
	for _, rule := range r.Plan.Verdict.Approvals {
		for range rule.Count {
			list = append(list, t.approver(r, rule, list))
		}
	}
	return list
}

// approver is somebody who can give an approval: most often of the team.
func (t *teller) approver(r portal.Request, rule portal.ApprovalRule, but []string) string {
	groups := slices.Clone(rule.Groups)
	if i := slices.Index(groups, r.Team.ApproverGroup); i > 0 {
		groups[0], groups[i] = groups[i], groups[0]
	}
	for _, group := range groups {
		able := slices.DeleteFunc(t.inGroup(group), func(who string) bool { return who == r.Requester.Subject || slices.Contains(but, who) })
		if len(able) > 0 {
			return able[int(r.Number)%len(able)]
		}
	}
	return ""
}

// approve has everybody approve whom it takes, one after the other.
func (t *teller) approve(r portal.Request, e ending, wait time.Duration) {
	who := t.approvers(r)
	if e.kind == isHalfApproved {
		who = who[:1]
	}
	for i, approver := range who {
		words := ""
		if i == 0 && e.kind != isStopped && e.kind != isFaulty {
			words = e.words
		}
		t.after(wait+time.Duration(i)*minutes(25), func() error { return t.review(r, approver, portal.ReviewApprove, words) })
	}
	last := wait + time.Duration(len(who)-1)*minutes(25)
	switch {
	case e.kind == isStopped:
		t.after(last+time.Second, func() error { return t.end(r, t.requests.Stop(t.ctx, t.actor(who[0]), r.Number, e.words)) })
	case r.Operation.Risk() == portal.RiskSecret && e.kind != isUncollected:
		t.after(last+minutes(4), func() error { return t.collect(r) })
	}
}

// review gives a decision on a request as it is planned now.
func (t *teller) review(r portal.Request, who string, decision portal.ReviewDecision, words string) error {
	now, err := t.number(r.Number)
	if err != nil {
		return err
	}
	err = t.requests.Review(t.ctx, t.actor(who), request.ReviewInput{
		Number: r.Number, Decision: decision, Comment: words, Revision: now.Revision, Digest: now.Digest})
	if err != nil {
		return fmt.Errorf("story: %s decides on request %d: %w", who, r.Number, err)
	}
	return nil
}

// wantChanges has an approver ask for something else, and the requester have it
// planned again, unless they think about it until the end.
func (t *teller) wantChanges(r portal.Request, e ending) error {
	if err := t.review(r, t.approvers(r)[0], portal.ReviewChanges, e.words); err != nil {
		return err
	}
	if e.kind == isChallenged {
		return nil
	}
	t.after(minutes(50), func() error { return t.revise(r, e) })
	return nil
}

// revise has the requester plan a request again, differently.
func (t *teller) revise(r portal.Request, e ending) error {
	who := t.actor(r.Requester.Subject)
	d, err := t.requests.PlanRevision(t.ctx, who, r.Number, nil)
	if err != nil {
		return err
	}
	d.Form.Set("submit_key", t.key())
	d.Form.Set("typed_name", d.TargetName)
	d.Form.Set("justification", r.Justification+" "+e.reply)
	if e.change != nil {
		e.change(d.Cluster, d.Form)
	}
	again, err := t.requests.Revise(t.ctx, who, r.Number, r.Revision, d.Form)
	if err != nil {
		return fmt.Errorf("story: request %d is planned again: %w", r.Number, err)
	}
	t.approve(again, ending{kind: succeeds}, minutes(40))
	return nil
}

// collect has the requester fetch what a request hands out.
func (t *teller) collect(r portal.Request) error {
	_, err := t.executor.Collect(t.ctx, t.actor(r.Requester.Subject), r.Number)
	return t.end(r, err)
}
