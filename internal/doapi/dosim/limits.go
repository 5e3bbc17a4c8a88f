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

// admit tells whose request it is and counts it. The error is a 401 or a 429.
func (s *Sim) admit(w http.ResponseWriter, r *http.Request) (scopes, error) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	granted := scopes{all: ok && token != "" && token == s.cfg.Token}
	if !granted.all {
		if granted.some, ok = s.cfg.Tokens[token]; !ok || token == "" {
			s.showRate(w, nil)
			return scopes{}, refused(http.StatusUnauthorized, "unauthorized", "Unable to authenticate you.")
		}
	}
	return granted, s.count(w, token)
}

// count adds a request to those of a token, or refuses one too many.
func (s *Sim) count(w http.ResponseWriter, token string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Now()
	recent := since(s.meter[token], now.Add(-time.Hour))
	burst := since(recent, now.Add(-time.Minute))
	tooMany := refused(http.StatusTooManyRequests, "too_many_requests", "API rate limit exceeded.")
	hour, minute := s.cfg.Limits.hour(), s.cfg.Limits.minute()
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
	i := slices.IndexFunc(times, func(t time.Time) bool { return t.After(after) })
	if i < 0 {
		return nil
	}
	return times[i:]
}
