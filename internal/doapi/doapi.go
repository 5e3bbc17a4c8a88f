// Package doapi is a client of DigitalOcean's Kubernetes API, written for
// callers who must know what a call that failed has done. It sends no write
// twice, and tells apart: refused, not found, rate limited, unavailable
// (nothing happened), and unknown (it may have happened).
package doapi

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Limits of one answer.
const (
	maxAnswer = 32 << 20 // bytes
	answerFor = 30 * time.Second
)

// Client calls the API with one token. It is safe for concurrent use.
type Client struct {
	base   *url.URL
	token  string
	reads  *http.Client
	writes *http.Client
}

// New returns a client for the API at baseURL, for instance
// https://api.digitalocean.com.
func New(baseURL, token string) (*Client, error) {
	base, err := url.Parse(strings.TrimSuffix(baseURL, "/"))
	if err != nil || base.Host == "" {
		return nil, fmt.Errorf("DigitalOcean's address %q is no URL", baseURL)
	}
	if strings.TrimSpace(token) == "" || strings.ContainsAny(token, "\r\n") {
		return nil, fmt.Errorf("DigitalOcean's token is empty or has line breaks")
	}
	return &Client{base: base, token: token, reads: httpClient(false), writes: httpClient(true)}, nil
}

// httpClient returns a client that follows no redirect, which would carry the
// token elsewhere. A connection for writes is used once: whether a request was
// heard on one that the server was just closing cannot be told.
func httpClient(once bool) *http.Client {
	return &http.Client{
		Timeout: answerFor,
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			TLSHandshakeTimeout:   5 * time.Second,
			ResponseHeaderTimeout: answerFor,
			MaxIdleConnsPerHost:   10,
			IdleConnTimeout:       time.Minute,
			DisableKeepAlives:     once,
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
