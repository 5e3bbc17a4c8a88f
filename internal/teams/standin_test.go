package teams_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"doksportal/internal/portal"
	"doksportal/internal/teams"
)

// standIn has an admin stand in for somebody of a group from an hour ago on.
func (b *bundle) standIn(standIn, delegator, group string, until time.Time) string {
	b.t.Helper()
	id := uuid.NewString()
	for _, person := range []struct{ name, group string }{{standIn, "portal-admins"}, {delegator, group}} {
		_, err := b.Pool.Exec(b.t.Context(), `INSERT INTO people (issuer, subject, name, email, groups, groups_at) VALUES ('i', $1, $1, '', ARRAY[$2], $3) ON CONFLICT DO NOTHING`,
			person.name, person.group, b.now)
		must(b.t, err)
	}
	_, err := b.Pool.Exec(b.t.Context(), `INSERT INTO delegations (id, issuer, subject, name, stand_in_issuer, stand_in_subject, stand_in_name, reason, starts_at, until)
		VALUES ($1::uuid, 'i', $2, $2, 'i', $3, $3, 'holidays', $4, $5)`, id, delegator, standIn, b.now.Add(-time.Hour), until)
	must(b.t, err)
	return id
}

// Who stands in for somebody who gains by a change gains by it, too, and for a day
// after it has ended.
func TestStandInsGainToo(t *testing.T) {
	t.Parallel()
	b := setup(t, longAgo)
	id := b.standIn("ben", "zoe", "find-leads", b.now.Add(longAgo))
	_, err := b.edit(b.admin("ada"), "pay", func(in *teams.Input) { in.ApproverGroup = "find-leads" })
	must(t, err)
	accept := func() error { return b.Accept(t.Context(), b.admin("ben"), b.waiting().ID) }
	if err := accept(); !portal.Is(err, portal.KindForbidden) || !strings.Contains(err.Error(), "as a stand-in for zoe, who is a member of group find-leads") {
		t.Errorf("a stand-in of who gains accepts it: %v", err)
	}
	_, err = b.Pool.Exec(t.Context(), `UPDATE delegations SET ended_at = $2 WHERE id = $1`, id, b.now)
	must(t, err)
	wantKind(t, accept(), portal.KindForbidden)
	b.now = b.now.Add(25 * time.Hour)
	must(t, accept())
}

// In the first week, too, a stand-in of who gains needs another admin.
func TestStandInsAdoptNothingAlone(t *testing.T) {
	t.Parallel()
	b := setup(t, 0)
	b.standIn("ada", "zoe", "find-leads", b.now.Add(longAgo))
	for name, wantProposed := range map[string]bool{"ada": true, "ben": false} {
		out, err := b.Create(t.Context(), b.admin(name), teams.Input{Slug: name, Name: name, MemberGroup: "m-" + name, ApproverGroup: "find-leads", Quota: typed("2", "s 2")})
		must(t, err)
		if out.Proposed != wantProposed {
			t.Errorf("%s: proposed %v, want %v", name, out.Proposed, wantProposed)
		}
	}
}
