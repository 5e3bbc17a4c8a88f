package portal

import (
	"math"
	"strconv"
)

// Largest numbers that the database keeps: of requests, and of versions and
// revisions.
const (
	MaxNumber  = math.MaxInt64
	MaxVersion = math.MaxInt32
)

// ParseNumber reads a whole number that came from outside. It reports false
// unless that is one from least to most, written in the one way that needs no more
// digits than there are.
func ParseNumber[T int | int64](typed string, least, most T) (T, bool) {
	n, err := strconv.ParseInt(typed, 10, 64)
	if err != nil || n < int64(least) || n > int64(most) || strconv.FormatInt(n, 10) != typed {
		return 0, false
	}
	return T(n), true
}

// IsUUID reports whether a text that came from outside is an id as the portal
// and DigitalOcean write them.
func IsUUID(typed string) bool {
	const form = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
	if len(typed) != len(form) {
		return false
	}
	for i, c := range []byte(typed) {
		hexadecimal := c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
		if form[i] == '-' && c != '-' || form[i] == 'x' && !hexadecimal {
			return false
		}
	}
	return true
}
