package views

import (
	"net/url"
	"slices"
	"time"
)

// AuditForm is a search of the trail as typed. Its fields are empty where they do not
// narrow it.
type AuditForm struct {
	Text, Kind, Outcome, Operation, Risk, Environment, Actor, Team, Request, Cluster, Address, From, To string

	Person, Issuer string // who acted, exactly, instead of Actor
}

// Fields are the fields of a search by their names in an address.
func (f *AuditForm) Fields() map[string]*string {
	return map[string]*string{
		"q": &f.Text, "kind": &f.Kind, "outcome": &f.Outcome, "operation": &f.Operation, "risk": &f.Risk, "environment": &f.Environment,
		"actor": &f.Actor, "team": &f.Team, "request": &f.Request, "cluster": &f.Cluster, "address": &f.Address, "from": &f.From, "to": &f.To,
		"person": &f.Person, "issuer": &f.Issuer,
	}
}

// Query is the part of an address that stands for the search.
func (f AuditForm) Query() url.Values {
	q := url.Values{}
	for name, value := range f.Fields() {
		if *value != "" {
			q.Set(name, *value)
		}
	}
	return q
}

// Path is the page of what the search finds.
func (f AuditForm) Path() string {
	if q := f.Query().Encode(); q != "" {
		return "/audit?" + q
	}
	return "/audit"
}

// with is the page of the search narrowed, besides, to values of fields: names and
// values in turns. An empty value leaves a field out.
func (f AuditForm) with(pairs ...string) string {
	fields := f.Fields()
	for pair := range slices.Chunk(pairs, 2) {
		*fields[pair[0]] = pair[1]
	}
	return f.Path()
}

// by is the page of the search narrowed to who acted.
func (f AuditForm) by(issuer, subject string) string {
	return f.with("actor", "", "person", subject, "issuer", issuer)
}

// Period is a span of days that people often look at.
type Period struct{ Label, From, To string }

// Periods are those that end at a day or before it.
func Periods(now time.Time) []Period {
	day := func(t time.Time) string { return t.Format(time.DateOnly) }
	back := func(days int) string { return day(now.AddDate(0, 0, -days)) }
	month := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, now.Location())
	return []Period{
		{"Today", day(now), day(now)}, {"Yesterday", back(1), back(1)}, {"Last 7 days", back(6), day(now)}, {"Last 30 days", back(29), day(now)},
		{"This month", day(month), day(now)}, {"Last month", day(month.AddDate(0, -1, 0)), day(month.AddDate(0, 0, -1))},
	}
}
