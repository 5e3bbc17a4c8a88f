package export

import (
	"net/http"
	"slices"

	"doksportal/internal/audit"
	"doksportal/internal/portal"
)

// activities are what an event is to the portal's own things, by its kind: a request
// is created, a review changes it.
var activities = []struct {
	ocsfCode
	kinds []portal.EventKind
}{
	{ocsfCode{1, "Create"}, []portal.EventKind{
		portal.EventSubmitted, portal.EventCommented, portal.EventTeamCreated, portal.EventPolicyProposed, portal.EventChangeProposed, portal.EventDelegated,
		portal.EventTemplateSaved, portal.EventSearchSaved, portal.EventClusterAppeared, portal.EventDailyReview, portal.EventAccessReviewed, portal.EventCampaignSubmitted,
	}},
	{ocsfCode{2, "Read"}, []portal.EventKind{portal.EventTrailRead, portal.EventTrailExported, portal.EventTrailVerified}},
	{ocsfCode{3, "Update"}, []portal.EventKind{
		portal.EventReplanned, portal.EventRefused, portal.EventApprovedBy, portal.EventRejectedBy, portal.EventChangesRequested, portal.EventWithdrawn, portal.EventStopped,
		portal.EventExpired, portal.EventStale, portal.EventBreakGlass, portal.EventBreakGlassReviewed, portal.EventSucceeded, portal.EventFailed,
		portal.EventTeamChanged, portal.EventDefaultQuota, portal.EventQuotaRaised, portal.EventGrantEnded, portal.EventLeaseExtended, portal.EventLeaseEnded,
		portal.EventClusterAssigned, portal.EventOrphanResolved, portal.EventReconciled, portal.EventProtected, portal.EventUnprotected, portal.EventOwnershipRule, portal.EventClusterDrifted,
		portal.EventPolicyInForce, portal.EventChannelChanged, portal.EventPreference, portal.EventGroupLabelled, portal.EventTemplateRenamed,
		portal.EventTrailKey, portal.EventMigrated, portal.EventResent, portal.EventClusterChosen, portal.EventCampaignDecided, portal.EventWaveStarted,
		portal.EventReleased, portal.EventHeld, portal.EventCampaignStopped, portal.EventCampaignResumed, portal.EventCampaignEnded,
	}},
	{ocsfCode{4, "Delete"}, []portal.EventKind{
		portal.EventPolicyDropped, portal.EventChangeDropped, portal.EventDelegationEnded, portal.EventTemplateDeleted, portal.EventSearchDeleted,
		portal.EventClusterGone, portal.EventTrailArchived, portal.EventSessionEnded,
	}},
	{otherActivity, []portal.EventKind{
		portal.EventSignIn, portal.EventSignInRefused, portal.EventSignOut, portal.EventAccessRefused, portal.EventForeignOrigin, portal.EventReminded,
		portal.EventExpiring, portal.EventIntent, portal.EventOutcome, portal.EventHastened, portal.EventPaused, portal.EventResumed, portal.EventGrantEnding, portal.EventLeaseEnding, portal.EventChannelTested,
		portal.EventNotificationFailed, portal.EventTrailStopped, portal.EventTrailResumed, portal.EventTrailTold, portal.EventStreamBehind, portal.EventStreamResumed,
		portal.EventReplicaStarted, portal.EventReplicaStopped, portal.EventUnusual, portal.EventAccessDue,
	}},
}

var otherActivity = ocsfCode{99, "Other"}

// activityOf is what an event is.
func activityOf(e audit.Entry) ocsfCode {
	if isCall(e) && e.Kind == portal.EventOutcome {
		return activityOfCall(e.Operation)
	}
	for _, a := range activities {
		if slices.Contains(a.kinds, e.Kind) {
			return a.ocsfCode
		}
	}
	return otherActivity
}

// isCall reports whether an event is of a call to DigitalOcean, which goes by its
// operation. What came of it is the activity, once: whoever counts deletions of
// clusters means that, and not that one was intended.
func isCall(e audit.Entry) bool {
	return (e.Kind == portal.EventIntent || e.Kind == portal.EventOutcome) && e.Operation.Title() != ""
}

// activityOfCall is what an operation does at DigitalOcean.
func activityOfCall(id portal.OperationID) ocsfCode {
	index := 2 // an update: also POST of what is there
	switch op := id.Operation(); {
	case id == portal.CreateCluster, id == portal.CreateNodePool:
		index = 0
	case op.Method == http.MethodGet:
		index = 1
	case op.Method == http.MethodDelete:
		index = 3
	}
	return activities[index].ocsfCode
}
