package policy

import (
	"context"
	"slices"
)

// Effect is a kind of consequence of a new policy that takes a second admin.
type Effect struct {
	Word  string // before each consequence, where a command lists them
	Title string // over a list of them
	What  string // the version does, e.g. "makes something easier"
}

// Consequence is what a new policy does in one way, in plain words.
type Consequence struct {
	Effect
	List []string // never empty
}

// effects are all that a comparison tells. What only denies or delays is
// compared with each policy before, the others with the newest of them alone:
// what two admins have agreed on is in it.
var effects = []struct {
	Effect
	find  func(ctx context.Context, old, now *Policy, known *Known) []string
	steps bool // many small ones count together
}{
	{Effect{"easier:", "It relaxes:", "makes something easier"}, unknowing(Relaxations), false},
	{Effect{"decide:", "It lets others decide:", "lets others decide"}, unknowing(Newcomers), false},
	{Effect{"stopped:", "Nobody could approve these requests, as far as the portal knows people:", "stops something altogether"}, Stops, true},
	{Effect{"denied:", "It denies what could pass before, under the conditions of its rules:", "denies something"}, unknowing(Denials), true},
	{Effect{"wait:", "It makes requests wait, even with break-glass:", "makes requests wait for a long time"}, unknowing(Delays), true},
	{Effect{"hurry:", "It leaves people little time:", "leaves people little time"}, unknowing(Deadlines), true},
}

func unknowing(compare func(ctx context.Context, old, now *Policy) []string) func(context.Context, *Policy, *Policy, *Known) []string {
	return func(ctx context.Context, old, now *Policy, _ *Known) []string { return compare(ctx, old, now) }
}

// Consequences are what takes a second admin in a new policy, none when one may
// put it in force alone. before are the policy in force and, after it, older ones
// that many small steps are counted from; known may be nil.
func Consequences(ctx context.Context, before []*Policy, now *Policy, known *Known) []Consequence {
	var all []Consequence
	for _, e := range effects {
		var list []string
		for i, old := range before {
			if i == 0 || e.steps {
				list = append(list, e.find(ctx, old, now, known)...)
			}
		}
		slices.Sort(list)
		if list = slices.Compact(list); len(list) > 0 {
			all = append(all, Consequence{e.Effect, list})
		}
	}
	return all
}
