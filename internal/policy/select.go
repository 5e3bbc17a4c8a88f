package policy

import (
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"doksportal/internal/portal"
)

// selectors reads which requests the rule speaks of.
func (r *reader) selectors(read *rule, m map[string]ast.Node) {
	before := len(r.faults)
	operations := r.chosen(m["operations"], "operations", func(word string) bool { return portal.OperationID(word).Title() != "" })
	levels := r.chosen(m["risks"], "risks", func(word string) bool { return slices.Contains(portal.Risks, portal.Risk(word)) })
	read.operations = map[portal.OperationID]bool{}
	for _, op := range portal.Operations() {
		named := slices.Contains(operations, string(op.ID))
		if (named || operations == nil && !op.ID.Named()) && (levels == nil || slices.Contains(levels, string(op.Risk))) {
			read.operations[op.ID] = true
		}
	}
	if len(read.operations) == 0 && len(r.faults) == before {
		r.fault(m["risks"], "None of the rule's operations has such a risk.")
	}
	read.teams = r.chosen(m["teams"], "teams", portal.IsSlug)
	for _, e := range r.chosen(m["environments"], "environments", func(word string) bool {
		return slices.Contains(portal.Environments, portal.Environment(word))
	}) {
		read.environments = append(read.environments, portal.Environment(e))
	}
}

// chosen reads a list of what a rule speaks of; nil when it has none.
func (r *reader) chosen(n ast.Node, of string, known func(string) bool) []string {
	if n == nil {
		return nil
	}
	return r.words(n, of, func(n ast.Node, word string) {
		if !known(word) {
			r.fault(n, "There is no such thing as “%s” among the %s%s.", word, of, hint(of))
		}
	})
}

// hint lists what there is, where that is short.
func hint(of string) string {
	var list []string
	switch of {
	case "risks":
		for _, risk := range portal.Risks {
			list = append(list, string(risk))
		}
	case "environments":
		for _, e := range portal.Environments {
			list = append(list, string(e))
		}
	case "teams":
		return "; write the short name of a team"
	default:
		return "; the page Catalogue lists them"
	}
	return "; choose from " + strings.Join(list, ", ")
}

// cell is a kind of request that selectors tell apart, the team aside.
type cell struct {
	operation   portal.OperationID
	environment portal.Environment
}

// covered says for which teams rules without condition have settled a cell.
type covered struct {
	all   bool
	teams map[string]bool
}

type coverage map[cell]covered

// checkReach notes a fault when the rules before leave nothing to a rule, and
// adds the rule to what is covered.
func (r *reader) checkReach(n ast.Node, read *rule, seen coverage) {
	reached := false
	for op := range read.operations {
		for _, e := range portal.Environments {
			if len(read.environments) > 0 && !slices.Contains(read.environments, e) {
				continue
			}
			reached = seen.add(cell{op, e}, read) || reached
		}
	}
	if !reached {
		r.fault(n, "This rule never matches: the rules before it, which have no condition, cover everything that it covers.")
	}
}

// add reports whether a rule reaches a cell, and then covers it unless the rule
// has a condition.
func (c coverage) add(at cell, read *rule) bool {
	before := c[at]
	isLeft := func(team string) bool { return !before.teams[team] }
	reached := !before.all && (len(read.teams) == 0 || slices.ContainsFunc(read.teams, isLeft))
	if read.when != nil || !reached {
		return reached
	}
	if before.teams == nil {
		before.teams = map[string]bool{}
	}
	before.all = len(read.teams) == 0
	for _, team := range read.teams {
		before.teams[team] = true
	}
	c[at] = before
	return true
}
