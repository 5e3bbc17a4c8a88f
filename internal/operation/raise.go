package operation

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"doksportal/internal/portal"
)

// raiseLines are the fields into which several limits are typed, one per line.
var raiseLines = []struct {
	field, what string
	item        func(name string) portal.Item
	name        func(portal.Item) (string, bool)
	offered     func(o portal.Options, name string) bool
}{
	{"sizes", "size", portal.NodesOf, portal.Item.Size, func(o portal.Options, name string) bool { _, ok := o.Size(name); return ok }},
	{"families", "family", portal.NodesOfFamily, portal.Item.Family, func(o portal.Options, name string) bool {
		return slices.ContainsFunc(o.Sizes, func(s portal.Size) bool { return portal.FamilyOf(s.Slug) == name })
	}},
}

var raiseQuota = definition{
	fields: append(portal.RaiseFields(), lastingFields...),
	open:   openRaise, rewrite: rewriteRaise, read: readRaise, plan: planRaise,
}

func openRaise(d *portal.Draft) {
	d.Form.Set("team", d.Team.Slug)
	d.Form.Set("lasts", portal.LastsUntil)
	for _, field := range portal.RaiseFields() {
		d.Form.Set(field, d.Wanted[field])
	}
}

func rewriteRaise(d *portal.Draft, p portal.Params) {
	for _, item := range p.Raise.Items() {
		field, typed := portal.RaiseTo(item, p.Raise.Limits[item])
		if before := d.Form.Get(field); before != "" {
			typed = before + "\n" + typed
		}
		d.Form.Set(field, typed)
	}
	writeLasting(d.Form, p.Raise.Lasting)
}

// readRaise reads what the limits are to be; readGrant reads for how long.
func readRaise(d *portal.Draft, f *fieldErrors) {
	p := portal.RaiseParams{Limits: map[portal.Item]int{}}
	for _, item := range portal.RaisedAlone {
		if typed := d.Form.Get(string(item)); typed != "" {
			f.readLimit(d, string(item), item, typed, &p)
		}
	}
	for _, l := range raiseLines {
		for line := range strings.Lines(d.Form.Get(l.field)) {
			words := strings.Fields(line)
			switch {
			case len(words) == 0:
				continue
			case len(words) != 2:
				f.Add(l.field, "The line %s is not a %s and a number.", portal.Quote(strings.TrimSpace(line)), l.what)
			case !l.offered(d.Offer, words[0]):
				f.Add(l.field, "DigitalOcean does not offer the %s %s.", l.what, portal.Quote(words[0]))
			default:
				f.readLimit(d, l.field, l.item(words[0]), words[1], &p)
			}
		}
	}
	if len(p.Limits) == 0 && len(f.FieldErrors) == 0 {
		f.Add(firstRaisable(d.Team), "Enter at least one limit that should be higher.")
	}
	d.Params.Raise = &p
}

// firstRaisable is the first field that the form of a team has.
func firstRaisable(t portal.Team) string {
	for _, item := range portal.RaisedAlone {
		if _, limited := t.Quota.Limit(item); limited {
			return string(item)
		}
	}
	return raiseLines[len(raiseLines)-1].field
}

// readLimit reads what one limit is to be: more than the team has for good.
func (f *fieldErrors) readLimit(d *portal.Draft, field string, item portal.Item, typed string, p *portal.RaiseParams) {
	most, each := item.Typed()
	n, ok := portal.ParseNumber(typed, 0, most)
	n *= each
	now, limited := d.Team.Quota.Limit(item)
	_, twice := p.Limits[item]
	size, isSize := item.Size()
	switch {
	case !ok:
		f.Add(field, "Enter a whole number of at most %d; this is %s.", most, portal.Quote(typed))
	case twice:
		f.Add(field, "%s appears twice.", item.Title())
	case !limited:
		f.Add(field, "Team %s has no limit on %s, so there is nothing to raise.", d.Team.Name, item.Name())
	case isSize && len(d.Team.Quota.Sizes) > 0 && !slices.Contains(d.Team.Quota.Sizes, size):
		f.Add(field, "Team %s may not use the size %s at all; an admin of the portal can allow it.", d.Team.Name, size)
	case n <= now:
		f.Add(field, "Team %s may have %s already; enter more than that.", d.Team.Name, item.Amount(now))
	default:
		p.Limits[item] = n
	}
}

