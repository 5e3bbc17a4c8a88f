package audit_test

import (
	"runtime/debug"
	"testing"

	"doksportal/internal/audit"
	"doksportal/internal/audit/export"
	"doksportal/internal/portal"
)

// BenchmarkExport exports a million events in each format, a hundred thousand with
// -short. 256 MiB is what one export may take.
func BenchmarkExport(b *testing.B) {
	count := 1_000_000
	if testing.Short() {
		count = 100_000
	}
	pool := durable(b)
	trail, key := newBenchTrail(b, pool)
	if _, err := trail.Checkpoint(b.Context()); err != nil { // of nothing, as a portal that goes on since
		b.Fatal(err)
	}
	generate(b, pool, count, 729)
	if _, err := trail.Checkpoint(b.Context()); err != nil {
		b.Fatal(err)
	}
	for _, f := range export.Formats {
		b.Run(f.Name, func(b *testing.B) {
			debug.FreeOSMemory()
			peak := watchHeap(b)
			var written counter
			for b.Loop() {
				s, err := audit.Select(b.Context(), pool, portal.EventFilter{})
				if err != nil || s.Events() != int64(count) {
					b.Fatalf("%d events, %v", s.Events(), err)
				}
				if err := f.Write(b.Context(), &written, s, key); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(count)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64(peak.Load())/(1<<20), "MiB")
			b.ReportMetric(float64(written)/float64(b.N)/(1<<20), "MiB-written")
		})
	}
}

// counter counts what is written.
type counter int64

func (c *counter) Write(b []byte) (int, error) { *c += counter(len(b)); return len(b), nil }
