package audit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"doksportal/internal/audit"
	"doksportal/internal/audit/anchor"
	"doksportal/internal/audit/audittest"
	"doksportal/internal/portal"
)

var everything = audit.Bounds{To: uuid.Max}

// Whoever has a bundle and the public key finds each change of it.
func TestBundle(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	b.fill(600)
	b.append(b.event("under no checkpoint yet"))
	var exported bytes.Buffer
	count, err := audit.Export(t.Context(), b.pool, &exported, everything)
	b.must(err)
	verify := func(bundle string) audit.BundleReport {
		t.Helper()
		r, err := audit.VerifyBundle(strings.NewReader(bundle), []string{b.key.Public})
		b.must(err)
		return r
	}
	r := verify(exported.String())
	if !r.OK() || count != 600 || r.Events != 600 || r.First != 0 || r.Last != 599 || r.Gaps != 0 || !strings.Contains(r.Checkpoint, "\n600\n") {
		t.Errorf("%d exported: %+v", count, r)
	}
	lines := strings.SplitAfter(exported.String(), "\n")
	end := lines[601]
	// of is a bundle whose head has the right number of lines, so that not this alone is found.
	of := func(lines ...string) string {
		return strings.Replace(strings.Join(lines, ""), `"events":600`, fmt.Sprintf(`"events":%d`, len(lines)-1), 1) + end
	}
	if r := verify(of(lines[0], lines[1], lines[5])); !r.OK() || r.Gaps != 3 || r.Signed {
		t.Errorf("some left out, and the count with them: %+v", r)
	}
	for name, bundle := range map[string]string{
		"a word":              strings.Replace(exported.String(), "event 17\"", "event 18\"", 1),
		"a name":              strings.Replace(exported.String(), `"actor_name":"Ann"`, `"actor_name":"Bob"`, 1),
		"a space":             strings.Replace(exported.String(), `"summary":`, `"summary": `, 1),
		"a number":            strings.Replace(exported.String(), `"number":17,`, `"number":18,`, 1),
		"a proof":             strings.Replace(exported.String(), `"proof":["`, `"proof":["AAAA`, 1),
		"the same twice":      of(lines[0], lines[1], lines[1]),
		"the other way":       of(lines[0], lines[2], lines[1]),
		"beyond the end":      of(lines[0], strings.Replace(lines[1], `"number":0,`, `"number":600,`, 1)),
		"a negative number":   of(lines[0], strings.Replace(lines[1], `"number":0,`, `"number":-1,`, 1)),
		"the checkpoint":      strings.Replace(exported.String(), `\n600\n`, `\n601\n`, 1),
		"a name twice":        strings.Replace(exported.String(), `"event":{`, `"event":{},"Event":{`, 1),
		"a name in capitals":  strings.Replace(exported.String(), `"event":{`, `"Event":{`, 1),
		"another number":      strings.Replace(exported.String(), `{"number":17,`, `{"number":99,"Number":17,`, 1),
		"another checkpoint":  strings.Replace(exported.String(), `"checkpoint":`, `"checkpoint":"","Checkpoint":`, 1),
		"a name of its own":   strings.Replace(exported.String(), `{"number":17,`, `{"note":"harmless","number":17,`, 1),
		"nothing":             of(lines[0]),
		"something in there":  of(lines[0], "{}\n", lines[1]),
		"the end":             strings.TrimSuffix(exported.String(), end),
		"half of the end":     strings.TrimSuffix(exported.String(), "\"}\n"),
		"the last byte":       strings.TrimSuffix(exported.String(), "\n"),
		"the last event":      strings.Join(lines[:600], "") + end,
		"half of an event":    strings.Join(lines[:600], "")[:len(strings.Join(lines[:600], ""))-100],
		"the first event":     lines[0] + strings.Join(lines[2:], ""),
		"more after the end":  exported.String() + lines[1],
		"the end twice":       exported.String() + end,
		"the end, early":      strings.Join(lines[:600], "") + end + lines[600],
		"the count":           strings.Replace(exported.String(), `"events":600`, `"events":599`, 1),
		"a name in the head":  strings.Replace(exported.String(), `"events":600`, `"events":600,"complete":true`, 1),
		"other ends of lines": strings.ReplaceAll(exported.String(), "\n", "\r\n"),
	} {
		if bundle == exported.String() {
			t.Fatalf("%s: nothing is changed", name)
		}
		if verify(bundle).OK() {
			t.Errorf("%s: the change is not found", name)
		}
	}
	for _, nothing := range []string{"", "{}", "hello", lines[1]} {
		if _, err := audit.VerifyBundle(strings.NewReader(nothing), []string{b.key.Public}); err == nil {
			t.Errorf("%.20q is taken for a bundle", nothing)
		}
	}
	if r, err := audit.VerifyBundle(strings.NewReader(exported.String()), []string{audittest.NewKey(t).Public}); err != nil || r.OK() {
		t.Errorf("by another key: %+v, %v", r, err)
	}
}

