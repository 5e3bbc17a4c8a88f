package browser

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// Ten tabs that were opened in the background work, although a browser opens
// only six connections to a host: none of them keeps one that nobody sees.
func TestTenTabs(t *testing.T) {
	p := signIn(t, "payments-member")
	p.open("/clusters")
	const tabs = 10
	before := p.targets()
	for range tabs {
		p.do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
			box := `(() => { const r = document.querySelector('a[href="/catalogue"]').getBoundingClientRect(); return [r.x + 5, r.y + 5] })()`
			at, err := chromedp.Run(ctx, chromedp.Evaluate[[]float64](box))
			if err != nil {
				return err
			}
			return chromedp.Do(ctx, chromedp.MouseClickXY(at[0], at[1], chromedp.ButtonModifiers(chromedp.ModifierCtrl)))
		}))
	}
	var opened []*tab
	deadline := time.Now().Add(patience)
	for len(opened) < tabs {
		if time.Now().After(deadline) {
			t.Fatalf("%d tabs were opened", len(opened))
		}
		for id := range p.targets() {
			if before[id] {
				continue
			}
			before[id] = true
			ctx, cancel := chromedp.NewContext(p.ctx, chromedp.WithTargetID(id))
			t.Cleanup(cancel)
			if err := chromedp.Do(ctx); err != nil { // see newTab
				t.Fatal(err)
			}
			opened = append(opened, &tab{t: t, ctx: ctx})
		}
	}
	for _, other := range opened {
		other.sees("h1", "Catalogue")
		if !eval[bool](other, "document.hidden") {
			t.Fatal("it was not opened in the background")
		}
	}
	p.open("/clusters")
	p.until(`document.getElementById("live")?._htmx?.sse?.reader != null`) // the one that is seen is live
	p.open("/requests")
	p.wait("h1")
	last := opened[tabs-1]
	// A tab that nobody sees is not drawn, so what a page waits for until it is
	// drawn never comes: here what arrives after the page's text, like all of it
	// on a first visit.
	last.do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, network.SetCacheDisabled, network.SetCacheDisabledParams{CacheDisabled: true})
		return err
	}))
	last.open("/clusters")
	last.wait("h1")
}

// targets are the tabs that there are.
func (p *tab) targets() map[target.ID]bool {
	p.t.Helper()
	list, err := chromedp.Targets(p.ctx)
	if err != nil {
		p.t.Fatal(err)
	}
	ids := map[target.ID]bool{}
	for _, info := range list {
		if info.Type == "page" {
			ids[info.TargetID] = true
		}
	}
	return ids
}
