package dosim

import (
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits are how many requests a token may send. Zero is DigitalOcean's own
// number, a negative number no limit. Source: API reference, "Rate Limit".
type Limits struct {
	PerHour   int // 5000 when 0
	PerMinute int // 250 when 0
}

// Rate limits of the real API.
const (
	perHour   = 5000
	perMinute = 250
)

func (l Limits) hour() int { return limitOr(l.PerHour, perHour) }

func (l Limits) minute() int { return limitOr(l.PerMinute, perMinute) }

func limitOr(n, def int) int {
	if n == 0 {
		return def
	}
	return n
}

// scopes are what a token may do.
type scopes struct {
	all  bool
	some []string
}

func (s scopes) cover(needed []string) bool {
	return s.all || !slices.ContainsFunc(needed, func(n string) bool { return !slices.Contains(s.some, n) })
}

// admit tells what the token of a request may do, and counts the request. The
// error is a 401 or a 429.
func (s *Sim) admit(w http.ResponseWriter, r *http.Request) (scopes, error) {
	token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	some, known := s.cfg.Tokens[token]
	granted := scopes{all: token == s.cfg.Token, some: some}
	if !bearer || !granted.all && !known {
		s.showRate(w, nil)
		return scopes{}, refused(http.StatusUnauthorized, "unauthorized", "Unable to authenticate you.")
	}
	return granted, s.count(w, token)
}

// count adds a request to those of a token, or refuses one too many.
func (s *Sim) count(w http.ResponseWriter, token string) error {
	hour, minute := s.cfg.Limits.hour(), s.cfg.Limits.minute()
	if hour < 0 && minute < 0 {
		s.showRate(w, nil)
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Now()
	recent := since(s.meter[token], now.Add(-time.Hour))
	burst := since(recent, now.Add(-time.Minute))
	tooMany := refused(http.StatusTooManyRequests, "too_many_requests", "API rate limit exceeded.")
	switch {
	case minute >= 0 && len(burst) >= minute:
		wait := burst[0].Add(time.Minute).Sub(now).Seconds()
		w.Header().Set("retry-after", strconv.Itoa(int(math.Ceil(wait))))
	case hour >= 0 && len(recent) >= hour:
	default:
		recent, tooMany = append(recent, now), nil
	}
	s.meter[token] = recent
	s.showRate(w, recent)
	return tooMany
}

// showRate sets the headers that tell how much is left of the hour.
func (s *Sim) showRate(w http.ResponseWriter, recent []time.Time) {
	limit, oldest := s.cfg.Limits.hour(), s.cfg.Now()
	if limit < 0 {
		limit = perHour
	}
	if len(recent) > 0 {
		oldest = recent[0]
	}
	w.Header().Set("ratelimit-limit", strconv.Itoa(limit))
	w.Header().Set("ratelimit-remaining", strconv.Itoa(max(0, limit-len(recent))))
	w.Header().Set("ratelimit-reset", strconv.FormatInt(oldest.Add(time.Hour).Unix(), 10))
}

// since returns the times after a time. They are in order.
func since(times []time.Time, after time.Time) []time.Time {
	i, _ := slices.BinarySearchFunc(times, after, func(t, after time.Time) int {
		if t.After(after) {
			return 1
		}
		return -1
	})
	return times[i:]
}
