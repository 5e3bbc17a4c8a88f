package portal

import "time"

// LintRun is a run of clusterlint.
type LintRun struct {
	ID          string
	RequestedAt time.Time
	CompletedAt time.Time // zero while it runs
	Findings    []Finding
}

// Severities of a finding, the worst first.
var Severities = []string{"error", "warning", "suggestion"}

// Finding is something that clusterlint found.
type Finding struct {
	Check     string
	Severity  string // one of Severities, or what DigitalOcean says instead
	Message   string
	Kind      string // of the object that it is about
	Namespace string
	Name      string
}

// StatusMessage is DigitalOcean's word on a cluster's troubles.
type StatusMessage struct {
	At      time.Time
	Message string
}

// ClusterUser is who the portal's token is inside a cluster.
type ClusterUser struct {
	Name   string
	Groups []string
}
