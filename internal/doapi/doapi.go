// Package doapi is a client of DigitalOcean's Kubernetes API, written for
// callers who must know what a call that failed has done. There is one method
// an operation, named after it in DigitalOcean's reference.
//
// Every error is an *Error. OutcomeUnknown, IsRefused, IsNotFound,
// IsRateLimited and IsUnavailable sort them: refused, not found, rate limited
// and unavailable mean that nothing happened; unknown means that it may have.
// A write is sent exactly once, whatever becomes of it. A read is tried again
// a few times.
//
// Fields that this package does not know yet are kept in the Extra of the
// object they belong to. States are strings, because new ones turn up.
package doapi

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
)

// Limits of one answer.
const (
	maxAnswer = 32 << 20 // bytes
	answerFor = 30 * time.Second
)

// Client calls the API. It is safe for concurrent use.
type Client struct {
	base   *url.URL
	main   *credential
	access *credential // for kubeconfigs and credentials
	reads  *http.Client
	writes *http.Client
	now    func() time.Time
	sleep  func(context.Context, time.Duration) error

	options cached[Options]
	sizes   cached[[]Size]
	recent  recentAnswers
}

// credential is a token and what paces its use. The token is in a function,
// because whatever formats a function shows only where it is.
type credential struct {
	token   func() string
	limiter Limiter // nil for none
}

func hide(token string) func() string { return func() string { return token } }

// AccessToken is a setting of New: kubeconfigs and credentials are asked for
// with a token of their own. When it is empty they use the first one.
func AccessToken(token string) func(*Client) {
	return func(c *Client) { c.access.token = hide(token) }
}

// Limits is a setting of New: what paces the calls of the first token, and
// those of the one given by AccessToken, if any.
func Limits(first, access Limiter) func(*Client) {
	return func(c *Client) { c.main.limiter, c.access.limiter = first, access }
}

// Clock is a setting of New: the time, and what waits between attempts.
func Clock(now func() time.Time, sleep func(context.Context, time.Duration) error) func(*Client) {
	return func(c *Client) { c.now, c.sleep = now, sleep }
}

// New returns a client for the API at baseURL, for instance
// https://api.digitalocean.com.
func New(baseURL, token string, settings ...func(*Client)) (*Client, error) {
	base, err := url.Parse(strings.TrimSuffix(baseURL, "/"))
	if err != nil || base.Host == "" {
		return nil, fmt.Errorf("DigitalOcean's address %q is no URL", baseURL)
	}
	c := &Client{
		base: base, main: &credential{token: hide(token)}, access: &credential{token: hide("")},
		reads: httpClient(false), writes: httpClient(true), now: time.Now, sleep: sleep,
	}
	for _, set := range settings {
		set(c)
	}
	if c.access.token() == "" {
		c.access = c.main
	}
	for _, credential := range []*credential{c.main, c.access} {
		if token := credential.token(); token == "" || strings.ContainsFunc(token, unfit) {
			return nil, fmt.Errorf("DigitalOcean's token is empty or has spaces or line breaks")
		}
	}
	return c, nil
}

// OneToken reports whether kubeconfigs and credentials are asked for with the same token
// as everything else, so that a refusal there says something of that.
func (c *Client) OneToken() bool { return c.access.token() == c.main.token() }

// unfit reports whether a token cannot have r, which would end up in a header.
func unfit(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// httpClient returns a client that follows no redirect, which would carry the
// token elsewhere. A connection for writes is used once: whether a request was
// heard on one that the server was just closing cannot be told.
func httpClient(once bool) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			TLSHandshakeTimeout: 5 * time.Second,
			MaxIdleConnsPerHost: 10,
			IdleConnTimeout:     time.Minute,
			DisableKeepAlives:   once,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// String hides the token from everything that formats the client.
func (c *Client) String() string { return "DigitalOcean API at " + c.base.Redacted() }

// GoString hides the token from %#v.
func (c *Client) GoString() string { return c.String() }

// LogValue hides the token from log lines.
func (c *Client) LogValue() slog.Value { return slog.StringValue(c.String()) }
