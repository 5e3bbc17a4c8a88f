package story

import (
	"fmt"
	"strings"
)

// edit is a new version of the policy: what is added to the text in force, right
// before a line of it.
type edit struct {
	ago      moment
	author   string
	accepter string // empty: it needs no second admin
	before   string
	add      string
	note     string
}

var edits = []edit{
	{
		ago: days(64), author: "admin", before: "    reason: Deleting a cluster always needs an approval.\n",
		add:  "    typed_name: true\n",
		note: "After shop-canary was deleted instead of shop-canary-2: whoever deletes a cluster types its name.",
	},
	{
		ago: days(40), author: "second-admin", accepter: "admin", before: "  - name: deletions\n",
		add: `  - name: deletions of development clusters
    operations: [delete_cluster]
    environments: [development]
    allow: true
    reason: "A development cluster, whose volumes stay: no approval needed."
    typed_name: true

`,
		note: "Nobody should have to wait for an approval to clean up a development cluster. Volumes and load balancers stay.",
	},
}

// writePolicy has the admins change the policy.
func (t *teller) writePolicy() error {
	for _, e := range edits {
		t.at(e.ago, func() error { return t.changePolicy(e) })
	}
	return nil
}

func (t *teller) changePolicy(e edit) error {
	text, version, err := t.rules.Text(t.ctx)
	if err != nil {
		return err
	}
	if strings.Count(text, e.before) != 1 {
		return fmt.Errorf("story: the policy does not have the line %q once", e.before)
	}
	text = strings.Replace(text, e.before, e.add+e.before, 1)
	proposed, err := t.rules.Propose(t.ctx, t.actor(e.author), version, text, e.note)
	if err != nil {
		return err
	}
	t.after(minutes(1), t.freshen)
	if e.accepter != "" {
		t.after(hours(3), func() error { return t.rules.Decide(t.ctx, t.actor(e.accepter), proposed.Version, true) })
	}
	return nil
}
