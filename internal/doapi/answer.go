package doapi

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// lenient reads answers that are not quite JSON as far as they can be
// understood: nothing of DigitalOcean's may keep a whole list from being read.
var lenient = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// into returns what reads a body into answer. It begins with an empty value
// each time, since what a failed attempt has left would be merged.
func into[T any](answer *T) func([]byte) error {
	return func(body []byte) error {
		var fresh T
		if err := json.Unmarshal(body, &fresh, lenient); err != nil {
			return unreadable(err)
		}
		*answer = fresh
		return nil
	}
}

// unreadable says where an answer is wrong and not what stands there, which
// may be a secret.
func unreadable(err error) error {
	var semantic *json.SemanticError
	if errors.As(err, &semantic) {
		return fmt.Errorf("the answer cannot be read: it has an unexpected value at %q", plain(string(semantic.JSONPointer)))
	}
	return errors.New("the answer cannot be read: it is no JSON")
}

// answer takes in what DigitalOcean said. It returns nil when that is a
// success that could be read in full.
func (c *Client) answer(e *Error, resp *http.Response, k call) error {
	e.Status = resp.StatusCode
	e.RequestID = c.words(resp.Header.Get("x-request-id"))
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = fmt.Errorf("the answer is larger than %d bytes", maxAnswer)
	}
	if err != nil {
		e.Err = err
		return e
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		c.refusal(e, resp, body)
		return e
	}
	if k.read == nil {
		return nil
	}
	if e.Err = k.read(body); e.Err != nil {
		return e
	}
	return nil
}

func (c *Client) refusal(e *Error, resp *http.Response, body []byte) {
	var words struct {
		ID        string `json:"id"`
		Message   string `json:"message"`
		RequestID string `json:"request_id"`
	}
	if json.Unmarshal(body, &words, lenient) == nil {
		e.ID, e.Message = c.words(words.ID), c.words(words.Message)
		if words.RequestID != "" {
			e.RequestID = c.words(words.RequestID)
		}
	}
	e.RetryAfter = c.retryAfter(resp)
}

// words makes words of an answer fit to be shown: a proxy may have put the
// token into them.
func (c *Client) words(s string) string {
	for _, credential := range []*credential{c.main, c.access} {
		s = strings.ReplaceAll(s, credential.token(), hidden)
	}
	return plain(s)
}

// retryAfter is how long an answer asks to wait. A 429 that does not say lasts
// until the oldest call of the hour no longer counts.
func (c *Client) retryAfter(resp *http.Response) time.Duration {
	const most = time.Hour // the longest that a limit can last
	var wait time.Duration
	header := resp.Header.Get("retry-after")
	if seconds, err := strconv.Atoi(header); err == nil {
		wait = time.Duration(min(seconds, int(most/time.Second))) * time.Second
	} else if at, err := http.ParseTime(header); err == nil {
		wait = at.Sub(c.now())
	} else if at, ok := reset(resp); ok && resp.StatusCode == http.StatusTooManyRequests {
		wait = at.Sub(c.now())
	}
	return min(max(wait, 0), most)
}

// reset is when the oldest call no longer counts.
func reset(resp *http.Response) (time.Time, bool) {
	seconds, err := strconv.ParseInt(resp.Header.Get("ratelimit-reset"), 10, 64)
	return time.Unix(seconds, 0), err == nil && seconds > 0
}
