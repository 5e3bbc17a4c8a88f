package doapi_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"doksportal/internal/doapi"
	"doksportal/internal/doapi/dosim"
)

// TestWritesThatFail goes through the ways in which a write fails: each is
// sent once, and what it may have done is known.
func TestWritesThatFail(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fault      dosim.Fault
		want       string
		exists     bool
		words      string
		retryAfter time.Duration
	}{
		{dosim.Fault{}, "done", true, "", 0},
		{dosim.Fault{Kind: dosim.FaultReset}, "unknown", false, "could not be reached", 0},
		{dosim.Fault{Kind: dosim.FaultLost}, "unknown", true, "could not be reached", 0},
		{dosim.Fault{Kind: dosim.FaultCut}, "unknown", true, "cut off", 0},
		{dosim.Fault{Kind: dosim.FaultRubbish}, "unknown", true, "cut off", 0},
		{dosim.Fault{Kind: dosim.FaultDoneError}, "unknown", true, "Unexpected server-side error", 0},
		{dosim.Fault{Kind: dosim.FaultStatus, Status: 500, ID: "server_error", Message: "oops"}, "unknown", false, "oops", 0},
		{dosim.Fault{Kind: dosim.FaultStatus, Status: 503, ID: "unavailable", Message: "later"}, "unknown", false, "later", 0},
		{dosim.Fault{Kind: dosim.FaultStatus, Status: 408, ID: "timeout", Message: "slow"}, "unknown", false, "slow", 0},
		{dosim.Fault{Kind: dosim.FaultStatus, Status: 302, ID: "moved", Message: "elsewhere"}, "unknown", false, "", 0},
		{dosim.Fault{Kind: dosim.FaultStatus, Status: 429, ID: "too_many_requests", Message: "API rate limit exceeded."}, "rate limited", false, "API rate limit exceeded.", time.Second},
		{dosim.Fault{Kind: dosim.FaultStatus, Status: 401, ID: "unauthorized", Message: "Unable to authenticate you."}, "refused", false, "token is not accepted", 0},
		{dosim.Fault{Kind: dosim.FaultStatus, Status: 403, ID: "forbidden", Message: "you do not have access for the attempted action"}, "refused", false, "you do not have access", 0},
		{dosim.Fault{Kind: dosim.FaultStatus, Status: 404, ID: "not_found", Message: "cluster not found"}, "not found", false, "cluster not found", 0},
		{dosim.Fault{Kind: dosim.FaultStatus, Status: 422, ID: "unprocessable_entity", Message: "invalid"}, "refused", false, "invalid", 0},
	} {
		b := setup(t)
		if c.fault.Kind != "" {
			c.fault.Operation = "create_cluster"
			b.sim.Inject(c.fault)
		}
		_, err := b.CreateCluster(t.Context(), params("shop"))
		name := fmt.Sprint(c.fault.Kind, c.fault.Status)
		if got := class(err); got != c.want {
			t.Errorf("%s: %s, want %s: %v", name, got, c.want, err)
		}
		if n := b.sim.CallCount("create_cluster"); n != 1 {
			t.Errorf("%s: sent %d times", name, n)
		}
		if list, err := b.ListClusters(t.Context()); err != nil || (len(list) == 1) != c.exists {
			t.Errorf("%s: %d clusters, %v", name, len(list), err)
		}
		if err != nil && !strings.Contains(doapi.UserMessage(err), c.words) {
			t.Errorf("%s: %q, want %q", name, doapi.UserMessage(err), c.words)
		}
		var e *doapi.Error
		if errors.As(err, &e) && e.RetryAfter != c.retryAfter {
			t.Errorf("%s: retry after %s", name, e.RetryAfter)
		}
	}
}

// What never reached DigitalOcean has certainly not happened.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := "http://" + l.Addr().String()
	_ = l.Close()
	c := client(t, address, token)
	if _, err := c.CreateCluster(t.Context(), params("shop")); class(err) != "unavailable" {
		t.Errorf("%s: %v", class(err), err)
	}
	if err := c.DeleteCluster(t.Context(), "x"); class(err) != "unavailable" {
		t.Errorf("%s: %v", class(err), err)
	}
}

// A call that takes too long is cut off, and nobody knows what it did.
func TestTimeout(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.sim.Inject(dosim.Fault{Operation: "create_cluster", Delay: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := b.CreateCluster(ctx, params("shop")); class(err) != "unknown" || doapi.UserMessage(err) != "it did not answer in time." {
		t.Errorf("%s: %v", class(err), err)
	}
}

// A write that meets a connection which the server is just closing may or may
// not have been heard. Each has a connection of its own, so that no outcome is
// unknown for that reason.
func TestWritesHaveTheirOwnConnection(t *testing.T) {
	t.Parallel()
	var writes atomic.Int64
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serveOnce(conn, &writes)
		}
	}()
	c := client(t, "http://"+l.Addr().String(), token)
	for i := range 3 {
		before := writes.Load()
		err := c.DeleteCluster(t.Context(), "a")
		if sent := writes.Load() - before; err != nil || sent != 1 {
			t.Fatalf("write %d was sent %d times: %v", i, sent, err)
		}
	}
}

// serveOnce answers one request with a promise to keep the connection, and
// closes it as soon as a second one has come.
func serveOnce(conn net.Conn, writes *atomic.Int64) {
	defer func() { _ = conn.Close() }()
	r := bufio.NewReader(conn)
	for first := true; ; first = false {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		writes.Add(1)
		if !first {
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
	}
}