// readGrant reads for how long limits are raised.
func (f *fieldErrors) readGrant(d *portal.Draft, now time.Time) {
	p := d.Params.Raise
	p.Lasting = f.readLasting(d, now)
	for _, item := range p.Items() {
		if g, ok := grantedAlready(d.Team, item, *p, now); ok {
			field, _ := portal.RaiseTo(item, 0)
			f.Add(field, "Team %s has been granted %s until %s already.", d.Team.Name, item.Amount(g.Limit), g.EndText())
		}
	}
}

// grantedAlready is the grant that a team has and that is as large, and ends as late.
func grantedAlready(t portal.Team, item portal.Item, p portal.RaiseParams, now time.Time) (portal.Grant, bool) {
	for _, g := range t.GrantsAt(now) {
		if g.Item != item {
			continue
		}
		if end := p.End(now); g.Limit >= p.Limits[item] && !end.IsZero() && !end.After(g.Until) {
			return g, true
		}
	}
	return portal.Grant{}, false
}

func planRaise(d *portal.Draft) {
	p := *d.Params.Raise
	var amounts []string
	for _, item := range p.Items() {
		now, _ := d.Team.Quota.Limit(item)
		after := strings.TrimSpace(item.Number(p.Limits[item]) + " " + p.Text())
		d.Plan.Changes = append(d.Plan.Changes, portal.Change{What: item.Title(), Before: item.Number(now), After: after})
		amounts = append(amounts, item.Amount(p.Limits[item]))
	}
	lasts := p.Text()
	switch chosen := d.Form.Get("lasts"); {
	case lasts != "":
	case d.Form == nil || chosen == portal.LastsForGood:
		lasts = "for good"
	default:
		lasts = "until a day that is not chosen yet"
	}
	d.Plan.Summary = fmt.Sprintf("Let team %s have %s %s.", d.Team.Name, strings.Join(amounts, ", "), lasts)
	if len(amounts) == 0 {
		d.Plan.Summary = fmt.Sprintf("Let team %s have more %s.", d.Team.Name, lasts)
	}
	d.Plan.Steps = []string{"It takes effect when it is approved. Nothing is sent to DigitalOcean."}
	if p.Days > 0 {
		d.Plan.Steps = append(d.Plan.Steps, "Its days are counted from then on.")
	}
	if !p.ForGood() {
		d.Plan.Steps = append(d.Plan.Steps, "When it ends, nothing is deleted. While the team then uses more than its limits, it can create nothing more.")
	}
}

// QuotaFacts are the limits of a team that the decision on a raise rests on. What is
// granted for a time is none of them: a raise is on top of what is for good.
func QuotaFacts(p portal.RaiseParams, t portal.Team) []portal.Fact {
	var list []portal.Fact
	for _, item := range p.Items() {
		list = append(list, limitFact(t, item))
	}
	return list
}

func limitFact(t portal.Team, item portal.Item) portal.Fact {
	value := "unlimited"
	if n, limited := t.Quota.Limit(item); limited {
		value = item.Number(n)
	}
	return portal.Fact{What: "the limit on " + item.Name(), Value: value}
}

// raiseETag tells apart two states of a team's quota.
func raiseETag(t portal.Team) string {
	var facts []portal.Fact
	for _, item := range (portal.RaiseParams{Limits: t.Quota.Limits}).Items() {
		facts = append(facts, limitFact(t, item))
	}
	for _, g := range t.Grants {
		facts = append(facts, portal.Fact{What: g.ID, Value: g.EndText()})
	}
	sum := sha256.Sum256(fmt.Append(nil, t.ID, facts))
	return hex.EncodeToString(sum[:8])
}

// CheckRaise notes the limits that another open request is to raise already.
func CheckRaise(d *portal.Draft) {
	if d.Params.Raise == nil {
		return
	}
	for _, item := range d.Params.Raise.Items() {
		if number, ok := d.Raising[item]; ok {
			field, _ := portal.RaiseTo(item, 0)
			d.Errors.Add(field, "Request #%d already asks for more than %s; wait until it is decided on, or have it withdrawn.", number, item.Amount(d.Team.Quota.Limits[item]))
		}
	}
}

// checkGrant notes where a raise lasts for longer than the policy lets it.
func checkGrant(d *portal.Draft, now time.Time) {
	terms := d.Plan.Verdict.Terms
	if d.Params.Raise.ForGood() {
		if terms.Temporary {
			d.Errors.Add("lasts", "The policy lets a quota be raised for a time only; choose for how long.")
		}
		return
	}
	checkLasting(d, d.Params.Raise.Lasting, now, terms.LongestGrant, "The policy lets a quota be raised for at most %s")
}
