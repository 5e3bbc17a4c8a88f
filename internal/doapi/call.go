package doapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"
)

// call is one call of the API.
type call struct {
	method string             // for writes; a read is a GET
	path   []string           // segments below /v2, not yet escaped
	query  url.Values         // nil for none
	body   any                // becomes JSON; nil for none
	access bool               // use the token for access to clusters
	read   func([]byte) error // takes in the body of a success; nil when there is none
}

// clusters are the segments of a path to clusters, or to what is below one.
func clusters(below ...string) []string {
	return append([]string{"kubernetes", "clusters"}, below...)
}

// get sends a call that changes nothing, unless the answer of a moment ago does.
func (c *Client) get(ctx context.Context, k call) error {
	if isRecent(ctx) && !k.access {
		return c.getRecent(ctx, k)
	}
	return c.getNow(ctx, k)
}

// getNow sends a call that changes nothing, and therefore tries again a few times.
func (c *Client) getNow(ctx context.Context, k call) error {
	const attempts = 3
	k.method = http.MethodGet
	for attempt := 0; ; attempt++ {
		if err := c.admit(ctx, k); err != nil {
			return err
		}
		err := c.once(ctx, c.reads, k)
		if err == nil || IsRefused(err) || attempt == attempts-1 || !c.pause(ctx, attempt, err) {
			return err
		}
	}
}

// pause waits before the next attempt. It reports false when that would take
// too long or ctx ends.
func (c *Client) pause(ctx context.Context, attempt int, err error) bool {
	const base, most = 200 * time.Millisecond, 5 * time.Second
	wait := base<<attempt + rand.N(base)
	var e *Error
	if errors.As(err, &e) && e.RetryAfter > 0 {
		wait = e.RetryAfter
	}
	return wait <= most && c.sleep(ctx, wait) == nil
}

// write sends a call that changes something, exactly once. After a 429 too the
// caller decides: a call that is sent must have been recorded before.
func (c *Client) write(ctx context.Context, k call) error {
	if err := c.admit(ctx, k); err != nil {
		return err
	}
	defer c.recent.forget()
	return c.once(ctx, c.writes, k)
}

func (c *Client) once(ctx context.Context, client *http.Client, k call) error {
	ctx, cancel := context.WithTimeout(ctx, answerFor)
	defer cancel()
	result := &Error{Write: k.method != http.MethodGet}
	var sent atomic.Bool
	req, err := c.request(ctx, k, &sent)
	if err != nil {
		return invalid("%w", err)
	}
	resp, err := client.Do(req)
	result.Sent = sent.Load()
	if err != nil {
		result.Err = withoutURL(err)
		return result
	}
	defer func() { _ = resp.Body.Close() }()
	result.Sent = true
	err = c.answer(result, resp, k)
	c.report(ctx, k, resp, result)
	return err
}

func (c *Client) request(ctx context.Context, k call, sent *atomic.Bool) (*http.Request, error) {
	u, err := c.url(k)
	if err != nil {
		return nil, err
	}
	// From the first connection on, the request may have been sent.
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { sent.Store(true) },
	})
	req, err := http.NewRequestWithContext(ctx, k.method, u, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.credential(k).token())
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "doks-portal")
	if k.body == nil {
		return req, nil
	}
	body, err := json.Marshal(k.body, json.Deterministic(true))
	if err != nil {
		return nil, err
	}
	// Without GetBody it cannot be rewound, so it cannot be sent twice.
	req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	req.Header.Set("Content-Type", "application/json")
	return req, nil
}

func (c *Client) url(k call) (string, error) {
	path := strings.TrimSuffix(c.base.EscapedPath(), "/") + "/v2"
	for _, segment := range k.path {
		if !fitsPath(segment) {
			return "", fmt.Errorf("%q is no identifier", segment)
		}
		path += "/" + url.PathEscape(segment)
	}
	u := url.URL{Scheme: c.base.Scheme, User: c.base.User, Host: c.base.Host, RawPath: path, RawQuery: k.query.Encode()}
	var err error
	u.Path, err = url.PathUnescape(path)
	return u.String(), err
}

// fitsPath reports whether an identifier can name nothing but a segment of a path.
func fitsPath(id string) bool {
	return id != "" && id != "." && id != ".." && !strings.ContainsAny(id, `/\?#%`)
}

// credential is what a call is sent with.
func (c *Client) credential(k call) *credential {
	if k.access {
		return c.access
	}
	return c.main
}

// withoutURL leaves out the URL, which says nothing that the caller does not know.
func withoutURL(err error) error {
	var urlErr *url.Error
	if errors.As(err, &urlErr) {
		return urlErr.Err
	}
	return err
}
