package portal

import "time"

// EventKind sorts the entries of the audit trail by what was done.
type EventKind string

// The kinds of event.
const (
	EventSignIn             EventKind = "sign_in"
	EventSignInRefused      EventKind = "sign_in_refused"
	EventSignOut            EventKind = "sign_out"
	EventSessionEnded       EventKind = "session_ended"
	EventAccessRefused      EventKind = "access_refused"
	EventForeignOrigin      EventKind = "foreign_origin_refused"
	EventSubmitted          EventKind = "request_submitted"
	EventRefused            EventKind = "request_refused"
	EventApprovedBy         EventKind = "review_approved"
	EventRejectedBy         EventKind = "review_rejected"
	EventChangesRequested   EventKind = "review_changes_requested"
	EventCommented          EventKind = "request_commented"
	EventReplanned          EventKind = "request_replanned"
	EventReminded           EventKind = "request_reminded"
	EventStopped            EventKind = "request_stopped"
	EventExpiring           EventKind = "request_expiring"
	EventBreakGlass         EventKind = "break_glass"
	EventBreakGlassReviewed EventKind = "break_glass_reviewed"
	EventWithdrawn          EventKind = "request_withdrawn"
	EventExpired            EventKind = "request_expired"
	EventStale              EventKind = "request_stale"
	EventIntent             EventKind = "execution_intent"
	EventOutcome            EventKind = "execution_outcome"
	EventCampaignSubmitted  EventKind = "campaign_submitted"
	EventCampaignDecided    EventKind = "campaign_decided"
	EventWaveStarted        EventKind = "wave_started"
	EventReleased           EventKind = "request_released"
	EventHeld               EventKind = "request_held"
	EventCampaignStopped    EventKind = "campaign_stopped"
	EventCampaignResumed    EventKind = "campaign_resumed"
	EventCampaignEnded      EventKind = "campaign_ended"
	EventResent             EventKind = "request_resent"
	EventClusterChosen      EventKind = "cluster_chosen"
	EventHastened           EventKind = "request_hastened"
	EventPaused             EventKind = "execution_paused"
	EventResumed            EventKind = "execution_resumed"
	EventSucceeded          EventKind = "request_succeeded"
	EventFailed             EventKind = "request_failed"
	EventTeamCreated        EventKind = "team_created"
	EventTeamChanged        EventKind = "team_changed"
	EventDefaultQuota       EventKind = "default_quota_changed"
	EventQuotaRaised        EventKind = "quota_raised"
	EventGrantEnding        EventKind = "quota_grant_ending"
	EventGrantEnded         EventKind = "quota_grant_ended"
	EventLeaseExtended      EventKind = "lease_extended"
	EventLeaseEnding        EventKind = "lease_ending"
	EventLeaseEnded         EventKind = "lease_ended"
	EventClusterAssigned    EventKind = "cluster_assigned"
	EventOrphanResolved     EventKind = "orphan_resolved"
	EventOwnershipRule      EventKind = "ownership_rule_changed"
	EventClusterAppeared    EventKind = "cluster_appeared"
	EventClusterDrifted     EventKind = "cluster_drifted"
	EventClusterGone        EventKind = "cluster_gone"
	EventPolicyProposed     EventKind = "policy_proposed"
	EventPolicyInForce      EventKind = "policy_in_force"
	EventPolicyDropped      EventKind = "policy_dropped"
	EventProtected          EventKind = "cluster_protected"
	EventUnprotected        EventKind = "cluster_unprotected"
	EventChannelChanged     EventKind = "channel_changed"
	EventChannelTested      EventKind = "channel_tested"
	EventPreference         EventKind = "preference_changed"
	EventNotificationFailed EventKind = "notification_failed"
	EventChangeProposed     EventKind = "admin_change_proposed"
	EventChangeDropped      EventKind = "admin_change_dropped"
	EventGroupLabelled      EventKind = "group_labelled"
	EventDelegated          EventKind = "delegation_made"
	EventDelegationEnded    EventKind = "delegation_ended"
	EventTemplateSaved      EventKind = "template_saved"
	EventTemplateRenamed    EventKind = "template_renamed"
	EventTemplateDeleted    EventKind = "template_deleted"
	EventSearchSaved        EventKind = "search_saved"
	EventSearchDeleted      EventKind = "search_deleted"
	EventUnusual            EventKind = "unusual_found"
	EventDailyReview        EventKind = "daily_review_signed"
	EventReconciled         EventKind = "change_reconciled"
	EventAccessReviewed     EventKind = "access_reviewed"
	EventAccessDue          EventKind = "access_review_due"
	EventTrailRead          EventKind = "trail_read"
	EventTrailExported      EventKind = "trail_exported"
	EventTrailVerified      EventKind = "trail_verified"
	EventTrailArchived      EventKind = "trail_archived"
	EventTrailStopped       EventKind = "trail_stopped"
	EventTrailResumed       EventKind = "trail_resumed"
	EventTrailKey           EventKind = "trail_key_changed"
	EventTrailTold          EventKind = "trail_told"
	EventStreamBehind       EventKind = "stream_behind"
	EventStreamResumed      EventKind = "stream_resumed"
	EventReplicaStarted     EventKind = "replica_started"
	EventReplicaStopped     EventKind = "replica_stopped"
	EventMigrated           EventKind = "schema_migrated"
)