// With a key the end says what was exported, so that nobody can make a smaller bundle
// of it that looks whole.
func TestBundleSaysThatItIsWhole(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	b.fill(10)
	other := b.event("another")
	other.Kind = portal.EventSubmitted
	b.append(other)
	b.fill(10)
	s, err := audit.Select(t.Context(), b.pool, portal.EventFilter{Kind: portal.EventSubmitted})
	b.must(err)
	all, err := audit.Select(t.Context(), b.pool, portal.EventFilter{})
	b.must(err)
	var few, many, unsigned bytes.Buffer
	b.must(s.WriteBundle(t.Context(), &few, b.key))
	b.must(all.WriteBundle(t.Context(), &many, b.key))
	b.must(all.WriteBundle(t.Context(), &unsigned))
	verify := func(bundle string) audit.BundleReport {
		t.Helper()
		r, err := audit.VerifyBundle(strings.NewReader(bundle), []string{b.key.Public})
		b.must(err)
		return r
	}
	if r := verify(few.String()); !r.OK() || !r.Signed || r.Events != 1 || r.First != 10 || r.Filter != "kind=request_submitted" {
		t.Errorf("%+v", r)
	}
	if r := verify(many.String()); !r.OK() || !r.Signed || r.Events != 21 || r.Filter != "" {
		t.Errorf("%+v", r)
	}
	if r := verify(unsigned.String()); !r.OK() || r.Signed {
		t.Errorf("%+v", r)
	}
	lines := strings.SplitAfter(many.String(), "\n")
	without := func(left int) string {
		return strings.Replace(strings.Join(append(slices.Clone(lines[:left]), lines[left+1:]...), ""), `"events":21`, `"events":20`, 1)
	}
	for name, bundle := range map[string]string{
		"the first":           without(1),
		"one":                 without(7),
		"the last":            without(21),
		"another filter":      strings.Replace(many.String(), `"filter":""`, `"filter":"kind=sign_in"`, 1),
		"the end of another":  strings.Join(lines[:22], "") + strings.SplitAfter(few.String(), "\n")[2],
		"a statement as such": strings.Join(lines[:22], "") + `{"end":"doks-portal audit export 1\n{}\n"}` + "\n",
	} {
		if r := verify(bundle); r.OK() || r.Signed {
			t.Errorf("%s: the change is not found", name)
		}
	}
	var none bytes.Buffer
	if err := all.WriteBundle(t.Context(), &none, audittest.NewKey(t)); !errors.Is(err, audit.ErrTampered) || none.Len() > 0 {
		t.Errorf("somebody else's checkpoint is handed on: %v", err)
	}
}

// intruder is an anchor at whose second checkpoint something comes in between.
type intruder struct {
	place
	comes func()
}

func (i *intruder) Publish(ctx context.Context, c anchor.Checkpoint) error {
	err := i.place.Publish(ctx, c)
	if len(i.taken) == 2 {
		i.comes()
	}
	return err
}

// What is archived leaves the database, and the trail is proven as before.
func TestArchive(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	b.old(3)
	b.fill(10)
	name := filepath.Join(t.TempDir(), "2024-01")
	if _, err := audit.Archive(t.Context(), b.owner(), b.trail, time.Now(), name); !portal.Is(err, portal.KindConflict) {
		t.Errorf("this month: %v", err)
	}
	if _, err := audit.Archive(t.Context(), b.owner(), b.trail, january.AddDate(0, 1, 0), name); !portal.Is(err, portal.KindNotFound) {
		t.Errorf("a month that is not there: %v", err)
	}
	b.asOwner(`UPDATE events SET kind = 'cluster_drifted' WHERE summary = 'old 1'`)
	if _, err := audit.Archive(t.Context(), b.owner(), b.trail, january, name); !portal.Is(err, portal.KindConflict) || !strings.Contains(err.Error(), "changes of clusters in January 2024 are open (1)") {
		t.Errorf("with a change that nobody has explained: %v", err)
	}
	b.asOwner(`UPDATE events SET kind = (SELECT kind FROM events WHERE summary = 'old 2') WHERE summary = 'old 1'`)
	late := func(n int) {
		b.asOwner(`INSERT INTO events (id, at, kind, outcome, issuer, subject, actor_name, summary)
			VALUES ($1, '2024-01-02', 'sign_in', 'done', 'i', 's', 'n', 'late')`, fmt.Sprintf("018cd000-0000-7000-8000-0000000000%d", n))
	}
	b.trail.Anchors = []anchor.Anchor{&intruder{place: place{name: "a", prompt: true}, comes: func() { late(10) }}}
	if _, err := audit.Archive(t.Context(), b.owner(), b.trail, january, name+"-changed"); err == nil {
		t.Error("an event that came after the archive was written is removed")
	}
	b.trail.Anchors = nil
	b.asOwner(`DELETE FROM events WHERE summary = 'late'`)
	count, err := audit.Archive(t.Context(), b.owner(), b.trail, january, name)
	b.must(err)
	r := b.verify()
	b.wantOK(r)
	if count != 3 || r.Archived != 3 || r.Events != 18 {
		t.Errorf("%d archived: %+v", count, r)
	}
	bundle, err := os.Open(name)
	b.must(err)
	defer func() { _ = bundle.Close() }()
	archived, err := audit.VerifyBundle(bundle, []string{b.key.Public})
	b.must(err)
	if !archived.OK() || archived.Events != 3 {
		t.Errorf("%+v", archived)
	}
	b.asOwner(`DELETE FROM events WHERE summary = 'event 7'`)
	b.wantFault(b.verify(), "event 13 ", "removed")
}
