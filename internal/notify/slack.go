package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// slackChannel sends to a Slack-compatible incoming webhook.
var slackChannel = channelKind{refusal: refuseHooks, parse: parseHook, send: sendSlack}

func sendSlack(ctx context.Context, s *Service, t target, _ claimed, m message) *failure {
	body, err := json.Marshal(map[string]string{"text": m.slack()})
	if err != nil {
		return &failure{words: "The message could not be written."}
	}
	return s.post(ctx, t.URL, body, nil)
}

// slackEscapes turns into text what Slack would take for links and mentions.
var slackEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// slack is the message as Slack's mrkdwn.
func (m message) slack() string {
	var b strings.Builder
	fmt.Fprintf(&b, "<%s|%s>\n", m.link, slackEscapes.Replace(strings.ReplaceAll(m.headline, "|", "/")))
	for _, l := range m.lines {
		if l.label != "" {
			b.WriteString("*" + l.label + ":* ")
		}
		b.WriteString(slackEscapes.Replace(l.text) + "\n")
	}
	return b.String()
}
