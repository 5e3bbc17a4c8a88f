package policy

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"doksportal/internal/portal"
)

// Bounds of what is said of teams, and of how many are told apart.
const (
	maxTeamSets = 200
	maxCalled   = 5
)

// teamSet is a set of teams that are named by the same rules, so that policies
// say the same of all of them.
type teamSet struct {
	slug   string   // of one of them; empty: teams that no rule names
	called []string // the teams in words
	has    func(slug string) bool
}

// teamSets tells apart the teams that the policies name, whether there are such
// teams or not: who makes one later loosens nothing.
func teamSets(policies ...*Policy) []teamSet {
	rules := map[string][]int{} // by which each team is named
	n := 0
	for _, p := range policies {
		for _, r := range p.rules {
			for _, team := range r.teams {
				rules[team] = append(rules[team], n)
			}
			n++
		}
	}
	same := map[string][]string{}
	for _, team := range slices.Sorted(maps.Keys(rules)) {
		key := fmt.Sprint(rules[team])
		same[key] = append(same[key], team)
	}
	var sets []teamSet
	for _, teams := range same {
		sets = append(sets, teamSet{teams[0], called(teams), func(slug string) bool { return slices.Contains(teams, slug) }})
	}
	slices.SortFunc(sets, func(a, b teamSet) int { return cmp.Compare(a.slug, b.slug) })
	return append(sets, teamSet{called: []string{"other teams"}, has: func(slug string) bool { return rules[slug] == nil }})
}

// called names the first teams of a set and counts the rest.
func called(teams []string) []string {
	var list []string
	for _, team := range teams[:min(len(teams), maxCalled)] {
		list = append(list, "team "+team)
	}
	if more := len(teams) - maxCalled; more > 0 {
		list = append(list, fmt.Sprintf("%d more like them", more))
	}
	return list
}

// eachKind calls do for each kind of request that the policies may tell apart,
// their conditions aside. It returns how many sets of teams there are, and
// whether it went through all: it does not when they are too many, and ends when
// ctx does.
func eachKind(ctx context.Context, policies []*Policy, do func(portal.OperationID, portal.Environment, teamSet)) (sets int, whole bool) {
	teams := teamSets(policies...)
	if len(teams) > maxTeamSets {
		return len(teams), false
	}
	for _, op := range portal.Operations() {
		for _, e := range portal.Environments {
			for _, set := range teams {
				if ctx.Err() != nil {
					return len(teams), false
				}
				do(op.ID, e, set)
			}
		}
	}
	return len(teams), true
}

// findings keep what becomes easier, and for which requests.
type findings map[string][]kindOf

// kindOf is a kind of request.
type kindOf struct {
	operation   portal.OperationID
	environment portal.Environment
	teams       string // whose they are, in words
}

func (f findings) add(what string, op portal.OperationID, e portal.Environment, teams teamSet) {
	for _, called := range teams.called {
		f[what] = append(f[what], kindOf{op, e, called})
	}
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
			place += " of " + k.teams
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

func titles(operations []portal.OperationID) []string {
	list := make([]string, len(operations))
	for i, op := range operations {
		list[i] = op.Title()
	}
	if every := len(portal.Catalogue); len(operations) >= every && !slices.ContainsFunc(portal.Catalogue, func(op portal.Operation) bool { return !slices.Contains(operations, op.ID) }) {
		return append([]string{"Every operation"}, list[every:]...)
	}
	return list
}
