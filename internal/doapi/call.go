package doapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// get reads path into answer. It tries again a few times, because reading
// changes nothing.
func (c *Client) get(ctx context.Context, path string, query url.Values, answer any) error {
	const attempts = 3
	var err error
	for attempt := range attempts {
		if err = c.once(ctx, c.reads, http.MethodGet, path, query, nil, answer); err == nil || IsRefused(err) {
			return err
		}
		if attempt == attempts-1 || !pause(ctx, attempt, err) {
			return err
		}
	}
	return err
}

// pause waits before the next attempt. It reports false when that would take
// too long or ctx ends.
func pause(ctx context.Context, attempt int, err error) bool {
	const base, most = 200 * time.Millisecond, 5 * time.Second
	wait := base<<attempt + rand.N(base)
	var e *Error
	if errors.As(err, &e) && e.RetryAfter > 0 {
		wait = e.RetryAfter
	}
	if wait > most {
		return false
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(wait):
		return true
	}
}

// write sends a call that changes something, exactly once.
func (c *Client) write(ctx context.Context, method, path string, body, answer any) error {
	return c.once(ctx, c.writes, method, path, nil, body, answer)
}

func (c *Client) once(ctx context.Context, client *http.Client, method, path string, query url.Values, body, answer any) error {
	call := &Error{Write: method != http.MethodGet}
	var sent atomic.Bool
	req, err := c.request(ctx, method, path, query, body, &sent)
	if err != nil {
		call.Err = err
		return call
	}
	resp, err := client.Do(req)
	call.Sent = sent.Load()
	if err != nil {
		call.Err = withoutURL(err)
		return call
	}
	defer func() { _ = resp.Body.Close() }()
	call.Sent = true
	return call.read(resp, answer)
}

func (c *Client) request(ctx context.Context, method, path string, query url.Values, body any, sent *atomic.Bool) (*http.Request, error) {
	u := *c.base
	u.RawPath, u.Path = u.EscapedPath()+path, ""
	var err error
	if u.Path, err = url.PathUnescape(u.RawPath); err != nil {
		return nil, err
	}
	u.RawQuery = query.Encode()
	var content io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		// A reader of no known type cannot be rewound, so it cannot be sent twice.
		content = io.MultiReader(bytes.NewReader(encoded))
	}
	// From the first connection on, the request may have been sent.
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { sent.Store(true) },
	})
	req, err := http.NewRequestWithContext(ctx, method, u.String(), content)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "doks-portal")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// withoutURL leaves out the URL, which says nothing that the caller does not know.
func withoutURL(err error) error {
	var urlErr *url.Error
	if errors.As(err, &urlErr) {
		return urlErr.Err
	}
	return err
}

// read takes in an answer. It returns nil when that is a success that could be
// read in full.
func (e *Error) read(resp *http.Response, answer any) error {
	e.Status = resp.StatusCode
	e.RequestID = plain(resp.Header.Get("x-request-id"))
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = fmt.Errorf("the answer is larger than %d bytes", maxAnswer)
	}
	if err != nil {
		e.Err = err
		return e
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return e.refusal(resp, body)
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(body, answer); err != nil {
		e.Err = fmt.Errorf("the answer cannot be read: %w", err)
		return e
	}
	return nil
}

func (e *Error) refusal(resp *http.Response, body []byte) error {
	var words struct {
		ID        string `json:"id"`
		Message   string `json:"message"`
		RequestID string `json:"request_id"`
	}
	if json.Unmarshal(body, &words) == nil {
		e.ID, e.Message = plain(words.ID), plain(words.Message)
		if words.RequestID != "" {
			e.RequestID = plain(words.RequestID)
		}
	}
	if seconds, err := strconv.Atoi(resp.Header.Get("retry-after")); err == nil && seconds > 0 {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	return e
}

// segment escapes an identifier for a path. One that could name something else
// is refused before anything is sent.
func segment(id string) (string, error) {
	if id == "" || id == "." || id == ".." || strings.ContainsAny(id, "/\\?#%") {
		return "", &Error{Err: fmt.Errorf("%q is no identifier", id)}
	}
	return url.PathEscape(id), nil
}
