package views

import (
	"slices"
	"strings"

	"doksportal/internal/portal"
)

// kindHelp says more about a kind of channel.
func kindHelp(k portal.ChannelKind) string {
	switch k {
	case portal.ChannelMail:
		return "to an address of the team"
	case portal.ChannelSlack:
		return "or what takes the same incoming webhooks"
	case portal.ChannelWebhook:
		return "JSON, signed by the standard-webhooks specification"
	}
	return ""
}

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
