package portal

import "time"

// MaxTemplates is how many templates a team may keep.
const MaxTemplates = 20

// Template is a form for new clusters that a team keeps under a name. It grants
// nothing: what is asked for with it is planned and judged like any other form.
type Template struct {
	ID       string // UUIDv7
	TeamID   string
	TeamSlug string // read only
	TeamName string // read only
	Name     string
	Params   CreateParams // without the cluster's name and subnets
	SavedBy  string       // name of who saved its settings last
	SavedAt  time.Time
}
