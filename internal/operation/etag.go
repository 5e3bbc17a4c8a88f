package operation

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"doksportal/internal/portal"
)

// ETag tells two states of a draft's target apart that people would plan
// differently for; empty where there is none yet. It goes by words, because the
// inventory and DigitalOcean's answers write the same thing in several ways, and
// leaves out what changes by itself, like the nodes of an autoscaled pool.
func ETag(d *portal.Draft) string {
	c := d.Cluster
	if d.Operation == portal.RaiseQuota {
		return raiseETag(d.Team)
	}
	if c.ID == "" {
		return ""
	}
	facts := []portal.Fact{{What: "tags", Value: strings.Join(portal.OwnTags(c.Tags), ", ")}, {What: "registries", Value: portal.RegistryText(c)}}
	if d.Operation == portal.ExtendLease {
		facts = append(facts, LeaseFacts(c, d.Lease)...)
	}
	facts = append(facts, clusterFacts(portal.Params{}, c)...)
	facts = append(facts, portal.SettingFacts(c.Details.Settings)...)
	for _, p := range byName(c.Pools) {
		facts = append(facts, portal.Fact{What: p.ID, Value: describePool(p)})
	}
	for _, r := range d.Resources {
		facts = append(facts, portal.Fact{What: r.Kind, Value: r.ID})
	}
	for _, u := range d.Upgrades {
		facts = append(facts, portal.Fact{What: "upgrade", Value: u.Slug})
	}
	sum := sha256.Sum256(fmt.Append(nil, facts))
	return hex.EncodeToString(sum[:8])
}
