package views

import (
	"slices"
	"strings"

	"doksportal/internal/portal"
)

func hasTopic(list []portal.Topic, o portal.Topic) bool { return slices.Contains(list, o) }

// topicTitles names topics, in short when it is all of them.
func topicTitles(list []portal.Topic) string {
	if len(list) == len(portal.Topics) {
		return "everything"
	}
	titles := make([]string, len(list))
	for i, o := range list {
		titles[i] = o.Title()
	}
	return strings.Join(titles, "; ")
}

func mailHelp(address string) string {
	if address == "" {
		return ""
	}
	return "to " + address
}

// deliveryColour is the dot's colour for a delivery that has not arrived.
func deliveryColour(d portal.Delivery) string {
	switch {
	case d.State == portal.DeliveryGivenUp:
		return "bg-error"
	case d.Fault != "":
		return "bg-warning"
	}
	return "bg-neutral"
}
