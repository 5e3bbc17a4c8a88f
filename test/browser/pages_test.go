package browser

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Whoever follows the links finds no page that complains, has no title, or is
// wider than the screen, from a phone's to a large one's.
func TestEveryPage(t *testing.T) {
	for _, account := range []string{"payments-member", "admin", "auditor"} {
		t.Run(account, func(t *testing.T) {
			p := signIn(t, account)
			complaints := p.complaints()
			seen := map[string]bool{}
			for queue := []string{"/", "/me/sign-in", "/search?q=pay", "/ui"}; len(queue) > 0; queue = queue[1:] {
				kind := ids.ReplaceAllString(queue[0], ":")
				if seen[kind] {
					continue
				}
				seen[kind] = true
				p.open(queue[0])
				p.until("document.readyState === 'complete'")
				for _, fault := range append(p.misplaced(), complaints()...) {
					t.Errorf("%s: %s", queue[0], fault)
				}
				queue = append(queue, eval[[]string](p, `[...document.querySelectorAll("a[href]:not([download])")].map(a => new URL(a.href))
					.filter(u => u.origin === location.origin && !u.pathname.startsWith("/static")).map(u => u.pathname + u.search)`)...)
			}
			if len(seen) < 8 {
				t.Errorf("only %d pages were found", len(seen))
			}
		})
	}
}

// ids are what tells pages of one kind from each other, and what of their address
// does not make another page.
var ids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}|\b[0-9]+\b|\?.*$|(teams/)[a-z0-9-]+`)

// complaints has a page note what its console says of errors, and what its policy
// forbids. It returns those since it was last called.
func (p *tab) complaints() func() []string {
	p.t.Helper()
	var mu sync.Mutex
	var list []string
	note := func(text string) {
		mu.Lock()
		defer mu.Unlock()
		list = append(list, text)
	}
	err := chromedp.Listen(p.ctx, func(ev any) {
		switch ev := ev.(type) {
		case *log.EventEntryAdded:
			if ev.Entry.Level == log.EntryLevelError {
				note(ev.Entry.Text)
			}
		case *runtime.EventExceptionThrown:
			note(ev.ExceptionDetails.Text)
		}
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		since := list
		list = nil
		return since
	}
}

// misplaced says what of a page is not where it should be, at several widths.
func (p *tab) misplaced() []string {
	p.t.Helper()
	var faults []string
	if title := eval[string](p, "document.title"); !strings.HasSuffix(title, " · DOKS Portal") || strings.HasPrefix(title, " ") {
		faults = append(faults, fmt.Sprintf("its title is %q", title))
	}
	for _, width := range []int64{360, 768, 1280, 1920} {
		p.do(chromedp.EmulateViewport(width, 900))
		if wide := eval[int64](p, "document.documentElement.scrollWidth"); wide > width {
			faults = append(faults, fmt.Sprintf("at %d pixels: it is %d pixels wide: %q", width, wide, p.beyond()))
		}
		for _, fault := range eval[[]string](p, `(() => {
			const faults = [];
			for (const e of document.querySelectorAll(".panel :is(.btn, input, select, textarea)")) {
				const box = e.getBoundingClientRect(), panel = e.closest(".panel"), around = panel.getBoundingClientRect();
				if (box.width > 0 && getComputedStyle(panel).overflowX === "visible" && !e.closest(".overflow-x-auto, .overflow-auto") && box.right > around.right + 1)
					faults.push("runs out of its panel: " + e.outerHTML.slice(0, 200));
			}
			return faults })()`) {
			faults = append(faults, fmt.Sprintf("at %d pixels: %s", width, fault))
		}
	}
	return slices.Compact(faults)
}
