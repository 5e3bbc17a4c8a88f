package browser

import (
	"context"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// view is what a page costs whoever sees it for the first time.
type view struct {
	Bytes int64   // all that is loaded, compressed, with its headers
	Shift float64 // how much of what is seen moves while it is loaded
	Paint float64 // until the largest thing is there, in milliseconds
}

// first opens a page with an empty cache.
func (v visitor) first(path string) view {
	v.t.Helper()
	v.do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, network.SetCacheDisabled, network.SetCacheDisabledParams{CacheDisabled: true})
		return err
	}))
	v.at(v.demo, path)
	v.until("document.readyState === 'complete'")
	return eval[view](v.tab, `(async () => {
		const seen = { Bytes: 0, Shift: 0, Paint: 0 };
		const observe = (type, note) => new Promise(done => {
			const o = new PerformanceObserver(list => { list.getEntries().forEach(note); done() });
			o.observe({ type, buffered: true });
			setTimeout(() => { o.takeRecords().forEach(note); o.disconnect(); done() }, 200);
		});
		await Promise.all([observe("largest-contentful-paint", e => seen.Paint = e.startTime), observe("layout-shift", e => seen.Shift += e.value)]);
		for (const e of [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")])
			if (!e.name.endsWith("/events")) seen.Bytes += e.transferSize;
		return seen })()`)
}

// Whoever opens a page for the first time loads little, and nothing moves under
// their eyes.
func TestFirstView(t *testing.T) {
	const mostBytes, mostShift = 60_000, 0.02
	as := visitors(t)
	for _, m := range mainPages {
		v := as(m.account)
		path := v.address(m.path)
		seen := v.first(path)
		t.Logf("%s: %+v", m.name, seen)
		if seen.Bytes < 1000 || seen.Bytes > mostBytes {
			t.Errorf("%s takes %d bytes, and may take %d", m.name, seen.Bytes, mostBytes)
		}
		if seen.Shift > mostShift {
			t.Errorf("%s moves by %.3f while it is loaded", m.name, seen.Shift)
		}
	}
}

// BenchmarkFirstView opens each main page with an empty cache. It reports how long
// the slowest of them takes until its largest part is painted, also as a multiple
// of a page with little on it, and how many bytes the largest loads.
func BenchmarkFirstView(b *testing.B) {
	as := visitors(b)
	paths := map[string]string{}
	for _, m := range mainPages {
		paths[m.name] = as(m.account).address(m.path)
	}
	var slowest, bare float64
	var largest int64
	for b.Loop() {
		slowest, largest = 0, 0
		bare = as("admin").first("/me/sign-in").Paint
		for _, m := range mainPages {
			seen := as(m.account).first(paths[m.name])
			slowest, largest = max(slowest, seen.Paint), max(largest, seen.Bytes)
		}
	}
	b.ReportMetric(slowest, "ms-paint")
	b.ReportMetric(slowest/bare, "of-sign-in")
	b.ReportMetric(float64(largest), "bytes")
}
