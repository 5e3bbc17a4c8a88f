// Package anchor publishes the checkpoints of the audit trail to places outside
// of the database, so that a trail that was cut, restored from an old backup or
// rewritten no longer agrees with them. A checkpoint is a signed note of C2SP's
// tlog-checkpoint; this package neither signs nor verifies it. Audit publishes,
// the commands open and read back.
package anchor

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"doksportal/internal/portal"
)

// Checkpoint is a signed note and the size of the tree that it is for, in events.
type Checkpoint struct {
	Size int64
	Note string
}

// Anchor is a place that keeps checkpoints. It may be used by several
// goroutines and several replicas at once.
type Anchor interface {
	// String names the anchor for people and logs, without secrets: "file
	// /var/lib/portal/checkpoints".
	String() string
	// Prompt reports whether what is done may wait for Publish. An anchor that is
	// not prompt takes the newest checkpoint once a day, from one replica.
	Prompt() bool
	// Publish returns once the place has the checkpoint, within ten seconds. The
	// same checkpoint may be published again. The error is of KindUnavailable, one
	// sentence that names the anchor; or ErrNotDue.
	Publish(ctx context.Context, c Checkpoint) error
}

// ErrNotDue says that an anchor which is not prompt has had a checkpoint within
// the last day and was not given this one.
var ErrNotDue error = portal.E(portal.KindConflict, "the anchor has had a checkpoint within the last day")

// Reader reads back what an anchor has.
type Reader interface {
	String() string
	// Checkpoints are the notes, oldest first where the place has an order. Their
	// signatures are not verified. After an error about one note others may follow.
	Checkpoints(ctx context.Context) iter.Seq2[string, error]
	// Newest are those of the largest tree, or all where the place has no order. What
	// the place does not let the portal read is an error that is fs.ErrPermission.
	Newest(ctx context.Context) iter.Seq2[string, error]
}

// Options are what anchors need beside their addresses. Now and Log are there for
// all that publish; the rest is, where an address asks for it.
type Options struct {
	Now           func() time.Time
	Roots         *x509.CertPool // whom servers' certificates are trusted from; nil means the system's
	S3Key         string         // id of the access key
	S3Secret      string
	WebhookSecret string                                                             // as Standard Webhooks writes it, whsec_…
	Mail          func(ctx context.Context, to []string, subject, body string) error // nil when no mail is sent
	Log           *slog.Logger

	within time.Duration // how long publishing may take; zero means publishFor
}

const (
	publishFor = 10 * time.Second
	maxNote    = 32 << 10 // bytes
)

// place is how one kind of anchor publishes. Its errors need not name it.
type place interface {
	String() string
	publish(ctx context.Context, c Checkpoint) error
}

// bounded is a place whose errors are sentences and come in time.
type bounded struct {
	place
	prompt  bool
	within  time.Duration
	secrets []string
}

func (b *bounded) Prompt() bool { return b.prompt }

func (b *bounded) Publish(ctx context.Context, c Checkpoint) error {
	if problem := c.problem(); problem != "" {
		return portal.E(portal.KindUnknown, "the checkpoint cannot be published: "+problem)
	}
	ctx, cancel := context.WithTimeout(ctx, b.within)
	defer cancel()
	err := b.publish(ctx, c)
	if err == nil || errors.Is(err, ErrNotDue) {
		return err
	}
	return portal.E(portal.KindUnavailable, fmt.Sprintf("the anchor %s has not taken the checkpoint of %d events: %s", b, c.Size, explain(ctx, err, b.secrets)))
}

// problem says why this is no checkpoint, empty when it is one: every place has
// to be able to give back exactly this note.
func (c Checkpoint) problem() string {
	lines := strings.SplitN(c.Note, "\n", 3)
	switch {
	case len(c.Note) > maxNote:
		return fmt.Sprintf("its note has %d bytes, and at most %d are allowed", len(c.Note), maxNote)
	case !utf8.ValidString(c.Note) || strings.ContainsFunc(c.Note, func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f }):
		return "its note is no text"
	case len(notes(c.Note)) != 1 || notes(c.Note)[0] != c.Note:
		return "its note is not a signed checkpoint"
	case lines[1] != strconv.FormatInt(c.Size, 10):
		return fmt.Sprintf("its note is for %s events, not for %d", lines[1], c.Size)
	case strings.Contains("\n"+c.Note, "\n"+marker):
		return "its note has a line that starts with " + strconv.Quote(marker)
	}
	return ""
}

// digest tells notes of the same size apart.
func digest(note string) string {
	sum := sha256.Sum256([]byte(note))
	return hex.EncodeToString(sum[:8])
}
