package portal

import "time"

// MostSavedSearches is how many searches of the trail can be saved.
const MostSavedSearches = 50

// SavedSearch is a search of the audit trail that somebody saved for all who may read
// the trail.
type SavedSearch struct {
	ID    string
	Name  string
	Query string // of the page's address
	By    Person
	At    time.Time
}
