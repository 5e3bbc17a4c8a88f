// Package browser walks through the product in a real browser, against the
// demo that `make demo` runs. It sees what people see: scripts, live updates,
// focus, contrast, a phone's width. `make test` runs it; it needs Chromium.
package browser

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// patience is how long something may take that takes no time on a machine at
// rest.
const patience = 30 * time.Second

// The demo that all tests share, and the browser.
var (
	base      string // URL of the portal
	simulator string // URL of the simulated DigitalOcean
	browser   context.Context
	atEnd     []func() // what ends with all tests
)

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "portal-browser-")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	demo, stop, err := startDemo(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer stop()
	base, simulator = demo.base, demo.simulator
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.DisableGPU,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-dev-shm-usage", true))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	defer cancel()
	var cancelBrowser context.CancelFunc
	browser, cancelBrowser = chromedp.NewContext(allocator)
	defer cancelBrowser()
	if err := chromedp.Do(browser); err != nil {
		fmt.Fprintln(os.Stderr, "the browser does not start:", err)
		return 1
	}
	code := m.Run()
	for _, end := range atEnd {
		end()
	}
	return code
}

// demo is where a demo answers.
type demo struct{ base, simulator string }

// startDemo runs the demo of bin/portal on free ports and waits until it says
// that it is ready.
func startDemo(dir string, flags ...string) (at demo, stop func(), err error) {
	runtime.LockOSThread() // the demo ends with the thread that started it
	listen, sim, issuer := freeAddress(), freeAddress(), freeAddress()
	flags = append([]string{"demo", "--story=false", "--data", filepath.Join(dir, "data"), "--listen", listen, "--simulator", sim, "--issuer", issuer}, flags...)
	cmd := exec.Command(filepath.Join(root(), "bin", "portal"), flags...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGINT}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return at, nil, err
	}
	if err := cmd.Start(); err != nil {
		return at, nil, fmt.Errorf("the demo does not start (make build makes it): %w", err)
	}
	stop = func() {
		_ = cmd.Process.Signal(syscall.SIGINT)
		_ = cmd.Wait()
	}
	scanner := bufio.NewScanner(stdout)
	for scanner.Scan() {
		if url, ok := strings.CutPrefix(scanner.Text(), "ready "); ok {
			return demo{url, "http://" + sim}, stop, nil
		}
	}
	stop()
	return at, nil, fmt.Errorf("the demo ended before it was ready")
}

func freeAddress() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// root is the directory of the project.
func root() string {
	dir, err := filepath.Abs("../..")
	if err != nil {
		panic(err)
	}
	return dir
}

// tab is a page in a browser of its own, with its own cookies.
type tab struct {
	t   testing.TB
	ctx context.Context
}

// newTab opens a page in a browser that knows nobody yet.
func newTab(t testing.TB) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	// The page lives as long as the context that it is first used with, so
	// that must not be one that ends after a while.
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return &tab{t: t, ctx: ctx}
}

// signIn opens a page of somebody who has signed in.
func signIn(t *testing.T, account string) *tab {
	t.Helper()
	p := newTab(t)
	p.open("/")
	p.click(`button[value="` + account + `"]`)
	p.wait(`[data-testid=who]`)
	return p
}

func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatalf("%v\n%s", err, p.seen())
	}
}

func (p *tab) open(path string) { p.t.Helper(); p.do(chromedp.Navigate(base + path)) }
func (p *tab) wait(css string) {
	p.t.Helper()
	p.until("document.querySelector(" + quote(css) + ") !== null")
}
func (p *tab) click(css string)       { p.t.Helper(); p.do(chromedp.Click(chromedp.CSS(css))) }
func (p *tab) fill(css, value string) { p.t.Helper(); p.set(css, value) }

// set puts a value into a control as typing or choosing would.
func (p *tab) set(css, value string) {
	p.t.Helper()
	p.wait(css)
	eval[bool](p, `(() => { const e = document.querySelector(`+quote(css)+`); e.focus(); e.value = `+quote(value)+`;
		e.dispatchEvent(new Event("input", {bubbles: true})); e.dispatchEvent(new Event("change", {bubbles: true})); return true })()`)
}

// eval is what a script in the page gives.
func eval[T any](p *tab, script string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%s: %v\n%s", script, err, p.seen())
	}
	return v
}