// EventResult says how what an event tells of went.
type EventResult string

// The outcomes of events.
const (
	ResultDone    EventResult = "done"
	ResultRefused EventResult = "refused" // the portal, the policy or DigitalOcean did not allow it
	ResultFailed  EventResult = "failed"
	ResultUnknown EventResult = "unknown" // DigitalOcean's answer was lost
)

// EventResults lists all outcomes of events.
var EventResults = []EventResult{ResultDone, ResultRefused, ResultFailed, ResultUnknown}

// EventInfo is what is known of a kind of event.
type EventInfo struct {
	Kind    EventKind
	About   string      // when it is recorded, for docs/audit.md and help
	Result  EventResult // unless the event says another
	Outlast bool        // it is recorded also while the trail is behind: it changes nothing, or tells of what has happened already
}

// Events is the one table of the kinds, in the order in which people choose from
// them.
var Events = []EventInfo{
	{EventSignIn, "somebody signed in, or signed in again to confirm something", ResultDone, true},
	{EventSignInRefused, "a sign-in did not work", ResultRefused, true},
	{EventSignOut, "somebody signed out", ResultDone, true},
	{EventSessionEnded, "a session was ended: by its owner, an admin or the identity provider", ResultDone, true},
	{EventAccessRefused, "somebody tried what they may not do, or the id of something that they may not see", ResultRefused, true},
	{EventForeignOrigin, "a form of another site was refused", ResultRefused, true},
	{EventSubmitted, "a request was submitted, with its plan", ResultDone, false},
	{EventReplanned, "a request was planned again", ResultDone, false},
	{EventRefused, "the policy denied a request", ResultRefused, true},
	{EventApprovedBy, "an approver approved a request", ResultDone, false},
	{EventRejectedBy, "an approver rejected a request", ResultDone, false},
	{EventChangesRequested, "an approver asked for changes", ResultDone, false},
	{EventCommented, "somebody commented on a request", ResultDone, false},
	{EventReminded, "somebody reminded those who can decide", ResultDone, false},
	{EventWithdrawn, "a requester withdrew a request", ResultDone, false},
	{EventStopped, "somebody stopped an approved request", ResultDone, true},
	{EventExpiring, "a request is about to expire", ResultDone, false},
	{EventExpired, "nobody decided on a request in time", ResultDone, true},
	{EventStale, "a request went out of date", ResultDone, true},
	{EventBreakGlass, "an admin had a request executed without its approvals", ResultDone, false},
	{EventBreakGlassReviewed, "a break-glass was reviewed", ResultDone, false},
	{EventIntent, "a call to DigitalOcean is about to be made, on whose word", ResultDone, false},
	{EventOutcome, "what came of the call", ResultDone, true},
	{EventCampaignSubmitted, "a campaign was submitted, with the digest over all of its requests", ResultDone, false},
	{EventCampaignDecided, "somebody decided on those requests of a campaign that they may decide on", ResultDone, false},
	{EventWaveStarted, "a wave of a campaign began: by itself, or because somebody said that it goes on", ResultDone, false},
	{EventReleased, "a request was let begin by its campaign", ResultDone, false},
	{EventHeld, "a request that had not begun was held, because its campaign stopped", ResultDone, true},
	{EventCampaignStopped, "a campaign stopped, by itself or by somebody", ResultDone, true},
	{EventCampaignResumed, "somebody resumed a campaign that had stopped", ResultDone, false},
	{EventCampaignEnded, "a campaign ended", ResultDone, true},
	{EventResent, "somebody had a request sent once more, whose call was lost and had no effect", ResultDone, false},
	{EventClusterChosen, "an admin said which of several clusters with its tag a request has made", ResultDone, false},
	{EventHastened, "an admin had the next step of a request taken at once", ResultDone, false},
	{EventPaused, "nothing is sent to DigitalOcean any more: it refuses the portal's token, or an admin says so", ResultDone, true},
	{EventResumed, "what waits is sent again: DigitalOcean accepts the portal's token, or an admin says so", ResultDone, true},
	{EventSucceeded, "a request took effect; for kubeconfigs and credentials: to whom they were handed and for how long", ResultDone, true},
	{EventFailed, "a request failed", ResultFailed, true},
	{EventTeamCreated, "a team was created", ResultDone, false},
	{EventTeamChanged, "a team, its groups or its quota changed", ResultDone, false},
	{EventDefaultQuota, "the quota that new teams start with changed", ResultDone, false},
	{EventQuotaRaised, "a request raised a team's quota, for good or until a date", ResultDone, false},
	{EventGrantEnding, "a team may soon no longer have what it was granted for a time", ResultDone, true},
	{EventGrantEnded, "a team may no longer have what it was granted for a time", ResultDone, true},
	{EventLeaseExtended, "a request keeps a cluster for longer than its lease", ResultDone, false},
	{EventLeaseEnding, "the lease of a cluster ends soon", ResultDone, true},
	{EventLeaseEnded, "the lease of a cluster has ended: its deletion was requested, or why not", ResultDone, true},
	{EventClusterAssigned, "a cluster got another owner or environment", ResultDone, false},
	{EventOrphanResolved, "somebody said what became of a resource that a deleted cluster left behind", ResultDone, false},
	{EventProtected, "a cluster was protected against deletion", ResultDone, false},
	{EventUnprotected, "the protection of a cluster was lifted", ResultDone, false},
	{EventOwnershipRule, "a rule that proposes teams for clusters was added or removed", ResultDone, false},
	{EventClusterAppeared, "a cluster is at DigitalOcean that no request made", ResultDone, true},
	{EventClusterDrifted, "a cluster is no longer configured as it was, and no request explains it: before and after", ResultDone, true},
	{EventClusterGone, "a cluster is no longer at DigitalOcean, and no request deleted it", ResultDone, true},
	{EventPolicyProposed, "a version of the policy was proposed", ResultDone, false},
	{EventPolicyInForce, "a version of the policy came into force", ResultDone, false},
	{EventPolicyDropped, "a proposed version of the policy was dropped", ResultDone, false},
	{EventChannelChanged, "a notification channel was added, changed or removed, or a delivery was sent again or given up", ResultDone, false},
	{EventChannelTested, "a notification channel was tested", ResultDone, false},
	{EventPreference, "somebody chose what to be told of by e-mail, or in which time zone to read times", ResultDone, false},
	{EventNotificationFailed, "a notification could not be delivered", ResultFailed, true},
	{EventChangeProposed, "an admin proposed a change that takes a second admin", ResultDone, false},
	{EventChangeDropped, "a proposed change was dropped", ResultDone, false},
	{EventGroupLabelled, "a group got a label", ResultDone, false},
	{EventDelegated, "an approver named a stand-in", ResultDone, false},
	{EventDelegationEnded, "somebody no longer stands in", ResultDone, false},
	{EventTemplateSaved, "a team's template for new clusters was saved", ResultDone, false},
	{EventTemplateRenamed, "a template was renamed", ResultDone, false},
	{EventTemplateDeleted, "a template was deleted", ResultDone, false},
	{EventSearchSaved, "a search of the audit trail was saved for all who may read it", ResultDone, false},
	{EventSearchDeleted, "a saved search of the audit trail was deleted", ResultDone, false},
	{EventUnusual, "a rule found an event of which auditors should know", ResultDone, true},
	{EventDailyReview, "an auditor signed off what was unusual on a day", ResultDone, false},
	{EventReconciled, "somebody said why no request explains a change of a cluster, or opened that again", ResultDone, false},
	{EventAccessReviewed, "an auditor signed a review of who may do what", ResultDone, false},
	{EventAccessDue, "the half-yearly review of access is due", ResultDone, true},
	{EventTrailRead, "somebody read or searched the audit trail", ResultDone, true},
	{EventTrailExported, "somebody exported events", ResultDone, true},
	{EventTrailVerified, "the portal verified the trail", ResultDone, true},
	{EventTrailArchived, "old events were archived and removed", ResultDone, true},
	{EventTrailStopped, "events were no longer put under checkpoints, so changes stopped", ResultFailed, true},
	{EventTrailResumed, "events are put under checkpoints again", ResultDone, true},
	{EventTrailKey, "checkpoints are signed with another key", ResultDone, true},
	{EventTrailTold, "what was before the portal, as in the demo, was put on the trail", ResultDone, true},
	{EventStreamBehind, "events have not reached the SIEM for ten minutes", ResultFailed, true},
	{EventStreamResumed, "events reach the SIEM again", ResultDone, true},
	{EventReplicaStarted, "a replica of the portal started, with its version", ResultDone, true},
	{EventReplicaStopped, "a replica of the portal stopped", ResultDone, true},
	{EventMigrated, "the database schema was brought up to date", ResultDone, true},
}

