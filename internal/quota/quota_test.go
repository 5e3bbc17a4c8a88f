package quota_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"doksportal/internal/portal"
	"doksportal/internal/quota"
)

// all and ofSize are lines on all nodes and on those of a size.
func all(limit, before, after int) portal.QuotaLine {
	return portal.QuotaLine{Title: "All nodes", Unit: "nodes", Limit: limit, Before: before, After: after, Allowed: true}
}

func ofSize(size string, limit, before, after int, allowed bool) portal.QuotaLine {
	return portal.QuotaLine{Title: size, Unit: size + " nodes", Size: size, Limit: limit, Before: before, After: after, Allowed: allowed}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	limits := portal.Quota{Nodes: 10, Sizes: map[string]int{"small": 8, "large": 2}}
	tests := []struct {
		name         string
		used, change portal.Usage
		want         []portal.QuotaLine
		over         bool
	}{
		{"exactly at the limit", portal.Usage{portal.NodesOf("small"): 5}, portal.Usage{portal.NodesOf("small"): 3},
			[]portal.QuotaLine{
				all(10, 5, 8),
				ofSize("small", 8, 5, 8, true),
			}, false},
		{"one over a size", portal.Usage{portal.NodesOf("small"): 5}, portal.Usage{portal.NodesOf("small"): 4},
			[]portal.QuotaLine{
				all(10, 5, 9),
				ofSize("small", 8, 5, 9, true),
			}, true},
		{"over in all only", portal.Usage{portal.NodesOf("small"): 8, portal.NodesOf("large"): 1}, portal.Usage{portal.NodesOf("large"): 1, portal.NodesOf("small"): 0, portal.NodesOf("x"): 0},
			[]portal.QuotaLine{
				all(10, 9, 10),
				ofSize("large", 2, 1, 2, true),
				ofSize("small", 8, 8, 8, true),
				ofSize("x", 0, 0, 0, false),
			}, false},
		{"a size that is not listed", nil, portal.Usage{portal.NodesOf("huge"): 1},
			[]portal.QuotaLine{
				all(10, 0, 1),
				ofSize("huge", 0, 0, 1, false),
			}, true},
		{"shrinking while over", portal.Usage{portal.NodesOf("small"): 20}, portal.Usage{portal.NodesOf("small"): -1},
			[]portal.QuotaLine{
				all(10, 20, 19),
				ofSize("small", 8, 20, 19, true),
			}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := quota.Check(limits, tt.used, tt.change)
			if diff := cmp.Diff(tt.want, got.Lines); diff != "" {
				t.Errorf("lines (-want +got):\n%s", diff)
			}
			if got.Over() != tt.over {
				t.Errorf("Over() = %v, want %v", got.Over(), tt.over)
			}
		})
	}
}

func TestStandingListsEveryLimitAndEverythingUsed(t *testing.T) {
	t.Parallel()
	limits := portal.Quota{Nodes: 4, Sizes: map[string]int{"small": 4}}
	got := quota.Standing(limits, portal.Usage{portal.NodesOf("old"): 2})
	want := []portal.QuotaLine{
		all(4, 2, 2),
		ofSize("old", 0, 2, 2, false),
		ofSize("small", 4, 0, 0, true),
	}
	if diff := cmp.Diff(want, got.Lines); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

func TestRoom(t *testing.T) {
	t.Parallel()
	limits := portal.Quota{Nodes: 10, Sizes: map[string]int{"small": 8, "large": 3}}
	used := portal.Usage{portal.NodesOf("small"): 8, portal.NodesOf("old"): 1}
	for size, want := range map[string]struct {
		left    int
		allowed bool
	}{"small": {0, true}, "large": {1, true}, "huge": {0, false}, "old": {0, false}} {
		if left, allowed := quota.Room(limits, used, portal.NodesOf(size)); left != want.left || allowed != want.allowed {
			t.Errorf("%s: %d %t, want %v", size, left, allowed, want)
		}
	}
	if left, _ := quota.Room(limits, portal.Usage{portal.NodesOf("small"): 12}, portal.NodesOf("large")); left != 0 {
		t.Errorf("over the limit there is room for %d", left)
	}
}
