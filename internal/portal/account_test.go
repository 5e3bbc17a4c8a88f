package portal

import (
	"strings"
	"testing"
	"time"
)

// Quotas that let teams have more Droplets than the account are warned of, and so is
// a team that has no limit; what a grant adds counts as long as it lasts.
func TestAccountStanding(t *testing.T) {
	now := time.Now()
	team := func(name string, limit int) Team {
		if limit < 0 {
			return Team{Name: name}
		}
		return Team{Name: name, Quota: Quota{Limits: map[Item]int{AllNodes: limit}}}
	}
	granted := team("Granted", 4)
	granted.Grants = []Grant{{Item: AllNodes, Limit: 9, StartsAt: now.Add(-time.Hour), Until: now.Add(time.Hour)}}
	for _, c := range []struct {
		droplets int
		teams    []Team
		says     string
	}{
		{10, []Team{team("A", 4), team("B", 6)}, ""},
		{10, []Team{team("A", 4), team("B", 7)}, "Teams may have 11 nodes together, more than the droplet limit of the account (10)."},
		{10, []Team{team("B", 6), granted}, "15 nodes"},
		{0, []Team{team("A", 400)}, ""},
		{0, []Team{team("A", -1)}, "Team A has no limit on all nodes"},
		{10, []Team{team("A", -1), team("B", 20), team("C", -1)}, "Teams A and C have no limit"},
		{10, []Team{team("A", -1), team("B", -1), team("C", -1), team("D", -1), team("E", -1)}, "Teams A, B, C and 2 others have no limit"},
		{10, nil, ""},
	} {
		if got := AccountOf(c.droplets, c.teams, now).Warning(); !strings.HasPrefix(got, c.says) && !strings.Contains(got, c.says) || (got == "") != (c.says == "") {
			t.Errorf("%v of %d: %q, want %q", c.teams, c.droplets, got, c.says)
		}
	}
	over, more, less := AccountOf(10, []Team{team("A", 20)}, now), AccountOf(10, []Team{team("A", 21)}, now), AccountOf(10, []Team{team("A", 19)}, now)
	if more.Grown(over) == "" || less.Grown(over) != "" || over.Grown(over) != "" {
		t.Errorf("%q %q %q", more.Grown(over), less.Grown(over), over.Grown(over))
	}
}
