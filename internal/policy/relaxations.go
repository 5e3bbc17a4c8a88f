package policy

import (
	"context"
	"fmt"
	"slices"

	"doksportal/internal/portal"
)

// Relaxations says in plain words what the new policy makes easier than the old
// one. It is empty only when nothing can be easier. It knows nothing of what
// conditions say: it takes each for something that may be true, false or not to
// be evaluated, whatever the others are, so it may name what never happens. What
// it could not compare, because it was too much or because ctx has ended, it says
// too.
func Relaxations(ctx context.Context, old, now *Policy) []string {
	var list []string
	if old.PlatformApprovers != now.PlatformApprovers {
		list = append(list, fmt.Sprintf("Platform approvers are the members of “%s” instead of “%s”.", now.PlatformApprovers, old.PlatformApprovers))
	}
	return append(list, compare(ctx, old, now, relaxations, "nothing becomes easier")...)
}

// compare says in what two policies differ, for every outcome of their
// conditions. unshown is what cannot be shown where they are too many.
func compare(ctx context.Context, old, now *Policy, differ func(old, now *rule, k kind) []string, unshown string) []string {
	c := comparison{differ: differ, left: maxOutcomes, known: map[string][]string{}, found: findings{}}
	return c.run(ctx, old, now, unshown)
}

// run compares all kinds of requests.
func (c *comparison) run(ctx context.Context, old, now *Policy, unshown string) []string {
	sets, whole := eachKind(ctx, []*Policy{old, now}, func(op portal.OperationID, e portal.Environment, teams teamSet) {
		c.compare(ctx, old, now, op, e, teams)
	})
	list := c.found.sentences(sets > 1)
	switch {
	case c.left < 0:
		list = append(list, "The conditions are too many to compare, so it cannot be shown that "+unshown+".")
	case !whole:
		list = append(list, "The teams are too many to compare, so it cannot be shown that "+unshown+".")
	}
	return list
}

// maxOutcomes bounds the work of a comparison, of which a new version takes
// several.
const maxOutcomes = 12_000

// kind is what a comparison knows of the requests for which two rules match.
type kind struct {
	secret    bool // they are for access
	quota     bool // they are for a larger quota
	lease     bool // they may leave a cluster with a lease
	account   bool // they concern the whole account, and are no team's
	dangerous bool
	teams     teamSet
}

// kindFor is the kind of requests for an operation, whichever team's they are.
func kindFor(op portal.OperationID) kind {
	return kind{secret: op.Risk() == portal.RiskSecret, quota: op == portal.RaiseQuota, lease: op == portal.CreateCluster || op == portal.ExtendLease, account: op.Risk() == portal.RiskAccount, dangerous: op.Risk() == portal.RiskDangerous}
}

// comparison compares two policies, one kind of request after the other.
type comparison struct {
	differ func(old, now *rule, k kind) []string // what differs between two rules that match
	byTeam bool                                  // and for which teams
	left   int                                   // outcomes that may still be looked at; negative when there were too many
	known  map[string][]string                   // what differs between two lists of rules
	found  findings
}

// compare notes what differs for requests of one kind.
func (c *comparison) compare(ctx context.Context, old, now *Policy, op portal.OperationID, e portal.Environment, teams teamSet) {
	before, after := old.selected(op, e, teams.slug), now.selected(op, e, teams.slug)
	k := kindFor(op)
	k.teams = teams
	key := fmt.Sprint(before, after, k.secret, k.quota, k.lease, k.account, k.dangerous)
	if c.byTeam {
		key += " " + teams.slug
	}
	differences, ok := c.known[key]
	if !ok {
		w := walk{ctx: ctx, seen: map[[2]*rule]bool{}, differ: c.differ, before: before, after: after, kind: k, given: map[string]answer{}, left: &c.left}
		if w.explore(); ctx.Err() != nil {
			c.left = -1 // not all outcomes were looked at
		}
		differences = w.differences
		c.known[key] = differences
	}
	for _, what := range differences {
		c.found.add(what, op, e, teams)
	}
}

// selected are the rules that speak of such requests, up to the first that
// matches all of them.
func (p *Policy) selected(op portal.OperationID, e portal.Environment, team string) []*rule {
	var list []*rule
	for i := range p.rules {
		r := &p.rules[i]
		if !r.selects(op, e, team) || r.when.never() {
			continue
		}
		list = append(list, r)
		if r.when.always() {
			break
		}
	}
	return list
}

// answer is what a condition may come to.
type answer int

const (
	holds  answer = iota + 1
	fails         // is false
	breaks        // cannot be evaluated
)

// walk goes through everything that the conditions of two lists of rules may
// come to.
type walk struct {
	ctx           context.Context
	seen          map[[2]*rule]bool // pairs of rules that have been compared
	differ        func(old, now *rule, k kind) []string
	before, after []*rule
	kind          kind
	given         map[string]answer
	left          *int
	differences   []string
}

// explore decides the next condition that matters in every way, until both
// lists give a verdict.
func (w *walk) explore() {
	if *w.left < 0 || w.ctx.Err() != nil {
		return
	}
	old, open := first(w.before, w.given)
	if open != "" {
		w.branch(open)
		return
	}
	now, open := first(w.after, w.given)
	if open != "" {
		w.branch(open)
		return
	}
	*w.left--
	pair := [2]*rule{old, now}
	if w.seen[pair] {
		return
	}
	w.seen[pair] = true
	for _, what := range w.differ(old, now, w.kind) {
		if !slices.Contains(w.differences, what) {
			w.differences = append(w.differences, what)
		}
	}
}

func (w *walk) branch(condition string) {
	for _, a := range []answer{holds, fails, breaks} {
		w.given[condition] = a
		w.explore()
	}
	delete(w.given, condition)
}

// first returns the rule that matches, nil when none does, or the condition
// that this hangs on.
func first(rules []*rule, given map[string]answer) (*rule, string) {
	for _, r := range rules {
		if r.when.always() {
			return r, ""
		}
		switch given[r.when.text] {
		case holds:
			return r, ""
		case breaks:
			return &rule{name: r.name}, ""
		case fails:
		default:
			return nil, r.when.text
		}
	}
	return nil, ""
}
