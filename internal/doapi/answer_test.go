package doapi_test

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Redirects would carry the token elsewhere.
func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	var reached atomic.Bool
	elsewhere := answering(t, func(http.ResponseWriter, *http.Request) { reached.Store(true) })
	server := answering(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere, http.StatusTemporaryRedirect)
	})
	c := client(t, server, token)
	_, err := c.GetCluster(t.Context(), "a")
	err2 := c.DeleteCluster(t.Context(), "a")
	if err == nil || err2 == nil || reached.Load() {
		t.Errorf("%v, %v, reached: %v", err, err2, reached.Load())
	}
}

func TestAnswersThatCannotBe(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"another cluster": `{"kubernetes_cluster":{"id":"b"}}`,
		"no cluster":      `{}`,
		"rubbish":         `<html>`,
		"half":            `{"kubernetes_cluster":{"id":"a"`,
		"a wrong type":    `{"kubernetes_cluster":{"id":7}}`,
		"too large":       `{"kubernetes_cluster":{"id":"a","name":"` + strings.Repeat("x", 33<<20) + `"}}`,
	} {
		server := answering(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
		c := client(t, server, token)
		if got, err := c.GetCluster(t.Context(), "a"); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
		if _, err := c.CreateCluster(t.Context(), params("a")); name != "another cluster" && class(err) != "unknown" {
			t.Errorf("%s as the answer to a create: %s", name, class(err))
		}
	}
	server := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"kubernetes_cluster":{"id":"a","status":{"state":"brand-new"},"unheard_of":{"x":1},"node_pools":null,"tags":null}}`)
	})
	if c, err := client(t, server, token).GetCluster(t.Context(), "a"); err != nil || c.Status.State != "brand-new" {
		t.Errorf("a state that nobody has heard of: %+v, %v", c, err)
	}
}

// What a proxy says is not handed out as a kubeconfig, nor is half of one.
func TestKubeconfigsThatCannotBe(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"nothing": "", "a page": "<html>", "too large": "apiVersion: v1\n" + strings.Repeat("x", 33<<20),
	} {
		s := answers(t, saying(200, body))
		if got, err := client(t, s.url, token).GetKubeconfig(t.Context(), "c1", time.Minute); err == nil || len(got) != 0 {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
}

// An identifier cannot name another path.
func TestIdentifiers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, id := range []string{"", ".", "..", "a/b", "../clusters", "a?b", "a#b", "%2e%2e", `a\b`} {
		if err := b.DeleteCluster(t.Context(), id); class(err) != "refused" {
			t.Errorf("%q: %v", id, err)
		}
		if _, err := b.GetCluster(t.Context(), id); err == nil {
			t.Errorf("%q names a cluster", id)
		}
	}
	for _, operation := range []string{"get_cluster", "delete_cluster", "list_clusters"} {
		if n := b.sim.CallCount(operation); n != 0 {
			t.Errorf("%s was called %d times", operation, n)
		}
	}
}
