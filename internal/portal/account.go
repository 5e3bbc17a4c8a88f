package portal

import (
	"fmt"
	"strings"
	"time"
)

// AccountStanding is how the nodes that teams may have stand against the Droplets that
// the account may have at DigitalOcean, each node being one.
type AccountStanding struct {
	Droplets  int      // that the account may have; 0: not known
	Granted   int      // nodes that teams may have together, as far as those have limits
	Unlimited []string // names of the teams that have no limit on all nodes
	Teams     int      // nodes that teams use, as their quotas count
	Unowned   int      // nodes of clusters that nobody owns
}

// AccountOf adds up what teams may have at a moment.
func AccountOf(droplets int, teams []Team, now time.Time) AccountStanding {
	a := AccountStanding{Droplets: droplets}
	for _, t := range teams {
		if limit, ok := t.QuotaAt(now).Limit(AllNodes); ok {
			a.Granted += limit
		} else {
			a.Unlimited = append(a.Unlimited, t.Name)
		}
	}
	return a
}

// Warning says why quotas do not keep teams below the limit of the account, empty when
// they do or when that limit is not known and every team has one.
func (a AccountStanding) Warning() string {
	limit := "the droplet limit of the account"
	if a.Droplets > 0 {
		limit += fmt.Sprintf(" (%d)", a.Droplets)
	}
	switch {
	case len(a.Unlimited) > 0:
		return fmt.Sprintf("%s no limit on all nodes, so quotas do not keep teams below %s.", has(a.Unlimited), limit)
	case a.Droplets > 0 && a.Granted > a.Droplets:
		return fmt.Sprintf("Teams may have %d nodes together, more than %s. What is beyond it DigitalOcean refuses, whatever the quotas say.", a.Granted, limit)
	}
	return ""
}

// has names teams that have something, a few of many.
func has(teams []string) string {
	const few = 3
	switch n := len(teams); {
	case n == 1:
		return "Team " + teams[0] + " has"
	case n > few:
		return fmt.Sprintf("Teams %s and %d others have", strings.Join(teams[:few], ", "), n-few)
	default:
		return "Teams " + strings.Join(teams[:n-1], ", ") + " and " + teams[n-1] + " have"
	}
}

// Grown is the warning where teams may have more than before, else empty.
func (a AccountStanding) Grown(before AccountStanding) string {
	if a.Granted > before.Granted || len(a.Unlimited) > len(before.Unlimited) {
		return a.Warning()
	}
	return ""
}
