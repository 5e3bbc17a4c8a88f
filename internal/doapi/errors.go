package doapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
	"unicode"

	"doksportal/internal/names"
)

// Error is why a call failed: an answer of DigitalOcean, or the lack of one.
// Status 429 without Sent is a call that the client's Limiter held back.
type Error struct {
	Status     int           // of the answer; 0 when there was none that could be read
	ID         string        // DigitalOcean's name of the error, e.g. "unprocessable_entity"
	Message    string        // DigitalOcean's own words
	RequestID  string        // by which DigitalOcean's support finds the call
	RetryAfter time.Duration // how long to wait after a 429; 0 when it does not say
	Write      bool          // the call would have changed something
	Sent       bool          // the request may have reached DigitalOcean
	Invalid    bool          // the client saw that the call was wrong and did not send it
	Err        error         // what happened on the way, when there was no answer
}

func (e *Error) Error() string {
	if e.Err != nil {
		return "DigitalOcean API: " + e.Err.Error()
	}
	return fmt.Sprintf("DigitalOcean API: %d %s: %s (request %s)", e.Status, e.ID, e.Message, e.RequestID)
}

// Unwrap returns what happened on the way.
func (e *Error) Unwrap() error { return e.Err }

// invalid is the error of a call that must not be sent as it is.
func invalid(format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return &Error{Invalid: true, Message: plain(err.Error()), Err: err}
}

// wrong is the error of a call that was answered by something that cannot be.
func wrong(write bool, format string, args ...any) error {
	return &Error{Write: write, Sent: true, Err: fmt.Errorf(format, args...)}
}

// OutcomeUnknown reports whether the call may have taken effect although it
// failed. Whatever is not certain is unknown.
func OutcomeUnknown(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return err != nil
	}
	if !e.Write || !e.Sent {
		return false
	}
	return e.Status < 400 || e.Status >= 500 || e.Status == http.StatusRequestTimeout
}

// IsNotFound reports whether DigitalOcean has no such thing.
func IsNotFound(err error) bool { return answered(err, http.StatusNotFound) }

// IsRateLimited reports whether DigitalOcean, or the client's Limiter, took the
// call for one too many and nothing was done. Error.RetryAfter says when to
// come back.
func IsRateLimited(err error) bool { return answered(err, http.StatusTooManyRequests) }

// IsRefused reports whether DigitalOcean, or the client on its behalf, said no
// and nothing was done. The same call would be refused again.
func IsRefused(err error) bool {
	var e *Error
	return errors.As(err, &e) && (e.Invalid || e.Status >= 400 && e.Status < 500 &&
		e.Status != http.StatusTooManyRequests && e.Status != http.StatusRequestTimeout)
}

// IsUnavailable reports whether DigitalOcean could not be reached or failed,
// and nothing happened.
func IsUnavailable(err error) bool {
	var e *Error
	return errors.As(err, &e) && !OutcomeUnknown(err) && !e.Invalid &&
		(e.Status < 400 || e.Status >= 500 || e.Status == http.StatusRequestTimeout)
}

func answered(err error, status int) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == status
}

// UserMessage are what people may read of an error: DigitalOcean's own words, or
// what happened on the way there.
func UserMessage(err error) string {
	var e *Error
	if errors.As(err, &e) && e.Status >= 400 {
		switch {
		case e.Status == http.StatusUnauthorized:
			return e.Message + " (The portal's token is not accepted; its operator has to replace it.)"
		case e.Message != "":
			return e.Message
		}
		return fmt.Sprintf("it answered with status %d.", e.Status)
	}
	if e != nil && e.Message != "" {
		return e.Message
	}
	var netErr net.Error
	if errors.Is(err, context.DeadlineExceeded) || (errors.As(err, &netErr) && netErr.Timeout()) {
		return "it did not answer in time."
	}
	return "it could not be reached, or its answer was cut off."
}

// plain makes words of an answer fit to be kept and shown.
func plain(s string) string {
	const most = 500
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	s = names.Shown(s)
	if len(s) <= most {
		return s
	}
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return s
}
