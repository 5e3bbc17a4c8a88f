package notify

import (
	"testing"

	"doksportal/internal/portal"
)

// Every kind of channel that people can choose can be sent to, and has words.
func TestEveryKindIsInTheTable(t *testing.T) {
	t.Parallel()
	for _, k := range portal.ChannelKinds() {
		if c := kinds[k]; c.refusal == nil || c.parse == nil || c.send == nil || k.Title() == string(k) || k.Help() == "" {
			t.Errorf("%s lacks something", k)
		}
	}
	if len(kinds) != len(portal.ChannelKinds()) {
		t.Errorf("there are %d kinds, of which people can choose %d", len(kinds), len(portal.ChannelKinds()))
	}
}
