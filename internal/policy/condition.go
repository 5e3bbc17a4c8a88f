package policy

import (
	"errors"
	"reflect"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/ext"
)

// Bounds of a condition, so that neither reading nor evaluating one takes long.
const (
	maxCondition = 4 << 10 // characters
	maxCost      = 20_000  // in CEL's own measure, about one per operator
	maxDepth     = 50
	maxNesting   = 8   // of lists, maps and macros like exists within one another, on whose types CEL spends long
	matchStates  = 100 // of a pattern, times characters that it is held against, that cost one
)

// condition is a CEL expression that is true or false.
type condition struct {
	text     string
	program  cel.Program
	refers   []string // to which members of the input
	constant *bool    // what it comes to whatever is asked for; nil when that matters
}

// always reports whether the condition holds for every request. A nil one does.
func (c *condition) always() bool { return c == nil || c.constant != nil && *c.constant }

// never reports whether the condition holds for no request.
func (c *condition) never() bool { return c != nil && c.constant != nil && !*c.constant }

// environment declares the variables of conditions, one for each member of
// Input.
var environment = sync.OnceValues(func() (*cel.Env, error) {
	input := reflect.TypeFor[Input]()
	declarations := []any{ext.ParseStructTag("json")}
	var variables []cel.EnvOption
	for i := range input.NumField() {
		f := input.Field(i)
		declarations = append(declarations, f.Type)
		variables = append(variables, cel.Variable(f.Tag.Get("json"), cel.ObjectType(f.Type.String())))
	}
	options := []cel.EnvOption{ext.NativeTypes(declarations...), cel.CrossTypeNumericComparisons(true),
		cel.ParserExpressionSizeLimit(maxCondition), cel.ParserRecursionLimit(maxDepth)}
	return cel.NewEnv(append(options, variables...)...)
})

// holds evaluates the condition. A nil one always holds.
func (c *condition) holds(in *Input) (bool, error) {
	if c == nil {
		return true, nil
	}
	value, _, err := c.program.Eval(variables{in})
	if err != nil {
		return false, err
	}
	b, ok := value.(types.Bool)
	if !ok {
		return false, errors.New("it is neither true nor false")
	}
	return bool(b), nil
}

// variables gives a condition the members of the input.
type variables struct{ *Input }

// ResolveName returns the variable of that name.
func (v variables) ResolveName(name string) (any, bool) {
	switch name {
	case "actor":
		return &v.Actor, true
	case "team":
		return &v.Team, true
	case "cluster":
		return &v.Cluster, true
	case "change":
		return &v.Change, true
	case "quota":
		return &v.Quota, true
	case "cost":
		return &v.Cost, true
	case "blast":
		return &v.Blast, true
	}
	return nil, false
}

// Parent returns nil: there are no other variables.
func (v variables) Parent() cel.Activation { return nil }
