package db

import "strings"

// Text replaces what Postgres cannot keep in a text.
func Text(s string) string {
	const unknown = "\uFFFD"
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", unknown), unknown)
}

// OrNull is a value for a column that has none where v is zero.
func OrNull[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}
