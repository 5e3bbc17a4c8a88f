package policy

import (
	"math"

	"doksportal/internal/portal"
)

// Input is what a verdict depends on. It is kept with each request, so that
// another policy can be tried on it later. The names of its members, as rules
// write them, are those of the JSON.
type Input struct {
	Actor   Actor   `json:"actor"`
	Team    Team    `json:"team"`
	Cluster Cluster `json:"cluster"`
	Change  Change  `json:"change"`
	Quota   Quota   `json:"quota"`
	Cost    Cost    `json:"cost"`
	Blast   Blast   `json:"blast"`
}

// Actor is who asks.
type Actor struct {
	Name   string   `json:"name"`
	Email  string   `json:"email"`
	Groups []string `json:"groups"`
	Roles  []string `json:"roles"`
}

// Team is the team that asks, the zero Team when clusters of several teams are
// concerned.
type Team struct {
	Slug          string `json:"slug"`
	Name          string `json:"name"`
	ApproverGroup string `json:"approver_group"`
}

// Cluster is what the request is about, as it is before; a new one as it would
// be. Of several clusters only Environment is set, to production.
type Cluster struct {
	Name        string             `json:"name"`
	Region      string             `json:"region"`
	Version     string             `json:"version"`
	Environment portal.Environment `json:"environment"` // production when nobody has set it
	HA          bool               `json:"ha"`
	Nodes       int                `json:"nodes"`
	Tags        []string           `json:"tags"`
	Protected   bool               `json:"protected"`
}

// Change is what is asked for.
type Change struct {
	Operation portal.OperationID `json:"operation"`
	Risk      portal.Risk        `json:"risk"`
	Nodes     int                `json:"nodes"`   // by which the quota's use grows; negative: shrinks
	Fields    []string           `json:"fields"`  // what of the target changes, as the plan names it
	Minutes   int                `json:"minutes"` // that access is valid for; 0 for other operations
}

// Unlimited is the limit of a team whose nodes are not limited: more than any
// account can have.
const Unlimited = math.MaxInt32

// Quota is the team's use of its limit on all nodes, and whether any limit
// would be exceeded.
type Quota struct {
	Limit  int  `json:"limit"`
	Before int  `json:"before"`
	After  int  `json:"after"`
	Over   bool `json:"over"`
}

// Cost is what the target costs a month at the most, at list price in USD.
type Cost struct {
	Before float64 `json:"before"`
	After  float64 `json:"after"`
	Change float64 `json:"change"` // After less Before
}

// Blast is what is disturbed or destroyed.
type Blast struct {
	Clusters      int `json:"clusters"`
	Nodes         int `json:"nodes"` // that are destroyed or replaced
	LoadBalancers int `json:"load_balancers"`
	Volumes       int `json:"volumes"`
	Snapshots     int `json:"snapshots"`
	OpenRequests  int `json:"open_requests"` // others on the same clusters
}
