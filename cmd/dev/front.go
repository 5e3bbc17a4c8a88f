package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:embed reload.js
var reloadScript []byte

// front is what browsers talk to. It passes on what they ask to the newest
// portal, serves the newest browser assets itself, and has each page loaded
// again when there is something newer.
type front struct {
	http.Server
	assets string // their directory

	mu     sync.Mutex
	portal string        // host:port of the newest portal
	build  string        // names what is shown now
	newer  chan struct{} // closed when build changes
}

func newFront(assets string) *front {
	f := &front{assets: assets, newer: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /dev/reload.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = w.Write(reloadScript) // whoever has gone does not read it
	})
	mux.HandleFunc("GET /dev/builds", f.builds)
	mux.HandleFunc("GET /static/{name}", f.asset)
	mux.Handle("/", &httputil.ReverseProxy{Rewrite: f.pass, ModifyResponse: f.insert, ErrorHandler: unanswered})
	f.Handler, f.ReadHeaderTimeout = mux, 10*time.Second
	return f
}

// show has all open pages reloaded, from the portal at address.
func (f *front) show(address string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.portal, f.build = address, strconv.FormatInt(time.Now().UnixNano(), 36)
	close(f.newer)
	f.newer = make(chan struct{})
}

func (f *front) now() (portal, build string, newer <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.portal, f.build, f.newer
}

func (f *front) pass(r *httputil.ProxyRequest) {
	portal, _, _ := f.now()
	r.Out.URL.Scheme, r.Out.URL.Host = "http", portal
	r.Out.Header.Del("Accept-Encoding") // insert reads what comes
}

// nonce is that of the policy on scripts, which a page sets for each answer.
var nonce = regexp.MustCompile(`script-src 'nonce-([^']+)'`)

// insert puts the script that waits for something newer into a page.
func (f *front) insert(resp *http.Response) error {
	found := nonce.FindStringSubmatch(resp.Header.Get("Content-Security-Policy"))
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") || found == nil || resp.Request.Method == http.MethodHead {
		return nil
	}
	page, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return err
	}
	_, build, _ := f.now()
	script := fmt.Sprintf(`<script src="/dev/reload.js?build=%s" nonce="%s"></script></head>`, build, found[1])
	page = bytes.Replace(page, []byte("</head>"), []byte(script), 1)
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(page)), int64(len(page))
	resp.Header.Set("Content-Length", strconv.Itoa(len(page)))
	return nil
}

func unanswered(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() == nil {
		http.Error(w, "the portal is not responding: "+err.Error(), http.StatusBadGateway)
	}
}

// builds tells a page which build is shown, and each that comes.
func (f *front) builds(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	for {
		_, build, newer := f.now()
		if _, err := fmt.Fprintf(w, "data: %s\n\n", build); err != nil {
			return
		}
		if err := http.NewResponseController(w).Flush(); err != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-newer:
		}
	}
}

// hashed is the name of a built asset, which holds a hash of its content.
var hashed = regexp.MustCompile(`^(.+)-[0-9a-f]{12}(\.\w+)$`)

// asset serves the newest content of an asset, whichever the portal was built
// with.
func (f *front) asset(w http.ResponseWriter, r *http.Request) {
	manifest, err := os.ReadFile(filepath.Join(f.assets, "manifest.json"))
	var names map[string]string
	if err = errors.Join(err, json.Unmarshal(manifest, &names)); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	http.ServeFile(w, r, filepath.Join(f.assets, names[hashed.ReplaceAllString(r.PathValue("name"), "$1$2")]))
}

// freeAddress is one that nobody listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
