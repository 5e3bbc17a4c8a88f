package notify_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/notify"
	"doksportal/internal/portal"
)

// That a review of access is due is told to auditors and admins, and to nobody else.
func TestAccessReviewsAreToldOf(t *testing.T) {
	b := setup(t)
	b.service.AuditorGroup = "auditors"
	b.person("ada", "admins")
	b.person("otto", "auditors")
	b.person("mia", "pay", "pay-approvers", "platform")
	b.tx(func(tx pgx.Tx) error {
		return notify.Queue(t.Context(), tx, notify.Notification{Kind: portal.EventAccessDue, Actor: portal.System("access review").Person(), Summary: "it is due", At: b.clock.Now()})
	})
	b.round()
	if got := b.post.to(); got != "ada otto" {
		t.Errorf("told: %s", got)
	}
}
