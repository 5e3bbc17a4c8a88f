package main

import (
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// ask calls a simulator and returns the status and the body.
func ask(t *testing.T, method, url, token, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(content)
}

// TestSimulator starts it alone, makes a cluster, and finds it again after the
// next start.
func TestSimulator(t *testing.T) {
	t.Parallel()
	listen, file := freeAddress(t), filepath.Join(t.TempDir(), "state.json")
	url := "http://" + listen
	p := start(t, nil, "simulator", "--listen", listen, "--token", "t", "--scoped-token", "r=kubernetes:read", "--data", file,
		"--speed", "1000000", "--fault", "list_options,kind=status,status=503", "--no-limits")
	p.hears("ready " + url + "\n")
	const shop = `{"name":"shop","region":"fra1","version":"latest","node_pools":[{"name":"web","size":"c-2","count":1}]}`
	if status, body := ask(t, "POST", url+"/v2/kubernetes/clusters", "t", shop); status != 201 {
		t.Errorf("%d %s", status, body)
	}
	for _, c := range []struct {
		method, path, token string
		want                int
	}{
		{"GET", "/v2/kubernetes/options", "t", 503}, {"GET", "/v2/kubernetes/options", "t", 200},
		{"GET", "/v2/kubernetes/clusters", "r", 200}, {"POST", "/v2/kubernetes/clusters", "r", 403},
		{"GET", "/v2/kubernetes/clusters", "x", 401}, {"GET", "/_sim/calls", "t", 404},
	} {
		if status, body := ask(t, c.method, url+c.path, c.token, ""); status != c.want {
			t.Errorf("%s %s as %s: %d, want %d: %s", c.method, c.path, c.token, status, c.want, body)
		}
	}
	p.interrupt()
	if code := p.ends(); code != 0 {
		t.Errorf("exit %d: %s", code, p.text())
	}

	p = start(t, nil, "simulator", "--listen", listen, "--token", "t", "--data", file, "--admin")
	p.hears("ready")
	if status, body := ask(t, "GET", url+"/v2/kubernetes/clusters", "t", ""); status != 200 || !strings.Contains(body, `"shop"`) || !strings.Contains(body, `"running"`) {
		t.Errorf("after the next start: %d %s", status, body)
	}
	if status, _ := ask(t, "GET", url+"/_sim/calls", "", ""); status != 200 {
		t.Errorf("calls: %d", status)
	}
}

// What is in the way is told in one line.
func TestSimulatorThatCannotBe(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	bad := filepath.Join(t.TempDir(), "bad.json")
	if err := os.WriteFile(bad, []byte("<html>"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"address already in use":    {"--listen", taken.Addr().String(), "--token", "t"},
		bad:                         {"--token", "t", "--data", bad},
		"--data":                    {"--token", "t", "--data", filepath.Join(bad, "x")},
		`no operation "drop_table"`: {"--token", "t", "--fault", "drop_table,kind=lost"},
		"--scoped-token":            {"--token", "t", "--scoped-token", "kubernetes:read"},
		"--token must not be empty": {"--token", ""},
		"--speed must be above 0":   {"--token", "t", "--speed", "0"},
	} {
		p := start(t, nil, append([]string{"simulator"}, args...)...)
		if code := p.ends(); code != 1 {
			t.Errorf("%v: exit %d", args, code)
		}
		if got := p.text(); !strings.Contains(got, want) || strings.Count(got, "\n") != 1 {
			t.Errorf("%v: it said %q, want %q in one line", args, got, want)
		}
	}
}
