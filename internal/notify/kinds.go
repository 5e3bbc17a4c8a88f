package notify

import (
	"context"
	"slices"

	"doksportal/internal/portal"
)

// channelKind is all that is particular to a kind of channel.
type channelKind struct {
	// refusal says why an owner cannot have such a channel, empty when they can.
	refusal func(s *Service, o portal.Owner) string
	// parse reads where it leads. label says that with nothing that is secret;
	// problem is for the person who typed it.
	parse func(s *Service, typed string) (t target, label, problem string)
	// send makes one attempt; nil: it has arrived.
	send func(ctx context.Context, s *Service, t target, d claimed, m message) *failure
}

var kinds = map[portal.ChannelKind]channelKind{
	portal.ChannelMail:    mailChannel,
	portal.ChannelSlack:   slackChannel,
	portal.ChannelWebhook: webhookChannel,
}

// Kinds are those of which an owner can have a channel.
func (s *Service) Kinds(o portal.Owner) []portal.ChannelKind {
	return slices.DeleteFunc(portal.ChannelKinds(), func(k portal.ChannelKind) bool { return kinds[k].refusal(s, o) != "" })
}
