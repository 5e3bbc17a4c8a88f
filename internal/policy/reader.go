package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"

	"doksportal/internal/portal"
)

// Fault is something wrong with the text of a policy. Lines and columns count
// from 1.
type Fault struct {
	Line    int
	Column  int
	Rule    string // the name of the rule that it is in; empty outside of rules
	Message string
}

// String says where the fault is, and which.
func (f Fault) String() string {
	where := fmt.Sprintf("line %d, column %d", f.Line, f.Column)
	if f.Rule != "" {
		where += fmt.Sprintf(", rule “%s”", f.Rule)
	}
	return where + ": " + f.Message
}

// reader reads the text of a policy and notes all that is wrong with it.
type reader struct {
	text   []rune
	lines  []int  // where each line starts
	rule   string // the one that is being read
	states int    // of the patterns that were read
	faults []Fault

	groups     map[string]bool // of the identity provider, that it names
	manyGroups bool            // that has been told
}

func newReader(text []rune) *reader {
	r := &reader{text: text, lines: []int{0}}
	for i, c := range text {
		if c == '\n' {
			r.lines = append(r.lines, i+1)
		}
	}
	return r
}

// faultAt notes a fault at a place of the text.
func (r *reader) faultAt(line, column int, format string, args ...any) {
	r.faults = append(r.faults, Fault{Line: min(max(line, 1), len(r.lines)), Column: max(column, 1), Rule: r.rule, Message: fmt.Sprintf(format, args...)})
}

// fault notes a fault where a part of the policy begins.
func (r *reader) fault(n ast.Node, format string, args ...any) {
	line, column := start(n)
	r.faultAt(line, column, format, args...)
}

// sorted returns the faults in the order of the text.
func (r *reader) sorted() []Fault {
	slices.SortStableFunc(r.faults, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return r.faults[:min(len(r.faults), maxFaults)]
}

// start is where a part of the policy begins.
func start(n ast.Node) (line, column int) {
	token := n.GetToken()
	switch n := n.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return start(n.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return start(n.Key)
	}
	if token == nil || token.Position == nil {
		return 1, 1
	}
	return token.Position.Line, token.Position.Column
}

// members returns the values of a mapping by their keys, which are among those
// that are known.
func (r *reader) members(n ast.Node, known ...string) map[string]ast.Node {
	values := map[string]ast.Node{}
	for _, pair := range r.pairs(n, known) {
		key := pair.Key.GetToken().Value
		switch {
		case !slices.Contains(known, key):
			r.fault(pair.Key, "There is no key “%s” here; choose from %s.", key, strings.Join(known, ", "))
		case values[key] != nil:
			r.fault(pair.Key, "“%s” is here twice.", key)
		default:
			values[key] = pair.Value
		}
	}
	return values
}

func (r *reader) pairs(n ast.Node, known []string) []*ast.MappingValueNode {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	}
	r.unexpected(n, "keys with values, of "+strings.Join(known, ", "))
	return nil
}

// list returns the parts of a list.
func (r *reader) list(n ast.Node, of string) []ast.Node {
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		r.unexpected(n, "a list of "+of+", like [a, b]")
		return nil
	}
	if len(s.Values) == 0 {
		r.fault(n, "This list of %s is empty; leave it out instead.", of)
	}
	return s.Values
}

// word returns a single value of one line. It notes a fault and returns false when
// there is none.
func (r *reader) word(n ast.Node, what string) (string, bool) {
	value, ok := r.passage(n, what)
	if ok && strings.Contains(strings.TrimRight(value, "\n"), "\n") {
		r.fault(n, "This has several lines; write it in one.")
		return "", false
	}
	return value, ok
}

// passage returns a single value as it was written. What YAML writes as an escape must
// be seen, too. It notes a fault and returns false when there is none.
func (r *reader) passage(n ast.Node, what string) (string, bool) {
	value, ok := r.value(n, what)
	if i := strings.IndexFunc(value, unseen); i >= 0 {
		hidden, _ := utf8.DecodeRuneInString(value[i:])
		r.fault(n, "This has a character that cannot be seen (U+%04X); delete it.", hidden)
		return "", false
	}
	return value, ok
}

func (r *reader) value(n ast.Node, what string) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, true
	}
	r.unexpected(n, what)
	return "", false
}

// words returns a list of single values, each once.
func (r *reader) words(n ast.Node, of string, check func(n ast.Node, word string)) []string {
	var list []string
	for _, part := range r.list(n, of) {
		word, ok := r.word(part, "one of the "+of)
		switch {
		case !ok:
		case slices.Contains(list, word):
			r.fault(part, "“%s” is in this list twice.", word)
		default:
			list = append(list, word)
			check(part, word)
		}
	}
	return list
}

// yes reads true or false, which ok says that it is.
func (r *reader) yes(n ast.Node) (value, ok bool) {
	word, ok := r.word(n, "true or false")
	if ok && word != "true" && word != "false" {
		r.fault(n, "This is true or false, not “%s”.", word)
		ok = false
	}
	return word == "true", ok
}

// number reads a whole number.
func (r *reader) number(n ast.Node, least, most int) int {
	word, ok := r.word(n, "a number")
	number, isNumber := portal.ParseNumber(word, least, most)
	if ok && !isNumber {
		r.fault(n, "This is a whole number from %d to %d, not “%s”.", least, most, word)
		return least
	}
	return number
}

// unexpected says what should be in n's place.
func (r *reader) unexpected(n ast.Node, wanted string) {
	_, missing := n.(*ast.NullNode)
	switch r.firstOf(n) {
	case '!':
		r.fault(n, "What starts with “!” must be in quotes.")
	case '&', '*', '<':
		r.fault(n, "A policy cannot refer to other parts of itself: put what starts with “&” or “*” in quotes.")
	default:
		if missing {
			r.fault(n, "Something is missing here: %s.", wanted)
			return
		}
		r.fault(n, "This should be %s.", wanted)
	}
}

// firstOf is the character that a part of the policy begins with.
func (r *reader) firstOf(n ast.Node) rune {
	if i := r.index(start(n)); i < len(r.text) {
		return r.text[i]
	}
	return 0
}
