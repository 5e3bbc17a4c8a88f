package policy

import (
	"fmt"
	"regexp/syntax"

	"cel.dev/cel-go/common"
	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
)

// Bounds of a pattern. CEL's cost limit counts neither the compilation of a
// pattern nor how large it becomes.
const (
	maxPattern = 200   // characters
	maxStates  = 2_000 // of the compiled pattern, about one per character that it can match
)

// checkPatterns says what is wrong with the patterns of a condition. They are
// constants, so that each is compiled once, when the policy is read.
func checkPatterns(checked *celast.AST) []*common.Error {
	var errs []*common.Error
	for _, call := range celast.MatchDescendants(celast.NavigateAST(checked), celast.FunctionMatcher(overloads.Matches)) {
		args := call.AsCall().Args()
		pattern := args[len(args)-1] // of text.matches(pattern) and of matches(text, pattern)
		if why := wrongPattern(pattern); why != "" {
			errs = append(errs, &common.Error{Location: checked.SourceInfo().GetStartLocation(pattern.ID()), Message: why, ExprID: pattern.ID()})
		}
	}
	return errs
}

// wrongPattern says why an expression is no pattern, empty when it is one.
func wrongPattern(e celast.Expr) string {
	if e.Kind() != celast.LiteralKind {
		return "A pattern is a text in quotes"
	}
	text, ok := e.AsLiteral().(types.String)
	if !ok {
		return "A pattern is a text in quotes"
	}
	if n := len([]rune(string(text))); n > maxPattern {
		return fmt.Sprintf("A pattern has at most %d characters; this one has %d", maxPattern, n)
	}
	parsed, err := syntax.Parse(string(text), syntax.Perl)
	if err != nil {
		return fmt.Sprintf("This is no pattern: %v", err)
	}
	if states(parsed) > maxStates {
		return fmt.Sprintf("This pattern repeats too much: written out it would have more than %d parts", maxStates)
	}
	return ""
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
