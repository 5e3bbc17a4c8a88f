package rulebook

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"doksportal/internal/policy"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// previewed is how many requests a preview looks back on.
const previewed = 500

// Consequence is what a version does that takes a second admin.
type Consequence = policy.Consequence

// Check is what can be said of a draft before it is proposed.
type Check struct {
	Faults       []policy.Fault
	Consequences []Consequence // that take a second admin
	Preview      Preview
	Outdated     int // of the first mostWaiting requests that wait, those that would have to be planned again
}

const mostWaiting = 1000

// Preview says how the newest requests would have been judged under a draft.
type Preview struct {
	Requests int  // that were looked at
	Unknown  int  // that could not be judged again
	Cut      bool // there was no time for the rest
	Counts   []Count
	Changed  []Changed // newest first
}

// Count is how many requests would have been judged differently in one way.
type Count struct {
	Kind     string
	Requests int
}

// Changed is a request that would have been judged differently.
type Changed struct {
	Number int64
	What   string // was asked for, e.g. "Delete cluster web"
	policy.Difference
}

// previewFor bounds the time of a preview: conditions may be many and costly.
const previewFor = 3 * time.Second

// Check reads a draft, compares it with the policy in force and tries it on the
// newest requests. Of a draft with faults it tells only those. It ends when ctx
// does.
func (s *Service) Check(ctx context.Context, a portal.Actor, text string) (Check, error) {
	if err := a.RequireAdmin(); err != nil {
		return Check{}, err
	}
	var c Check
	err := s.comparing(ctx, a, func() (err error) {
		draft, faults := policy.Parse([]byte(text))
		if len(faults) > 0 {
			c.Faults = faults
			return nil
		}
		draft.PlatformApprovers = s.PlatformApprovers
		c, err = s.try(ctx, draft)
		return err
	})
	return c, err
}

// try is Check of a draft that can be read.
func (s *Service) try(ctx context.Context, draft *policy.Policy) (Check, error) {
	consequences, err := s.compare(ctx, s.Pool, draft)
	if err != nil {
		return Check{}, err
	}
	requests, err := store.JudgedRequests(ctx, s.Pool, previewed)
	if err != nil {
		return Check{}, err
	}
	waiting, err := store.JudgedWaiting(ctx, s.Pool, mostWaiting)
	if err != nil {
		return Check{}, err
	}
	bounded, cancel := context.WithTimeout(ctx, previewFor)
	defer cancel()
	return Check{Consequences: consequences, Preview: preview(bounded, draft, requests), Outdated: outdated(bounded, draft, waiting)}, ctx.Err()
}

// outdated counts the requests that would no longer be as the policy asks. Of
// what there was no time for, nothing is said.
func outdated(ctx context.Context, draft *policy.Policy, requests []store.JudgedRequest) int {
	n := 0
	for _, r := range requests {
		if ctx.Err() != nil {
			break
		}
		in, ok := input(r)
		if !ok || policy.Stricter(r.Verdict, draft.Judge(in), in.Change.Operation) {
			n++
		}
	}
	return n
}

func preview(ctx context.Context, draft *policy.Policy, requests []store.JudgedRequest) Preview {
	p := Preview{}
	counts := map[string]int{}
	for _, r := range requests {
		if p.Cut = ctx.Err() != nil; p.Cut {
			break
		}
		p.Requests++
		in, ok := input(r)
		if !ok {
			p.Unknown++
			continue
		}
		if d, differs := policy.Differ(r.Verdict, draft.Judge(in)); differs {
			p.Changed = append(p.Changed, Changed{r.Number, strings.TrimSpace(in.Change.Operation.Title() + " " + in.Cluster.Name), d})
			counts[d.Kind]++
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		p.Counts = append(p.Counts, Count{kind, counts[kind]})
	}
	return p
}

// input is what a request was judged by, if that was kept and is still known.
func input(r store.JudgedRequest) (policy.Input, bool) {
	var in policy.Input
	ok := len(r.Input) > 0 && json.Unmarshal(r.Input, &in) == nil
	return in, ok && in.Change.Operation.Title() != ""
}

// versionsShown is how many versions a page of the history has.
const versionsShown = 20

// History lists versions of the policy, newest first, from below a version on;
// 0: from the newest. It returns the version that the next page goes on from, 0
// when there is none.
func (s *Service) History(ctx context.Context, before int) ([]portal.PolicyVersion, int, error) {
	list, err := store.Policies(ctx, s.Pool, before, versionsShown+1)
	if err != nil || len(list) <= versionsShown {
		return list, 0, err
	}
	return list[:versionsShown], list[versionsShown-1].Version, nil
}

// Text returns the policy in force and its version, for another to be made of
// it.
func (s *Service) Text(ctx context.Context) (text string, version int, err error) {
	version, err = store.PolicyInForce(ctx, s.Pool)
	if err != nil || version == 0 {
		return policy.BuiltInText, 1, err
	}
	kept, err := store.Policy(ctx, s.Pool, version)
	return kept.Text, version, err
}

// Proposed returns the version that waits for a decision and why it takes a
// second admin, or an error of KindNotFound.
func (s *Service) Proposed(ctx context.Context) (portal.PolicyVersion, []Consequence, error) {
	p, err := store.ProposedPolicy(ctx, s.Pool)
	if err != nil {
		return p, nil, err
	}
	consequences, err := s.consequencesOf(ctx, p)
	return p, consequences, err
}

// consequencesOf are those of the version that waits, worked out once in a while.
func (s *Service) consequencesOf(ctx context.Context, p portal.PolicyVersion) ([]Consequence, error) {
	inForce, err := store.PolicyInForce(ctx, s.Pool)
	if err != nil {
		return nil, err
	}
	if kept, ok := s.keptConsequences(p.Version, inForce); ok {
		return kept, nil
	}
	release, err := s.takeSlot(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	if kept, ok := s.keptConsequences(p.Version, inForce); ok { // by who had the slot before
		return kept, nil
	}
	draft, faults := policy.Parse([]byte(p.Text))
	if len(faults) > 0 {
		return []Consequence{{Effect: policy.Effect{Title: "It can no longer be read:"}, List: []string{faults[0].String()}}}, nil
	}
	draft.PlatformApprovers = s.PlatformApprovers
	consequences, err := s.compare(ctx, s.Pool, draft)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = waiting{version: p.Version, inForce: inForce, at: s.Now(), consequences: consequences}
	return consequences, nil
}

func (s *Service) keptConsequences(version, inForce int) ([]Consequence, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	age := s.Now().Sub(s.waiting.at)
	return s.waiting.consequences, s.waiting.version == version && s.waiting.inForce == inForce && 0 <= age && age < waitingKept
}

// Version returns a version and the lines in which it differs from the one
// before it, or an error of KindNotFound.
func (s *Service) Version(ctx context.Context, version int) (portal.PolicyVersion, []Line, error) {
	p, err := store.Policy(ctx, s.Pool, version)
	if err != nil {
		return p, nil, err
	}
	var before portal.PolicyVersion // of the first version there is none
	if version > 1 {
		if before, err = store.Policy(ctx, s.Pool, version-1); err != nil {
			return p, nil, err
		}
	}
	lines, err := Diff(before.Text, p.Text)
	return p, lines, err
}
