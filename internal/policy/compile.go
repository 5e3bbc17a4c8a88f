package policy

import (
	"fmt"
	"regexp"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
	celast "cel.dev/cel-go/common/ast"
	"github.com/goccy/go-yaml/ast"
)

// condition reads and compiles a condition.
func (r *reader) condition(n ast.Node) *condition {
	text, ok := r.passage(n, "a condition like change.nodes > 3")
	if !ok {
		return nil
	}
	if len(text) > maxCondition || strings.TrimSpace(text) == "" {
		r.fault(n, "A condition has 1 to %d characters.", maxCondition)
		return nil
	}
	env, err := environment()
	if err != nil {
		r.fault(n, "Conditions cannot be read: %s.", err)
		return nil
	}
	parsed, issues := env.Parse(text)
	if issues.Err() != nil {
		r.conditionFaults(n, text, issues.Errors())
		return nil
	}
	if errs := checkNesting(parsed.NativeRep()); len(errs) > 0 {
		r.conditionFaults(n, text, errs)
		return nil
	}
	checked, issues := env.Check(parsed)
	if issues.Err() != nil {
		r.conditionFaults(n, text, issues.Errors())
		return nil
	}
	if !checked.OutputType().IsExactType(cel.BoolType) {
		r.fault(n, "A condition is true or false; this one is of type %s.", plainTypes(checked.OutputType().String()))
		return nil
	}
	sizes, errs := checkPatterns(checked.NativeRep())
	if len(errs) > 0 {
		r.conditionFaults(n, text, errs)
		return nil
	}
	if r.states += sizes.total(); r.states > maxAllStates {
		r.fault(n, "The patterns of this policy repeat too much: written out, those up to here would have more than %d parts together.", maxAllStates)
		return nil
	}
	program, err := env.Program(checked, cel.CostLimit(maxCost), cel.CostTracking(sizes), cel.EvalOptions(cel.OptOptimize)) // which compiles patterns
	if err != nil {
		r.fault(n, "This condition cannot be used: %s.", err)
		return nil
	}
	c := &condition{text: strings.TrimSpace(text), program: program, refers: refersTo(checked.NativeRep())}
	if !speaksOfRequest(checked.NativeRep()) {
		if holds, err := c.holds(&Input{}); err == nil {
			c.constant = &holds
		}
	}
	return c
}

// checkNesting refuses lists, maps and macros that are too deep in one another,
// before CEL works out their types.
func checkNesting(parsed *celast.AST) []*common.Error {
	id, deep := tooDeep(celast.NavigateAST(parsed), 0)
	if !deep {
		return nil
	}
	return []*common.Error{{
		ExprID: id, Location: parsed.SourceInfo().GetStartLocation(id),
		Message: fmt.Sprintf("Lists, maps and macros are at most %d deep within one another", maxNesting),
	}}
}

// tooDeep returns the first part of an expression that is too deep within others.
func tooDeep(e celast.NavigableExpr, around int) (id int64, deep bool) {
	switch e.Kind() {
	case celast.ListKind, celast.MapKind, celast.StructKind, celast.ComprehensionKind:
		around++
	}
	if around > maxNesting {
		return e.ID(), true
	}
	for _, part := range e.Children() {
		if id, deep := tooDeep(part, around); deep {
			return id, true
		}
	}
	return 0, false
}

// speaksOfRequest reports whether a condition names any of the variables.
func speaksOfRequest(checked *celast.AST) bool {
	return len(celast.MatchDescendants(celast.NavigateAST(checked), func(e celast.NavigableExpr) bool {
		if e.Kind() != celast.IdentKind {
			return false
		}
		_, is := variables{&Input{}}.ResolveName(e.AsIdent())
		return is
	})) > 0
}

// refersTo are the members of variables that a condition names.
func refersTo(checked *celast.AST) []string {
	var list []string
	for _, e := range celast.MatchDescendants(celast.NavigateAST(checked), celast.KindMatcher(celast.SelectKind)) {
		if of := e.AsSelect().Operand(); of.Kind() == celast.IdentKind {
			list = append(list, of.AsIdent()+"."+e.AsSelect().FieldName())
		}
	}
	return list
}

// conditionFaults notes what is wrong with a condition, where it was typed.
func (r *reader) conditionFaults(n ast.Node, text string, errs []*common.Error) {
	value := []rune(text)
	in := newReader(value)
	for _, e := range errs {
		line, column := r.place(n, value, in.index(e.Location.Line(), e.Location.Column()+1))
		r.faultAt(line, column, "%s", plain(e.Message))
	}
}

var (
	noField    = regexp.MustCompile(`^undefined field '([^']*)'`)
	noName     = regexp.MustCompile(`^undeclared reference to '([^']*)'`)
	noOverload = regexp.MustCompile(`^found no matching overload for '([^']*)' applied to '(.*)'$`)
	typeName   = regexp.MustCompile(`\bpolicy\.([A-Z])(\w*)`)
)

// plain says in plain words what CEL says of a condition.
func plain(message string) string {
	if m := noField.FindStringSubmatch(message); m != nil {
		return fmt.Sprintf("There is nothing called “%s” here.", m[1])
	}
	if m := noName.FindStringSubmatch(message); m != nil {
		return fmt.Sprintf("There is nothing called “%s”; conditions speak of actor, team, cluster, change, quota, cost and blast.", m[1])
	}
	if m := noOverload.FindStringSubmatch(message); m != nil {
		return fmt.Sprintf("“%s” cannot be used with %s.", strings.Trim(m[1], "_@"), plainTypes(strings.Trim(m[2], "()")))
	}
	if rest, ok := strings.CutPrefix(message, "Syntax error: "); ok {
		rest, _, _ = strings.Cut(rest, " expecting")
		return fmt.Sprintf("The condition cannot be read from here on: %s.", strings.ReplaceAll(rest, "'<EOF>'", "its end"))
	}
	return message + "."
}

// plainTypes names types as conditions write their variables.
func plainTypes(types string) string {
	return typeName.ReplaceAllStringFunc(types, func(s string) string { return strings.ToLower(strings.TrimPrefix(s, "policy.")) })
}
