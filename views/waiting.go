package views

import (
	"context"
	"strings"

	"doksportal/internal/portal"
)

// waitsFor says whom or what a request waits for, empty when it has ended. People
// are named where they are known.
func waitsFor(ctx context.Context, r portal.Request, people []portal.Approver) string {
	switch r.State {
	case portal.Pending:
		rules := r.Outstanding()
		texts := make([]string, len(rules))
		for i, n := range rules {
			texts[i] = n.Describe(labelsOf(ctx)) + namesText(r.CanGive(n, people))
		}
		return strings.Join(texts, " and ")
	case portal.Approved:
		if r.Operation.Risk() == portal.RiskSecret {
			return r.Requester.Name + " to collect it"
		}
		if r.Operation.Own() {
			return "the portal to raise it"
		}
		return "its turn to run"
	case portal.Stale:
		return r.Requester.Name + " to plan it again"
	case portal.Executing, portal.Settling:
		return "DigitalOcean"
	case portal.Unknown:
		return "the portal to find out what came of it"
	}
	return ""
}

// namesText names some of the people, in brackets.
func namesText(people []portal.Approver) string {
	const most = 3
	if len(people) == 0 {
		return ""
	}
	var names []string
	for i, p := range people {
		if i == most {
			names = append(names, "…")
			break
		}
		names = append(names, p.Title())
	}
	return " (" + strings.Join(names, ", ") + ")"
}

// Approvals says which approvals a request waits for.
func Approvals(ctx context.Context, r portal.Request) string { return waitsFor(ctx, r, nil) }
