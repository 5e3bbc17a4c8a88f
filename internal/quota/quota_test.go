package quota_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"doksportal/internal/portal"
	"doksportal/internal/quota"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	limits := portal.Quota{Nodes: 10, Sizes: map[string]int{"small": 8, "large": 2}}
	tests := []struct {
		name         string
		used, change portal.Usage
		want         []portal.QuotaLine
		over         bool
	}{
		{"exactly at the limit", portal.Usage{"small": 5}, portal.Usage{"small": 3},
			[]portal.QuotaLine{
				{Limit: 10, Before: 5, After: 8, Allowed: true},
				{Size: "small", Limit: 8, Before: 5, After: 8, Allowed: true},
			}, false},
		{"one over a size", portal.Usage{"small": 5}, portal.Usage{"small": 4},
			[]portal.QuotaLine{
				{Limit: 10, Before: 5, After: 9, Allowed: true},
				{Size: "small", Limit: 8, Before: 5, After: 9, Allowed: true},
			}, true},
		{"over in all only", portal.Usage{"small": 8, "large": 1}, portal.Usage{"large": 1, "small": 0, "x": 0},
			[]portal.QuotaLine{
				{Limit: 10, Before: 9, After: 10, Allowed: true},
				{Size: "large", Limit: 2, Before: 1, After: 2, Allowed: true},
				{Size: "small", Limit: 8, Before: 8, After: 8, Allowed: true},
				{Size: "x", Limit: 0, Before: 0, After: 0},
			}, false},
		{"a size that is not listed", nil, portal.Usage{"huge": 1},
			[]portal.QuotaLine{
				{Limit: 10, Before: 0, After: 1, Allowed: true},
				{Size: "huge", Limit: 0, Before: 0, After: 1},
			}, true},
		{"shrinking while over", portal.Usage{"small": 20}, portal.Usage{"small": -1},
			[]portal.QuotaLine{
				{Limit: 10, Before: 20, After: 19, Allowed: true},
				{Size: "small", Limit: 8, Before: 20, After: 19, Allowed: true},
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
	got := quota.Standing(limits, portal.Usage{"old": 2})
	want := []portal.QuotaLine{
		{Limit: 4, Before: 2, After: 2, Allowed: true},
		{Size: "old", Before: 2, After: 2},
		{Size: "small", Limit: 4, Allowed: true},
	}
	if diff := cmp.Diff(want, got.Lines); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}
