package web

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"doksportal/internal/operation"
	"doksportal/internal/pauses"
	"doksportal/internal/portal"
	"doksportal/internal/rulebook"
	"doksportal/internal/teams"
)

// formFields are the fields that forms have besides those of operations and of quotas.
var formFields = []string{
	"action", "add_tags", "approver_group", "auto", "base", "break_glass_comment", "break_glass_reason", "change", "change_state", "cluster", "comment", "days", "decision", "delegation_reason", "digest",
	"environment", "gate", "group", "healthy_minutes", "justification", "key", "kind", "label", "last_day", "mail", "mark", "mark_reason", "mark_shown", "member_group", "most_failures", "note", "orphan", "orphan_from", "orphan_reason", "orphan_shown", "orphan_state", "pattern", pauses.FieldReason, "per_wave", "protected", "query", "quota_of", "reconcile_reason", "reconcile_request", "remove_tags", "replace_template", "resume_reason", "review_after", "revision", "search_name", "seen",
	"slug", "stand_in", "start_at", "stop_reason", "submit_key", "target", "template", "template_name", "text", "time_zone", "topics", "wave", "zone",
}

// KnownField reports whether any form has a field of this name. What no form
// has is not kept while its sender signs in again.
func KnownField(name string) bool {
	rest, ok := strings.CutPrefix(name, "pools[")
	if !ok {
		return slices.Contains(formFields, name) || slices.Contains(operation.Fields(), name) ||
			name == teams.BelowUse.Name || slices.Contains(rulebook.TrialMembers(), name) || slices.ContainsFunc(teams.QuotaFields(), func(f teams.QuotaField) bool { return f.Name == name })
	}
	index, field, _ := strings.Cut(rest, "].")
	i, ok := portal.ParseNumber(index, 0, portal.MaxPools-1)
	return ok && strconv.Itoa(i) == index && slices.Contains(operation.PoolFields(), field)
}

// known leaves out of a form what no form of the portal's has.
func known(form url.Values) url.Values {
	kept := url.Values{}
	for name, values := range form {
		if KnownField(name) {
			kept[name] = values
		}
	}
	return kept
}
