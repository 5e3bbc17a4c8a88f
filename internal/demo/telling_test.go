package demo_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"doksportal/internal/store"
)

// A demo begins with the story, once. One that was cut off while it told it
// begins again.
func TestStoryIsToldOnce(t *testing.T) {
	t.Parallel()
	o := options(t)
	o.Story = true
	b := start(t, o)
	before := b.numbers()
	if got := b.names(); len(before) < 250 || len(got) < 40 || !slices.Contains(got, "payments-prod") {
		t.Errorf("there are %d requests, and the clusters %q", len(before), got)
	}
	b.stop()

	b = start(t, elsewhere(t, o))
	if got := b.numbers(); !slices.Equal(got, before) {
		t.Errorf("after a second start there are %d requests, before %d", len(got), len(before))
	}
	b.stop()

	if err := os.WriteFile(filepath.Join(o.Data, "telling"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	o.Story = false
	b = start(t, elsewhere(t, o))
	if got := b.clusters(); !slices.Equal(got, atFirst) {
		t.Errorf("after one that was cut off the inventory has %q", got)
	}
	b.stop()
	if got := start(t, elsewhere(t, o)).numbers(); len(got) > 0 {
		t.Errorf("without a story there are %d requests", len(got))
	}
}

// numbers are those of all requests.
func (b *bundle) numbers() []int64 {
	b.t.Helper()
	list, err := store.Requests(b.t.Context(), b.pool, store.RequestFilter{All: true, Limit: 1000})
	b.must(err)
	numbers := make([]int64, len(list))
	for i, r := range list {
		numbers[i] = r.Number
	}
	return numbers
}
