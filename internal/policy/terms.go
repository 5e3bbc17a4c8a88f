package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"doksportal/internal/portal"
)

// term is a term of a verdict: how rules write it, how it is read, shown and
// compared. A new one is a line of terms, and of Verdict.Differs.
type term struct {
	key     string   // in rules
	field   string   // of portal.Terms
	name    string   // in lists of terms
	about   string   // what it means, as documented
	choices []string // all that can be written; empty where that is endless
	read    func(r *reader, n ast.Node, t *portal.Terms)
	text    func(t portal.Terms) string
	// relaxed says in what the second is easier than the first, empty when it
	// is not. old is the rule that the first belongs to; k is what is asked for.
	relaxed func(old *rule, before, after portal.Terms, k kind) string
}

// bounds are the shortest and the longest that a time may be, inclusive. They
// keep a term from stopping every request, which would be denying it by the word
// of one admin: people must have time to decide, and a request to be carried out.
type bounds struct{ least, most time.Duration }

// maxLease is the longest that a policy may let a cluster be kept with an end.
const maxLease = 365 * day

// terms are all terms, in the order in which they are shown.
var terms = []term{
	longest("waits", "WaitFor", "waits", "how long a request waits for a decision before it expires", "waits for a decision", bounds{time.Hour, maxTerm},
		func(t *portal.Terms) *time.Duration { return &t.WaitFor },
		func(old *rule, _ kind) bool { return old.decision == portal.Approve }),
	longest("holds", "HoldFor", "holds", "how long it may be carried out, once it may", "may be carried out", bounds{time.Hour, maxTerm},
		func(t *portal.Terms) *time.Duration { return &t.HoldFor },
		func(*rule, kind) bool { return true }),
	{
		key: "cool_off", field: "CoolOff", name: "cool-off", about: "how long after the last approval it can still be stopped",
		read: func(r *reader, n ast.Node, t *portal.Terms) { t.CoolOff = r.duration(n, bounds{0, 7 * day}) },
		text: func(t portal.Terms) string { return Span(t.CoolOff) },
		relaxed: func(_ *rule, before, after portal.Terms, _ kind) string {
			if after.CoolOff >= before.CoolOff {
				return ""
			}
			return fmt.Sprintf("a cool-off of %s, previously %s", Span(after.CoolOff), Span(before.CoolOff))
		},
	},
	longest("longest_access", "LongestAccess", "longest access", "how long a kubeconfig or credentials may be good for", "access is valid", bounds{time.Minute, maxTerm},
		func(t *portal.Terms) *time.Duration { return &t.LongestAccess },
		func(_ *rule, k kind) bool { return k.secret }),
	standIn,
	longest("longest_grant", "LongestGrant", "longest grant", "how long a quota may be raised for, unless for good", "a quota is raised", bounds{day, maxTerm},
		func(t *portal.Terms) *time.Duration { return &t.LongestGrant },
		func(_ *rule, k kind) bool { return k.quota }),
	demand("temporary", "Temporary", "temporary", "a quota is raised for a time only, never for good", "a quota may be raised for good",
		func(t *portal.Terms) *bool { return &t.Temporary }, func(k kind) bool { return k.quota }),
	longestLease,
	demand("fresh_sign_in", "FreshSignIn", "fresh sign-in", "who asks must just have signed in", "a fresh sign-in is no longer required",
		func(t *portal.Terms) *bool { return &t.FreshSignIn }, always),
	demand("typed_name", "TypedName", "typed name", "who asks types the name of what it is about", "the name no longer has to be typed",
		func(t *portal.Terms) *bool { return &t.TypedName }, always),
	{
		key: "windows", field: "Windows", name: "windows", about: "when it may be carried out",
		read: func(r *reader, n ast.Node, t *portal.Terms) { t.Windows = r.windows(n) },
		text: windowsText,
		relaxed: func(_ *rule, before, after portal.Terms, _ kind) string {
			if len(before.Windows) == 0 || slices.EqualFunc(before.Windows, after.Windows, sameWindow) {
				return ""
			}
			return "other windows"
		},
	},
}

// standIn is the longest delegation whose stand-in may decide.
var standIn = func() term {
	t := longest("stand_in", "StandIn", "stand-in", "how long an approver may have named a stand-in for, so that the stand-in's decision counts", "a stand-in may decide", bounds{0, maxTerm},
		func(t *portal.Terms) *time.Duration { return &t.StandIn },
		func(old *rule, _ kind) bool { return old.decision == portal.Approve })
	t.text = func(t portal.Terms) string {
		if t.StandIn == 0 {
			return "none"
		}
		return Span(t.StandIn)
	}
	return t
}()

