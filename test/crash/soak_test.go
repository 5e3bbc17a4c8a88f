package crash

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"doksportal/internal/db/dbtest"
)

// TestSoak kills portals at random for as long as SOAK says, like SOAK=10m. SEED, which
// it prints, has it do the same kills again.
func TestSoak(t *testing.T) {
	whole, err := time.ParseDuration(os.Getenv("SOAK"))
	if err != nil {
		t.Skip("runs for as long as SOAK says, like SOAK=10m: see make soak")
	}
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("SEED"); text != "" {
		_, err := fmt.Sscan(text, &seed)
		must(t, err)
	}
	begun := time.Now()
	rounds, kills := 0, 0
	for ; time.Since(begun) < whole && !t.Failed(); rounds++ {
		t.Run(fmt.Sprint(rounds), func(t *testing.T) { kills += soak(t, rand.New(rand.NewPCG(seed, uint64(rounds)))) })
	}
	t.Logf("SEED=%d: %d rounds, %d kills in %s", seed, rounds, kills, time.Since(begun).Round(time.Second))
}

// soak has some executions cut off at some boundaries or moments, and holds what becomes
// of them.
func soak(t *testing.T, r *rand.Rand) (kills int) {
	ops := slices.Clone(operations)
	r.Shuffle(len(ops), func(i, j int) { ops[i], ops[j] = ops[j], ops[i] })
	s := newSite(t, dbtest.URL(t), ops[:1+r.IntN(atOnce)]...)
	for range 1 + r.IntN(4) {
		kills++
		p := s.serve()
		if r.IntN(3) == 0 { // at any moment
			p.ready()
			after := time.Duration(r.IntN(1500)) * time.Millisecond
			t.Logf("killed %s after it was ready", after)
			time.Sleep(after)
		} else {
			b, n := boundaries[r.IntN(len(boundaries))], 1+r.IntN(len(s.jobs))
			t.Logf("killed with %d of %d executions at %q", s.holdAt(b, n).count(), len(s.jobs), b.name)
		}
		s.bury(p)
	}
	s.end()
	s.checkTruth()
	return kills
}
