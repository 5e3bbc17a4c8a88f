package portal

import (
	"encoding/json"
	"time"
)

// Draft is a request in the making: what it is about, what was typed, and what
// it would do.
type Draft struct {
	Operation  OperationID
	Team       Team    // that asks; zero until one is chosen, and for clusters of several teams
	Revises    Request // that would be planned again; zero for a new one
	TargetName string
	TargetIDs  []string // ids of the clusters that it would change
	Cluster    Cluster  // zero for a new one, and when there are several
	Pool       Pool     // zero unless it is about one
	Node       Node     // zero unless it is about one

	// What there is to choose from.
	Teams     []Team           // that the actor may ask for
	Choices   []ClusterSummary // for operations on several clusters
	Offer     Options
	Upgrades  []Choice       // that DigitalOcean offers for the cluster
	Resources []Resource     // that belong to the cluster
	Longest   time.Duration  // that access may last
	Room      map[string]int // how many more nodes of each size the team may have, by its quota; nil while no team is chosen
	Region    string         // in which the team has most of its clusters, when the form for a new one is opened

	// What the form for a new cluster is opened with; all zero for the defaults.
	Like        Cluster
	LikeRequest Request // for another new cluster
	Template    Template

	Wanted   map[string]string // what the form for a larger quota is opened with, by its fields
	Raising  map[Item]int64    // numbers of the other open requests to raise a limit of the team
	Standing QuotaEffect       // what the team uses of its limits, for a larger quota
	Granted  []Grant           // that the team has now

	Lease Lease // of the cluster, to be extended, or whose end is why the portal asks for the deletion; zero for all else
	Ended bool  // it is the portal that asks, because the lease has ended

	Form     Form
	ETag     string    // tells whether the target is still what the form was opened with
	Chosen   []Cluster // those of Choices that were chosen
	Params   Params
	Judged   json.RawMessage // what the policy judged it by
	JudgedAt time.Time       // when quota and policy were asked, of which something may end at any moment
	Plan     Plan            // the zero Plan while nothing can be said
	Usage    Usage           // how the team's usage would change
	Errors   FieldErrors
}

// Targets are the clusters that the draft is about.
func (d Draft) Targets() []Cluster {
	if d.Cluster.ID != "" {
		return []Cluster{d.Cluster}
	}
	return d.Chosen
}