// until waits until a condition holds in the page, whichever that is by then. A page
// of which only the beginning has arrived is not asked: what the test looks at next
// may be in the rest.
func (p *tab) until(condition string) {
	p.t.Helper()
	condition = `document.readyState !== "loading" && (` + condition + `)`
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	for {
		// While a page is left for the next one there is nothing to ask.
		if ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](condition)); err == nil && ok {
			return
		}
		select {
		case <-ctx.Done():
			p.t.Fatalf("never true: %s\n%s", condition, p.seen())
		case <-time.After(30 * time.Millisecond):
		}
	}
}

// sees waits until an element has a text.
func (p *tab) sees(css, text string) {
	p.t.Helper()
	p.until(`[...document.querySelectorAll(` + quote(css) + `)].some(e => e.textContent.replace(/\s+/g, " ").includes(` + quote(text) + `))`)
}

// seesNot reports a failure when an element has a text now.
func (p *tab) seesNot(css, text string) {
	p.t.Helper()
	if eval[bool](p, `[...document.querySelectorAll(`+quote(css)+`)].some(e => e.textContent.replace(/\s+/g, " ").includes(`+quote(text)+`))`) {
		p.t.Errorf("%s says %q\n%s", css, text, p.seen())
	}
}

// value is what a control has.
func (p *tab) value(css string) string {
	p.t.Helper()
	p.wait(css)
	return eval[string](p, `document.querySelector(`+quote(css)+`).value`)
}

// seen is the text of the page, for messages.
func (p *tab) seen() string {
	ctx, cancel := context.WithTimeout(p.ctx, 5*time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string]("location.href + '\\n' + document.body.innerText"))
	if err != nil {
		return "(no page)"
	}
	return text
}

// path is the address of the page without the host.
func (p *tab) path() string {
	p.t.Helper()
	return eval[string](p, "location.pathname")
}

// check looks for faults of accessibility in light and dark, and that nothing
// is wider than a phone. With PORTAL_SCREENSHOTS set to a directory it leaves
// pictures there.
func (p *tab) check(name string) {
	p.t.Helper()
	axe, err := os.ReadFile(filepath.Join(root(), "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		p.t.Fatal(err)
	}
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{1280, 390} {
			p.do(chromedp.EmulateViewport(width, 900), colours(scheme))
			p.picture(fmt.Sprintf("%s-%s-%d", name, scheme, width))
			if wide := eval[int64](p, "document.documentElement.scrollWidth"); wide > width {
				p.t.Errorf("%s is %d pixels wide on a screen of %d: %q", name, wide, width, p.beyond())
			}
		}
		eval[bool](p, string(axe)+"; true")
		faults := eval[[]string](p, `axe.run(document, {resultTypes: ["violations"]}).then(r => r.violations
			.filter(v => ["serious", "critical"].includes(v.impact))
			.map(v => v.id + ": " + v.help + ": " + v.nodes.map(n => n.html).join(" | ")))`)
		for _, fault := range faults {
			p.t.Errorf("%s in %s: %s", name, scheme, fault)
		}
	}
	p.do(chromedp.EmulateViewport(1280, 900), colours("light"))
}

// beyond is what is further to the right than the screen, and not scrolled in a
// part of its own.
func (p *tab) beyond() []string {
	p.t.Helper()
	return eval[[]string](p, `[...document.body.querySelectorAll("*")].filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".overflow-x-auto, .overflow-auto"))
		.map(e => e.outerHTML.slice(0, 150)).slice(-3)`)
}

// fits makes sure that a button, with all of its text, stays on its panel on
// screens of all widths.
func (p *tab) fits(css string) {
	p.t.Helper()
	for _, width := range []int64{360, 768, 1280} {
		p.do(chromedp.EmulateViewport(width, 900))
		if !eval[bool](p, `(() => { const b = document.querySelector(`+quote(css)+`), box = b.getBoundingClientRect(), panel = b.closest(".panel").getBoundingClientRect();
			return box.left >= panel.left && box.right <= panel.right && b.scrollWidth <= b.clientWidth + 1 })()`) {
			p.t.Errorf("at %d %s runs out of its panel", width, css)
		}
	}
}

func colours(scheme string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
		return err
	})
}

func (p *tab) picture(name string) {
	p.t.Helper()
	dir := os.Getenv("PORTAL_SCREENSHOTS")
	if dir == "" {
		return
	}
	p.until("document.documentElement.scrollWidth > 0")
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600); err != nil {
		p.t.Fatal(err)
	}
}

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}
