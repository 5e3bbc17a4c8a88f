package teams_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"doksportal/internal/portal"
	"doksportal/internal/store"
	"doksportal/internal/teams"
)

// A label is set by an admin, leaves an event, and looks like no other group.
func TestLabelGroup(t *testing.T) {
	t.Parallel()
	b := setup(t, 30*24*time.Hour)
	b.OtherGroups = func(context.Context) ([]string, error) { return []string{"platform", "finance-leads", ""}, nil }
	ada := b.admin("ada")
	const id = "5b1c3a52-8f0e-4a65-9d0c-0d6a7a1f3c11"
	must(t, b.LabelGroup(t.Context(), ada, id, "Payments  people"))
	must(t, b.LabelGroup(t.Context(), ada, id, "Payments people")) // nothing new
	labels, err := store.GroupLabels(t.Context(), b.Pool)
	must(t, err)
	if labels.Of(id) != "Payments people" {
		t.Errorf("it is called %q", labels.Of(id))
	}
	for _, label := range []string{"find", "find-leads", "FIND", "fіnd", "platform", "Payments people", "Payments peopIe", "find leads", "find_leads", "Finance.Leads",
		"team find", "admins", "Team auditors", "everybody", "Nobody", "approvers", "the admins", "Administrators", "everyone", "ᴀᴅᴍɪɴs", "a\u0332dmins", "portal admins", "All of the Owners",
		"leads of find", "find team", "the finance leads", "people of the payments team", "payers or platform", "sre-or-payments", "payers/platform", "anyone else", "noone", "p-l-a-t-f-o-r-m",
		"withdrawn), nobody gains anything (dropped", "“find”"} {
		wantKind(t, b.LabelGroup(t.Context(), ada, "another", label), portal.KindInvalid)
	}
	_, err = b.Create(t.Context(), ada, teams.Input{Slug: "x", Name: "X", MemberGroup: "payments-people", ApproverGroup: "y", Quota: typed("1", "s 1")})
	if e := portal.FieldErrorsOf(err); len(e) != 1 || e[0].Field != "member_group" {
		t.Errorf("a team whose group looks like a label: %v", err)
	}
	_, err = b.Create(t.Context(), ada, teams.Input{Slug: "x", Name: "payments People", MemberGroup: "x", ApproverGroup: "y", Quota: typed("1", "s 1")})
	if e := portal.FieldErrorsOf(err); len(e) != 1 || e[0].Field != "name" {
		t.Errorf("a team whose name looks like a label: %v", err)
	}
	for _, group := range []string{"", "with\u202emark"} {
		wantKind(t, b.LabelGroup(t.Context(), ada, group, "Fine"), portal.KindInvalid)
	}
	nobody := ada
	nobody.Roles = nil
	wantKind(t, b.LabelGroup(t.Context(), nobody, id, "Mine"), portal.KindForbidden)
	must(t, b.LabelGroup(t.Context(), ada, id, ""))
	var events int
	must(t, b.Pool.QueryRow(t.Context(), `SELECT count(*) FROM events WHERE kind = 'group_labelled'`).Scan(&events))
	if labels, err := store.GroupLabels(t.Context(), b.Pool); err != nil || len(labels) != 0 || events != 2 {
		t.Errorf("%v, %v, %d events", labels, err, events)
	}
}

// A group that can be taken for another one is refused: the second admin would see
// no difference.
func TestGroupsThatLookAlike(t *testing.T) {
	t.Parallel()
	b := setup(t, longAgo)
	b.OtherGroups = func(context.Context) ([]string, error) { return []string{"platform-approvers"}, nil }
	own := b.team("pay").ApproverGroup
	for _, group := range []string{strings.Replace(own, "a", "а", 1), strings.ToUpper(own), own + "\u0301", "plаtform-approvers", "platform\u2010approvers"} {
		_, err := b.edit(b.admin("ada"), "pay", func(in *teams.Input) { in.ApproverGroup = group })
		if fields := portal.FieldErrorsOf(err); len(fields) != 1 || fields[0].Field != "approver_group" {
			t.Errorf("%q: %v", group, err)
		}
	}
	_, err := b.edit(b.admin("ada"), "pay", func(in *teams.Input) { in.ApproverGroup = "platform-approvers" })
	must(t, err)
}
