package audit

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"slices"

	"doksportal/internal/db"
)

// Mark vouches that a reader of the trail, by its name, has all events before a number.
// Without it somebody who can write to the database could have the reader leave some out.
func (t *Trail) Mark(reader string, next int64) []byte {
	return mark(t.Signers[0].vouching, reader, next)
}

// Marks reports whether the portal has vouched for that.
func (t *Trail) Marks(reader string, next int64, by []byte) bool {
	return slices.ContainsFunc(t.Signers, func(s Signer) bool { return hmac.Equal(by, mark(s.vouching, reader, next)) })
}

func mark(key []byte, reader string, next int64) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(fmt.Appendf(nil, "reader of the trail\n%d\n%s", next, reader))
	return mac.Sum(nil)
}

// MarkText vouches that the portal has written a text, of a kind that has a name.
func (t *Trail) MarkText(kind, text string) []byte {
	return markText(t.Signers[0].vouching, kind, text)
}

// MarksText reports whether the portal has vouched for that.
func (t *Trail) MarksText(kind, text string, by []byte) bool {
	return slices.ContainsFunc(t.Signers, func(s Signer) bool { return hmac.Equal(by, markText(s.vouching, kind, text)) })
}

func markText(key []byte, kind, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(fmt.Appendf(nil, "text\n%s\n%s", kind, text))
	return mac.Sum(nil)
}

// Signed is how many events are under the newest checkpoint, as one of the portal's keys
// has signed it. A reader of the trail goes no further: what comes after that nobody has
// vouched for yet.
func (t *Trail) Signed(ctx context.Context, q db.Querier) (int64, error) {
	stored, err := newestCheckpoint(ctx, q)
	if err != nil || stored.Note == "" {
		return 0, err
	}
	c, err := t.opened(stored)
	return c.Size, err
}
