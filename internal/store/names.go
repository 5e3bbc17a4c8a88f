package store

import (
	"strings"

	"doksportal/internal/portal"
)

// States of requests that statements look for.
var (
	underWay = []portal.State{portal.Executing, portal.Settling, portal.Unknown}
	// open is what is not at an end and need not be planned again.
	open = append([]portal.State{portal.Pending, portal.Approved}, underWay...)
	// unended is what is not at an end.
	unended = append([]portal.State{portal.Stale}, open...)
	ended   = []portal.State{portal.Succeeded, portal.Failed}
)

// Operations by their risk. A secret is handed out, and collected by its requester.
var (
	secrets     = operationsOf(portal.RiskSecret)
	dangerous   = operationsOf(portal.RiskDangerous)
	destructive = operationsOf(portal.RiskDestructive)
	// harmless are those that change no cluster.
	harmless = append(operationsOf(portal.RiskDiagnostic), secrets...)
)

func operationsOf(risk portal.Risk) (list []portal.OperationID) {
	for _, o := range portal.Catalogue {
		if o.Risk == risk {
			list = append(list, o.ID)
		}
	}
	return list
}

// literals writes constants into SQL, as a list for IN. Only what the predicate
// of a partial index asks for is written so and not passed as an argument: in a
// plan that is to do for any argument the planner would not see that the index
// has what is looked for.
func literals[T ~string](constants ...T) string {
	list := make([]string, len(constants))
	for i, c := range constants {
		list[i] = "'" + string(c) + "'"
	}
	return "(" + strings.Join(list, ", ") + ")"
}
