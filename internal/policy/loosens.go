package policy

import (
	"fmt"
	"slices"
	"strings"

	"doksportal/internal/portal"
)

// Loosens says in plain words what the new policy makes easier than the old
// one. It is empty only when nothing can be easier. It knows nothing of what
// conditions say: it takes each for something that may be true, false or not to
// be evaluated, whatever the others are, so it may name what never happens.
func Loosens(old, now *Policy) []string {
	var list []string
	if old.PlatformApprovers != now.PlatformApprovers {
		list = append(list, fmt.Sprintf("Platform approvers are the members of “%s” instead of “%s”.", now.PlatformApprovers, old.PlatformApprovers))
	}
	c := comparison{left: maxOutcomes, known: map[string][]string{}, found: findings{}}
	teams := append(teamsOf(old, now), "")
	for _, op := range portal.Catalogue {
		for _, e := range portal.Environments {
			for _, team := range teams {
				c.compare(old, now, op.ID, e, team)
			}
		}
	}
	list = append(list, c.found.sentences(len(teams) > 1)...)
	if c.left < 0 {
		list = append(list, "The conditions are too many to compare, so it cannot be shown that nothing becomes easier.")
	}
	return list
}

// maxOutcomes bounds the work of a comparison.
const maxOutcomes = 50_000

// teamsOf lists the teams that either policy names.
func teamsOf(policies ...*Policy) []string {
	var teams []string
	for _, p := range policies {
		for _, r := range p.rules {
			teams = append(teams, r.teams...)
		}
	}
	slices.Sort(teams)
	return slices.Compact(teams)
}

// comparison compares two policies, one kind of request after the other.
type comparison struct {
	left  int                 // outcomes that may still be looked at; negative when there were too many
	known map[string][]string // what differs between two lists of rules
	found findings
}

// compare notes what becomes easier for requests of one kind.
func (c *comparison) compare(old, now *Policy, op portal.OperationID, e portal.Environment, team string) {
	before, after := old.selected(op, e, team), now.selected(op, e, team)
	secret := op.Risk() == portal.RiskSecret
	key := fmt.Sprint(before, after, secret)
	differences, ok := c.known[key]
	if !ok {
		w := walk{before: before, after: after, secret: secret, given: map[string]answer{}, left: &c.left}
		w.explore()
		differences = w.differences
		c.known[key] = differences
	}
	for _, what := range differences {
		c.found.add(what, op, e, team)
	}
}

// selected are the rules that speak of such requests, up to the first that has
// no condition.
func (p *Policy) selected(op portal.OperationID, e portal.Environment, team string) []*rule {
	var list []*rule
	for i := range p.rules {
		r := &p.rules[i]
		if !r.selects(op, e, team) {
			continue
		}
		list = append(list, r)
		if r.when == nil {
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
	before, after []*rule
	secret        bool // the requests are for access
	given         map[string]answer
	left          *int
	differences   []string
}

// explore decides the next condition that matters in every way, until both
// lists give a verdict.
func (w *walk) explore() {
	if *w.left < 0 {
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
	for _, what := range easier(old, now, w.secret) {
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
		if r.when == nil {
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

// findings keep what becomes easier, and for which requests.
type findings map[string][]kindOf

// kindOf is a kind of request.
type kindOf struct {
	operation   portal.OperationID
	environment portal.Environment
	team        string // empty: any that no rule names
}

func (f findings) add(what string, op portal.OperationID, e portal.Environment, team string) {
	f[what] = append(f[what], kindOf{op, e, team})
}

// sentences say what becomes easier, those that concern most first.
func (f findings) sentences(named bool) []string {
	var list []string
	for what, kinds := range f {
		for where, operations := range byPlace(kinds, named) {
			list = append(list, strings.Join(titles(operations), ", ")+where+": "+what+".")
		}
	}
	slices.Sort(list)
	return list
}

// byPlace groups operations by the environments and teams for which they are
// found.
func byPlace(kinds []kindOf, named bool) map[string][]portal.OperationID {
	places := map[portal.OperationID][]string{}
	var order []portal.OperationID
	for _, k := range kinds {
		if places[k.operation] == nil {
			order = append(order, k.operation)
		}
		place := string(k.environment)
		if named {
			place += " of " + orOther(k.team)
		}
		places[k.operation] = append(places[k.operation], place)
	}
	groups := map[string][]portal.OperationID{}
	for _, op := range order {
		where := " in " + strings.Join(places[op], ", ")
		groups[where] = append(groups[where], op)
	}
	return groups
}

func orOther(team string) string {
	if team == "" {
		return "other teams"
	}
	return "team " + team
}

func titles(operations []portal.OperationID) []string {
	list := make([]string, len(operations))
	for i, op := range operations {
		list[i] = op.Title()
	}
	if len(list) == len(portal.Catalogue) {
		return []string{"Every operation"}
	}
	return list
}