// Info returns what is known of the kind, false when there is no such kind.
func (k EventKind) Info() (EventInfo, bool) {
	for _, info := range Events {
		if info.Kind == k {
			return info, true
		}
	}
	return EventInfo{}, false
}

// TargetKind sorts what something is done to.
type TargetKind string

// What events are about.
const (
	TargetCluster  TargetKind = "cluster"
	TargetTeam     TargetKind = "team"
	TargetPolicy   TargetKind = "policy"
	TargetChannel  TargetKind = "channel"
	TargetPerson   TargetKind = "person"
	TargetGroup    TargetKind = "group"
	TargetTrail    TargetKind = "trail"
	TargetReplica  TargetKind = "replica"
	TargetCampaign TargetKind = "campaign"
)

// EventTarget is what an event is about, as it was named then.
type EventTarget struct {
	Kind TargetKind
	ID   string
	Name string
}

// Origin is what was known of an actor and their connection when they acted.
type Origin struct {
	Email       string
	Roles       []Role
	Groups      []string // those that give anything in the portal
	Session     string   // begins the SHA-256 of the session's token; nobody can use it
	Address     string   // of the browser, by the word of trusted proxies alone
	UserAgent   string
	HTTPRequest string // id of the HTTP request, which log lines have too
}

// Event is one entry of the audit trail.
type Event struct {
	ID            string // UUIDv7
	Number        int64  // dense, from 0; negative while the event has none; read only
	At            time.Time
	RecordedAt    time.Time // by the database's clock; read only
	Kind          EventKind
	Result        EventResult // empty: that of the kind
	Actor         Person
	Origin        Origin      // filled in from the context; see audit.WithOrigin
	TeamID        string      // empty: concerns no team
	TeamName      string      // read only
	RequestID     string      // empty: concerns no request
	RequestNumber int64       // read only
	Revision      int         // of the request
	Operation     OperationID // that the request is for
	Environment   Environment // of the cluster, as it was then; empty: concerns none, or it was not known
	Target        EventTarget
	Clusters      []string // ids of all, where the event is about several
	Summary       string   // one sentence for people
	Reason        string   // what the actor gave as the reason
	Data          map[string]any
}

// DriftEvent is an event about what happened to a cluster past the portal.
type DriftEvent struct {
	At       time.Time
	Kind     EventKind
	Summary  string
	Changes  []Change
	Requests []int64 // numbers of those that were being carried out, and do not explain it
}

// EventFilter narrows a search of the audit trail. Empty members match all.
type EventFilter struct {
	Text        string // words, each of which begins one of the summary, the reason, or a name
	Kind        EventKind
	But         EventKind // all kinds but this
	Result      EventResult
	Operation   OperationID
	Risk        Risk // of the operation
	Environment Environment
	Actor       Identity
	TeamID      string
	Request     int64
	Cluster     string    // id of a cluster
	Address     string    // that the actor came from
	From        time.Time // inclusive
	To          time.Time // exclusive
	Before      string    // id of the event that the previous page ended with
	Limit       int
}
