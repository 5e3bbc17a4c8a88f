package audit_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"doksportal/internal/audit"
	"doksportal/internal/portal"
)

// selected are the entries of a selection.
func (b *bundle) selected(f portal.EventFilter) (list []audit.Entry) {
	b.t.Helper()
	s, err := audit.Select(b.t.Context(), b.pool, f)
	b.must(err)
	b.must(s.Each(b.t.Context(), func(e audit.Entry) error { list = append(list, e); return nil }))
	if s.Events() != int64(len(list)) {
		b.t.Errorf("%d events are announced, and %d come", s.Events(), len(list))
	}
	return list
}

// What is exported is what the pages of a search show, with its details, also what has
// no number yet.
func TestSelectionIsWhatSearchFinds(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	b.fill(1500)
	b.now = b.now.Add(time.Second)
	e := b.event("large")
	e.Kind, e.Reason, e.Target = portal.EventSubmitted, strings.Repeat("r", 4000), portal.EventTarget{Kind: portal.TargetCluster, ID: "c-9"}
	e.Data = map[string]any{"plan": strings.Repeat("x", 250_000), "n": 12345678901234567}
	for range 40 {
		b.append(e)
	}
	b.must(b.trail.Seal(t.Context()))
	b.append(e, b.event("waits"))
	for _, f := range []portal.EventFilter{
		{}, {Kind: portal.EventSubmitted}, {Cluster: "c-9"}, {Cluster: "c-2"}, {Text: "large"}, {From: b.now}, {To: b.now}, {TeamID: b.team.ID}, {Kind: portal.EventBreakGlass},
	} {
		f.Limit = 5000
		found, err := audit.Search(t.Context(), b.pool, f)
		b.must(err)
		slices.Reverse(found)
		list := b.selected(f)
		if len(list) != len(found) {
			t.Fatalf("%+v: %d are exported, and %d found", f, len(list), len(found))
		}
		for i, e := range list {
			if diff := cmp.Diff(found[i], e.Event); diff != "" {
				t.Fatal(diff)
			}
			if !strings.HasPrefix(string(e.Details), "{") {
				t.Fatalf("details %q", e.Details)
			}
		}
	}
	if list := b.selected(portal.EventFilter{Cluster: "c-9"}); len(list) != 41 || list[40].Number != -1 || !strings.Contains(string(list[0].Details), `"n":12345678901234567`) {
		t.Errorf("%d events, the last of number %d", len(list), list[len(list)-1].Number)
	}
}

// What comes after a selection was made is not part of it, and nobody is given less
// than was announced without a word.
func TestSelectionStaysAsItIs(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	b.fill(5)
	b.append(b.event("waits"))
	s, err := audit.Select(t.Context(), b.pool, portal.EventFilter{})
	b.must(err)
	b.fill(5) // and numbers what has waited
	var list []string
	b.must(s.Each(t.Context(), func(e audit.Entry) error { list = append(list, e.Summary); return nil }))
	if s.Events() != 6 || len(list) != 6 || list[5] != "waits" {
		t.Errorf("%d: %q", s.Events(), list)
	}
	stop := errors.New("enough")
	if err := s.Each(t.Context(), func(audit.Entry) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("%v", err)
	}
	b.asOwner(`DELETE FROM events WHERE summary = 'event 3' AND id IN (SELECT event_id FROM event_log WHERE number = 3)`)
	count := 0
	if err := s.Each(t.Context(), func(audit.Entry) error { count++; return nil }); !portal.Is(err, portal.KindConflict) || count != 3 {
		t.Errorf("after %d events: %v", count, err)
	}
	var none strings.Builder
	if err := s.WriteBundle(t.Context(), &none, b.key); !portal.Is(err, portal.KindConflict) {
		t.Errorf("%v", err)
	}
	b.asOwner(`DELETE FROM events WHERE summary = 'event 4' AND id IN (SELECT event_id FROM event_log WHERE number = 4)`)
	if err := s.Each(t.Context(), func(audit.Entry) error { return nil }); !portal.Is(err, portal.KindConflict) {
		t.Errorf("one without its end: %v", err)
	}
}

// A filter that narrows says so in its text, or a bundle would look like more than it
// is.
func TestFilterTextSaysAll(t *testing.T) {
	t.Parallel()
	if text := audit.FilterText(portal.EventFilter{}); text != "" {
		t.Errorf("no filter is %q", text)
	}
	seen := map[string]bool{}
	for i := range reflect.TypeFor[portal.EventFilter]().NumField() {
		var f portal.EventFilter
		field, name := reflect.ValueOf(&f).Elem().Field(i), reflect.TypeFor[portal.EventFilter]().Field(i).Name
		switch {
		case name == "Before" || name == "Limit": // of a page
			continue
		case field.Type() == reflect.TypeFor[time.Time]():
			field.Set(reflect.ValueOf(time.Date(2026, 1, 2, 0, 0, 0, 0, time.FixedZone("", 3600))))
		case name == "Actor":
			f.Actor = portal.Identity{Issuer: "i", Subject: "s"}
		case name == "Request":
			f.Request = 7
		default:
			field.SetString("a&b")
		}
		text := audit.FilterText(f)
		if text == "" || seen[text] {
			t.Errorf("%s: %q", name, text)
		}
		seen[text] = true
	}
	if text := audit.FilterText(portal.EventFilter{From: time.Date(2026, 1, 2, 0, 0, 0, 0, time.FixedZone("", 3600))}); text != "from=2026-01-01T23%3A00%3A00Z" {
		t.Errorf("%q", text)
	}
}
