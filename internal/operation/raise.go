package operation

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"doksportal/internal/portal"
)

// maxDays is what may be typed; the policy allows less.
const maxDays = 3650

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
	fields: append(portal.RaiseFields(), "lasts", "days", "last_day"),
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
	switch {
	case p.Raise.Until != nil:
		d.Form.Set("last_day", p.Raise.Until.UTC().Add(-time.Nanosecond).Format(time.DateOnly))
		d.Form.Set("zone", "UTC")
	case p.Raise.Days > 0:
		d.Form.Set("lasts", portal.LastsDays)
		d.Form.Set("days", strconv.Itoa(p.Raise.Days))
	default:
		d.Form.Set("lasts", portal.LastsForGood)
	}
}

// readRaise reads what the limits are to be; readEnd reads for how long.
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

// readEnd reads for how long limits are raised.
func (f *fieldErrors) readEnd(d *portal.Draft, now time.Time) {
	p := d.Params.Raise
	switch d.Form.Get("lasts") {
	case portal.LastsForGood:
	case portal.LastsDays:
		typed := d.Form.Get("days")
		var ok bool
		if p.Days, ok = portal.ParseNumber(typed, 1, maxDays); !ok {
			f.Add("days", "Enter a whole number of days, at least 1; this is %s.", portal.Quote(typed))
		}
	case portal.LastsUntil:
		f.readLastDay(d, now)
	default:
		f.Add("lasts", "Choose for how long.")
	}
	for _, item := range p.Items() {
		if g, ok := grantedAlready(d.Team, item, *p, now); ok {
			field, _ := portal.RaiseTo(item, 0)
			f.Add(field, "Team %s has been granted %s until %s already.", d.Team.Name, item.Amount(g.Limit), g.EndText())
		}
	}
}

func (f *fieldErrors) readLastDay(d *portal.Draft, now time.Time) {
	zone, err := time.LoadLocation(d.Form.Get("zone"))
	if err != nil || d.Form.Get("zone") == "Local" {
		zone = time.UTC
	}
	day, err := time.ParseInLocation(time.DateOnly, d.Form.Get("last_day"), zone)
	until := day.AddDate(0, 0, 1).UTC()
	switch {
	case err != nil:
		f.Add("last_day", "Enter a date, like %s.", now.In(zone).AddDate(0, 0, 7).Format(time.DateOnly))
	case !until.After(now):
		f.Add("last_day", "This day is over; enter today or a later one.")
	default:
		d.Params.Raise.Until = &until
	}
	if at := d.Params.NotBefore; err == nil && at != nil && !until.After(*at) {
		f.Add("last_day", "It would end before it begins; enter a later day.")
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
		after := strings.TrimSpace(item.Number(p.Limits[item]) + " " + p.Lasts())
		d.Plan.Changes = append(d.Plan.Changes, portal.Change{What: item.Title(), Before: item.Number(now), After: after})
		amounts = append(amounts, item.Amount(p.Limits[item]))
	}
	lasts := p.Lasts()
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
	p, terms := d.Params.Raise, d.Plan.Verdict.Terms
	switch end := p.End(now); {
	case p.ForGood() && terms.Temporary:
		d.Errors.Add("lasts", "The policy lets a quota be raised for a time only; choose for how long.")
	case p.ForGood() || end.Sub(now) <= terms.LongestGrant:
	case p.Days > 0:
		d.Errors.Add("days", "The policy lets a quota be raised for at most %s.", portal.DurationText(terms.LongestGrant))
	default:
		last := now.Add(terms.LongestGrant).UTC().AddDate(0, 0, -1)
		d.Errors.Add("last_day", "The policy lets a quota be raised for at most %s; enter %s or an earlier day.", portal.DurationText(terms.LongestGrant), last.Format("2 January 2006"))
	}
}
