package doapi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"doksportal/internal/doapi"
	"doksportal/internal/doapi/dosim"
)

const token = "dop_v1_canary"

// clock is a time that only tests move.
type clock struct{ now atomic.Int64 }

func (c *clock) Now() time.Time          { return time.Unix(0, c.now.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.now.Add(int64(d)) }

// someTime is in answers as 2026-01-02T03:04:05Z.
var someTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// noWait waits no time at all.
func noWait(ctx context.Context, _ time.Duration) error { return ctx.Err() }

type bundle struct {
	*doapi.Client
	sim   *dosim.Sim
	clock *clock
	url   string
}

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{clock: &clock{}}
	b.clock.advance(time.Duration(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixNano()))
	b.sim = dosim.New(dosim.Config{Token: token, Now: b.clock.Now})
	server := httptest.NewServer(b.sim)
	t.Cleanup(server.Close)
	b.url = server.URL
	b.Client = client(t, server.URL, token, doapi.Clock(b.clock.Now, noWait))
	return b
}

// client returns a client that does not wait, unless settings say otherwise.
func client(t *testing.T, address, token string, settings ...func(*doapi.Client)) *doapi.Client {
	t.Helper()
	c, err := doapi.New(address, token, append([]func(*doapi.Client){doapi.Clock(time.Now, noWait)}, settings...)...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func params(name string) doapi.CreateCluster {
	return doapi.CreateCluster{Name: name, Region: "fra1", Version: "1.35", HA: true, Tags: []string{"mine"},
		NodePools: []doapi.CreateNodePool{{Name: "pool", Size: "s-2vcpu-4gb", Count: 2}}}
}

func answering(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

// class is what the callers of a write do with its error.
func class(err error) string {
	switch {
	case err == nil:
		return "done"
	case doapi.OutcomeUnknown(err):
		return "unknown"
	case doapi.IsRateLimited(err):
		return "rate limited"
	case doapi.IsNotFound(err):
		return "not found"
	case doapi.IsRefused(err):
		return "refused"
	case doapi.IsUnavailable(err):
		return "unavailable"
	}
	return "none"
}