// longestLease is for how long a cluster may be kept. Unless a policy says so, it is
// until somebody deletes it.
var longestLease = func() term {
	of := func(t *portal.Terms) *time.Duration { return &t.LongestLease }
	t := longest("longest_lease", "LongestLease", "longest lease", "how long a cluster may be kept, outside production", "a cluster is kept", bounds{0, maxLease}, of,
		func(_ *rule, k kind) bool { return k.lease })
	t.text = func(t portal.Terms) string {
		if t.LongestLease == 0 {
			return "no limit"
		}
		return Span(t.LongestLease)
	}
	t.read = func(r *reader, n ast.Node, t *portal.Terms) {
		t.LongestLease = r.duration(n, bounds{0, maxLease})
		if t.LongestLease > 0 && t.LongestLease < day {
			r.fault(n, "A lease is counted in days: the longest is at least a day, or 0s for no limit.")
		}
	}
	bounded := t.relaxed
	t.relaxed = func(old *rule, before, after portal.Terms, k kind) string {
		switch {
		case before.LongestLease == 0 || !k.lease:
			return ""
		case after.LongestLease > 0:
			return bounded(old, before, after, k)
		}
		return "a cluster is kept until somebody deletes it, previously for up to " + Span(before.LongestLease)
	}
	return t
}()

// longest is a time that something may take: more is easier, where it matters.
func longest(key, field, name, about, what string, b bounds, of func(*portal.Terms) *time.Duration, matters func(old *rule, k kind) bool) term {
	return term{
		key: key, field: field, name: name, about: about,
		read: func(r *reader, n ast.Node, t *portal.Terms) { *of(t) = r.duration(n, b) },
		text: func(t portal.Terms) string { return Span(*of(&t)) },
		relaxed: func(old *rule, before, after portal.Terms, k kind) string {
			from, to := *of(&before), *of(&after)
			if to <= from || !matters(old, k) {
				return ""
			}
			return fmt.Sprintf("%s for up to %s, previously %s", what, Span(to), Span(from))
		},
	}
}

func always(kind) bool { return true }

// demand is something that a request must be, or who asks must do, where it matters.
func demand(key, field, name, about, dropped string, of func(*portal.Terms) *bool, matters func(kind) bool) term {
	return term{
		key: key, field: field, name: name, about: about, choices: []string{"true", "false"},
		read: func(r *reader, n ast.Node, t *portal.Terms) { *of(t), _ = r.yes(n) },
		text: func(t portal.Terms) string { return portal.YesNo(*of(&t)) },
		relaxed: func(_ *rule, before, after portal.Terms, k kind) string {
			if !*of(&before) || *of(&after) || !matters(k) {
				return ""
			}
			return dropped
		},
	}
}

// termKeys are the keys of the terms in rules.
func termKeys() []string {
	keys := make([]string, len(terms))
	for i, t := range terms {
		keys[i] = t.key
	}
	return keys
}

// TermText is one of a verdict's terms, as policies write it.
type TermText struct{ Name, Text string }

// TermsOf lists the terms of a verdict, in the order in which they are shown. What
// is denied has none.
func TermsOf(v portal.Verdict) []TermText {
	if v.Decision == portal.Deny {
		return nil
	}
	list := make([]TermText, len(terms))
	for i, t := range terms {
		list[i] = TermText{t.name, t.text(v.Terms)}
	}
	return list
}

// terms reads the terms of a rule or of all rules. What is not said stays as
// it is before.
func (r *reader) terms(m map[string]ast.Node, before portal.Terms) portal.Terms {
	read := before
	for _, t := range terms {
		if n := m[t.key]; n != nil {
			t.read(r, n, &read)
		}
	}
	return read
}

// relaxedTerms says in what the terms of the new rule are easier than those of
// the old one.
func relaxedTerms(old, now *rule, k kind) []string {
	var list []string
	for _, t := range terms {
		if what := t.relaxed(old, old.terms, now.terms, k); what != "" {
			list = append(list, what)
		}
	}
	return list
}

func sameWindow(a, b portal.Window) bool {
	return slices.Equal(a.Days, b.Days) && a.From == b.From && a.To == b.To && a.Zone == b.Zone
}

func windowsText(t portal.Terms) string {
	windows := make([]string, len(t.Windows))
	for i, w := range t.Windows {
		windows[i] = w.String()
	}
	if len(windows) == 0 {
		return "at any time"
	}
	return strings.Join(windows, "; ")
}
