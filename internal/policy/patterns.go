package policy

import (
	"fmt"
	"regexp/syntax"
	"unicode/utf8"

	"cel.dev/cel-go/common"
	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// Bounds of patterns. CEL's cost limit counts neither the compilation of a
// pattern nor how large it becomes.
const (
	maxPattern   = 200    // characters
	maxStates    = 2_000  // of the compiled pattern, about one per character that it can match
	maxAllStates = 20_000 // of all patterns of a policy
)

// patternSizes are the states of a condition's patterns, by their text.
type patternSizes map[string]int

// CallCost is what a match costs: the steps that it takes at worst, which grow
// with the pattern as it is written out. CEL counts the pattern as it is typed.
func (s patternSizes) CallCost(function, _ string, args []ref.Val, _ ref.Val) *uint64 {
	if function != overloads.Matches || len(args) != 2 {
		return nil
	}
	text, _ := args[0].Value().(string)
	pattern, _ := args[1].Value().(string)
	steps := uint64((len(text) + 1) * max(1, s[pattern]))
	cost := 1 + steps/matchStates
	return &cost
}

func (s patternSizes) total() int {
	sum := 0
	for _, states := range s {
		sum += states
	}
	return sum
}

// checkPatterns measures the patterns of a condition and says what is wrong with
// them. They are constants, so that each is compiled once, when the policy is
// read.
func checkPatterns(checked *celast.AST) (patternSizes, []*common.Error) {
	sizes := patternSizes{}
	var errs []*common.Error
	for _, call := range celast.MatchDescendants(celast.NavigateAST(checked), celast.FunctionMatcher(overloads.Matches)) {
		args := call.AsCall().Args()
		pattern := args[len(args)-1] // of text.matches(pattern) and of matches(text, pattern)
		text, size, why := readPattern(pattern)
		if sizes[text] = size; why != "" {
			errs = append(errs, &common.Error{Location: checked.SourceInfo().GetStartLocation(pattern.ID()), Message: why, ExprID: pattern.ID()})
		}
	}
	return sizes, errs
}

// readPattern returns a pattern and its states, or says why an expression is
// none.
func readPattern(e celast.Expr) (text string, size int, why string) {
	if e.Kind() != celast.LiteralKind {
		return "", 0, "A pattern is a text in quotes"
	}
	literal, ok := e.AsLiteral().(types.String)
	if !ok {
		return "", 0, "A pattern is a text in quotes"
	}
	text = string(literal)
	if n := utf8.RuneCountInString(text); n > maxPattern {
		return text, 0, fmt.Sprintf("A pattern has at most %d characters; this one has %d", maxPattern, n)
	}
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return text, 0, fmt.Sprintf("This is no pattern: %v", err)
	}
	if size = states(parsed); size > maxStates {
		return text, size, fmt.Sprintf("This pattern repeats too much: written out it would have more than %d parts", maxStates)
	}
	return text, size, ""
}

// states is about how large a pattern becomes when its repetitions are written
// out, which compiling does.
func states(re *syntax.Regexp) int {
	n := max(1, len(re.Rune))
	for _, sub := range re.Sub {
		n += states(sub)
	}
	if re.Op == syntax.OpRepeat {
		n *= max(1, re.Min, re.Max)
	}
	return min(n, 2*maxStates) // nested repetitions must not overflow
}
