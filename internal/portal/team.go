package portal

import "time"

// Team owns clusters and has a quota. Who belongs to it and who approves for
// it are groups of the identity provider.
type Team struct {
	ID            string // UUIDv7
	Slug          string // DNS label, used in the tag team:<slug>
	Name          string
	MemberGroup   string
	ApproverGroup string
	Quota         Quota   // without what is granted for a time; see QuotaAt
	Grants        []Grant `json:"-"` // those that have not been ended
	Version       int     // grows with each edit, to notice two people editing at once
	UpdatedAt     time.Time
}

// Environment of a cluster. It is the portal's own data: only an admin changes
// it after creation, because policy depends on it.
type Environment string

// The environments.
const (
	Development Environment = "development"
	Staging     Environment = "staging"
	Production  Environment = "production"
)

// Environments lists all environments, least critical first.
var Environments = []Environment{Development, Staging, Production}
