package browser

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// mainPages are the pages that README and docs show, as the demo's company sees
// them, each with who looks at it.
var mainPages = []struct{ name, account, path string }{
	{"home", "payments-member", "/"},
	{"clusters", "payments-member", "/clusters"},
	{"cluster", "payments-member", "cluster payments-prod"},
	{"new-cluster", "payments-member", "/clusters/new"},
	{"requests", "payments-member", "/requests"},
	{"inbox", "payments-approver", "/inbox"},
	{"request", "payments-approver", "request"},
	{"audit", "auditor", "/audit"},
	{"policy", "admin", "/admin/policy"},
	{"teams", "admin", "/admin/teams"},
}

// storyDemo starts the demo with its story when it is first asked for. It outlives
// the test that does, and so is started by a goroutine that does, too.
var storyDemo = sync.OnceValues(func() (d demo, err error) {
	dir, err := os.MkdirTemp("", "portal-story-")
	if err != nil {
		return d, err
	}
	ready, over, gone := make(chan struct{}), make(chan struct{}), make(chan struct{})
	atEnd = append(atEnd, func() { close(over); <-gone; _ = os.RemoveAll(dir) })
	go func() {
		defer close(gone)
		var stop func()
		d, stop, err = startDemo(dir, "--story")
		close(ready)
		<-over
		if err == nil {
			stop()
		}
	}()
	<-ready
	return d, err
})

// visitor is somebody who has signed in at the demo with the story.
type visitor struct {
	*tab
	demo demo
}

// visitors sign in once each.
func visitors(tb testing.TB) func(account string) visitor {
	tb.Helper()
	d, err := storyDemo()
	if err != nil {
		tb.Fatal(err)
	}
	known := map[string]visitor{}
	return func(account string) visitor {
		if v, ok := known[account]; ok {
			return v
		}
		p := newTab(tb)
		p.at(d, "/")
		p.click(`button[value="` + account + `"]`)
		p.wait(`[data-testid=who]`)
		known[account] = visitor{p, d}
		return known[account]
	}
}

// address is where a main page is.
func (v visitor) address(path string) string {
	v.t.Helper()
	if name, ok := strings.CutPrefix(path, "cluster "); ok {
		v.at(v.demo, "/clusters")
		return eval[string](v.tab, `[...document.querySelectorAll("[data-testid=clusters] a")].find(a => a.textContent.trim() === `+quote(name)+`).getAttribute("href")`)
	}
	if path == "request" {
		v.at(v.demo, "/inbox")
		return eval[string](v.tab, `document.querySelector("main a[href^='/requests/']").getAttribute("href")`)
	}
	return path
}

// boxes is where the large parts of a page are, in pixels from the left, and how
// wide they are, by the width of the screen.
type boxes map[string]map[string][2]int

var update = flag.Bool("update", false, "make the pictures of docs anew, and take the layout of the pages as right")

// The main pages keep their layout.
func TestMainPagesKeepTheirLayout(t *testing.T) {
	const kept, slack = "testdata/layout.json", 8
	want, got := map[string]boxes{}, map[string]boxes{}
	if data, err := os.ReadFile(kept); err != nil || json.Unmarshal(data, &want) != nil {
		t.Fatalf("%s: %v", kept, err)
	}
	as := visitors(t)
	for _, m := range mainPages {
		v := as(m.account)
		path := v.address(m.path)
		got[m.name] = boxes{}
		for _, width := range []int64{1280, 390} {
			v.do(chromedp.EmulateViewport(width, 900), colours("light"))
			v.at(v.demo, path)
			v.until("document.readyState === 'complete'")
			got[m.name][fmt.Sprint(width)] = v.parts()
		}
		if *update {
			v.pictures(m.name, path)
		}
	}
	if *update {
		data, err := json.MarshalIndent(got, "", "\t")
		if err == nil {
			err = os.WriteFile(kept, append(data, '\n'), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	for _, m := range mainPages {
		for width, parts := range want[m.name] {
			for part, box := range parts {
				now, ok := got[m.name][width][part]
				if !ok || abs(now[0]-box[0]) > slack || abs(now[1]-box[1]) > slack {
					t.Errorf("%s at %s pixels: %s is at %v (there: %t), was at %v; after looking at it, make screenshots keeps it", m.name, width, part, now, ok, box)
				}
			}
		}
	}
}

// parts are the landmarks of a page and the panels that have names.
func (p *tab) parts() map[string][2]int {
	p.t.Helper()
	return eval[map[string][2]int](p, `(() => {
		const parts = {}, note = (name, e) => { const b = e.getBoundingClientRect(); if (b.width > 0) parts[name] ??= [Math.round(b.left), Math.round(b.width)] };
		for (const name of ["header", "main", "h1"]) for (const e of document.querySelectorAll(name)) note(name === "h1" ? "h1 from the left" : name, e);
		for (const e of document.querySelectorAll("nav[aria-label], main :is(section, aside, form, .panel)[aria-label]")) note(e.tagName.toLowerCase() + " " + e.ariaLabel, e);
		const h1 = parts["h1 from the left"]; if (h1) h1[1] = 0; // as wide as its text
		return parts })()`)
}

func abs(n int) int { return max(n, -n) }

// pictures leaves a picture of the first screen of a page in both themes.
func (v visitor) pictures(name, path string) {
	v.t.Helper()
	quality := int64(85)
	for _, scheme := range []string{"light", "dark"} {
		v.do(chromedp.EmulateViewport(1280, 800), colours(scheme))
		v.at(v.demo, path)
		v.until("document.readyState === 'complete'")
		picture, err := chromedp.Call(v.ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{Format: page.CaptureScreenshotFormatWebp, Quality: &quality})
		if err != nil {
			v.t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root(), "docs", "screenshots", name+"-"+scheme+".webp"), picture.Data, 0o644); err != nil { //nolint:gosec // it is published
			v.t.Fatal(err)
		}
	}
}
