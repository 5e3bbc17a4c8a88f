package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"doksportal/internal/portal"
)

// Denials says in plain words what the new policy may deny that the old one lets
// pass. As Relaxations it takes each condition for something that may be true:
// what a condition comes to for the requests of tomorrow nobody can show, and not
// even break-glass passes a denial.
func Denials(ctx context.Context, old, now *Policy) []string {
	return compare(ctx, old, now, func(old, now *rule, _ kind) []string {
		if denies(old) || !denies(now) {
			return nil
		}
		if now == nil {
			return []string{"no rule lets it pass"}
		}
		return []string{fmt.Sprintf("it may be denied (rule “%s”)", now.name)}
	}, "nothing more is denied")
}

// Deadlines says in plain words for what the new policy leaves people little
// time, and less than the old one: to decide, to have it carried out or
// collected, and to use access.
func Deadlines(ctx context.Context, old, now *Policy) []string {
	deadlines := []struct {
		least  time.Duration
		what   string
		of     func(portal.Terms) time.Duration
		secret bool // it matters for access alone
	}{
		{4 * time.Hour, "it has to be decided on within", func(t portal.Terms) time.Duration { return t.WaitFor }, false},
		{4 * time.Hour, "it has to run or be collected within", func(t portal.Terms) time.Duration { return t.HoldFor }, false},
		{time.Hour, "it can only run in windows of at most", func(t portal.Terms) time.Duration { return portal.LongestOpening(t.Windows) }, false},
		{10 * time.Minute, "access ends after", func(t portal.Terms) time.Duration { return t.LongestAccess }, true},
	}
	return compare(ctx, old, now, func(old, now *rule, k kind) []string {
		if denies(old) || denies(now) {
			return nil
		}
		var list []string
		for _, d := range deadlines {
			if left := d.of(now.terms); left < min(d.least, d.of(old.terms)) && (k.secret || !d.secret) {
				list = append(list, fmt.Sprintf("%s %s (rule “%s”)", d.what, portal.RoughDuration(left), now.name))
			}
		}
		return list
	}, "nobody has to hurry")
}

// shortDelay is how long requests may wait, once nothing keeps them any more,
// without anybody having to agree.
const shortDelay = 24 * time.Hour

// Delays says in plain words which requests wait for long under the new policy
// before they are carried out, and longer than under the old one: by their
// cool-off, and for a window to open. Not even break-glass makes them run
// earlier.
func Delays(ctx context.Context, old, now *Policy) []string {
	known := waits{}
	return compare(ctx, old, now, func(old, now *rule, _ kind) []string {
		if denies(old) || denies(now) {
			return nil
		}
		if wait := known.of(now); wait > max(shortDelay, known.of(old)) {
			return []string{fmt.Sprintf("it may wait for %s before it runs (rule “%s”)", portal.RoughDuration(wait), now.name)}
		}
		return nil
	}, "nothing waits for long")
}

// waits are how long one may have to wait by rules, worked out once.
type waits map[*rule]time.Duration

func (w waits) of(r *rule) time.Duration {
	if _, known := w[r]; !known {
		w[r] = r.terms.CoolOff + portal.LongestWait(r.terms.Windows)
	}
	return w[r]
}

// Newcomers says in plain words which groups decide under the new policy on what
// they do not decide on under the old one. Who may decide sees the request, and
// may reject it, even where their approval is asked for besides all others. Those
// of a team and of the platform see its requests anyway.
func Newcomers(ctx context.Context, old, now *Policy) []string {
	return compare(ctx, old, now, func(old, now *rule, _ kind) []string {
		if denies(now) {
			return nil
		}
		var list []string
		for from := range now.approvers() {
			group, named := strings.CutPrefix(from, fromGroup)
			if named && (denies(old) || !old.approvers()[from]) {
				list = append(list, fmt.Sprintf("members of group “%s” see it and decide on it (rule “%s”)", group, now.name))
			}
		}
		slices.Sort(list)
		return list
	}, "nobody else decides")
}
