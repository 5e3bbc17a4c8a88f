package export

import "doksportal/internal/portal"

// TimesListed is how often a kind of event is among the activities.
func TimesListed(kind portal.EventKind) (times int) {
	for _, a := range activities {
		for _, k := range a.kinds {
			if k == kind {
				times++
			}
		}
	}
	return times
}
