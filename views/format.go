package views

import (
	"fmt"
	"strconv"
	"strings"

	"doksportal/internal/portal"
)

// money shows USD cents a month with their sign.
func money(cents int64) string {
	sign := ""
	if cents < 0 {
		sign, cents = "−", -cents
	}
	return fmt.Sprintf("%s$%s.%02d", sign, thousands(cents/100), cents%100)
}

// thousands shows a whole number of at least zero in groups of three digits.
func thousands(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}

// monthly shows a list price, which is one of whole dollars.
func monthly(cents int64) string { return "$" + thousands(cents/100) + " a month" }

// count shows a number with its noun.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// plural chooses the noun for a number.
func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// words turns an identifier into words: execution_intent → execution intent.
func words(id string) string { return strings.ReplaceAll(id, "_", " ") }

// colour is the dot's colour for a state of a request.
func colour(s portal.State) string {
	switch s {
	case portal.Succeeded:
		return "bg-success"
	case portal.Failed, portal.Rejected:
		return "bg-error"
	case portal.Pending, portal.Unknown, portal.Stale:
		return "bg-warning"
	case portal.Approved, portal.Executing, portal.Settling:
		return "bg-primary"
	}
	return "bg-neutral"
}

// clusterColour is the dot's colour for a state of a cluster.
func clusterColour(state string) string {
	switch state {
	case portal.ClusterRunning:
		return "bg-success"
	case portal.ClusterError, "degraded":
		return "bg-error"
	case portal.ClusterDeleting, portal.ClusterDeleted:
		return "bg-neutral"
	}
	return "bg-primary"
}

// fault returns what is wrong with a field, empty when nothing is.
func fault(faults []portal.FieldError, field string) string {
	var messages []string
	for _, f := range faults {
		if f.Field == field {
			messages = append(messages, f.Message)
		}
	}
	return strings.Join(messages, " ")
}

// short is the beginning of a digest, enough to tell two apart.
func short(digest string) string {
	const enough = 16
	return digest[:min(enough, len(digest))] + "…"
}

// clusterPath is the page of a cluster.
func clusterPath(id string) string { return "/clusters/" + id }

// RequestPath is the page of a request.
func RequestPath(number int64) string { return "/requests/" + strconv.FormatInt(number, 10) }

// became says what became of a request that is in a state.
func became(s portal.State) string {
	switch s {
	case portal.Approved:
		return "was approved"
	case portal.Rejected:
		return "was rejected"
	case portal.Withdrawn:
		return "was withdrawn"
	case portal.Stale:
		return "is out of date"
	case portal.Unknown:
		return "has an unknown outcome"
	}
	return string(s) // succeeded, failed, expired
}
