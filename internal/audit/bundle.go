package audit

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// bundleFormat is what a bundle says that it is.
const bundleFormat = "doks-portal audit bundle 1"

// bundleHead is the first line of a bundle: which checkpoint the proofs are of, by
// which filter the events were selected, and how many there are.
type bundleHead struct {
	Format     string `json:"format"`
	Checkpoint string `json:"checkpoint"`
	Filter     string `json:"filter"`
	Events     int64  `json:"events"`
}

// encode is the one way in which a head is written: verifying takes no other, which
// programs could read as something else.
func (h bundleHead) encode() []byte {
	line, _ := jsontext.AppendQuote([]byte(`{"format":`), h.Format)
	line, _ = jsontext.AppendQuote(append(line, `,"checkpoint":`...), h.Checkpoint)
	line, _ = jsontext.AppendQuote(append(line, `,"filter":`...), h.Filter)
	return append(strconv.AppendInt(append(line, `,"events":`...), h.Events, 10), '}')
}

// bundleLine is an event with the proof that it is a leaf of the tree. The event is
// kept byte for byte as it was hashed.
type bundleLine struct {
	Number int64            `json:"number"`
	Proof  tlog.RecordProof `json:"proof"`
	Event  json.RawMessage  `json:"event"`
}

// encode is the one way in which a line is written.
func (l bundleLine) encode() []byte {
	line := strconv.AppendInt([]byte(`{"number":`), l.Number, 10)
	line = append(line, `,"proof":[`...)
	for i, hash := range l.Proof {
		if i > 0 {
			line = append(line, ',')
		}
		line = append(base64.StdEncoding.AppendEncode(append(line, '"'), hash[:]), '"')
	}
	return append(append(append(line, `],"event":`...), l.Event...), '}')
}

// bundleEnd is the last line. Signed is the statement of what is before it; empty
// where nobody had a key to sign it with.
type bundleEnd struct {
	Signed string `json:"end"`
}

// encode is the one way in which an end is written.
func (e bundleEnd) encode() []byte {
	line, _ := jsontext.AppendQuote([]byte(`{"end":`), e.Signed)
	return append(line, '}')
}

// exported is what a trail's key signs of a bundle: how many events were exported, and
// the SHA-256 of all that is before the end. That each event is on the trail is proven
// without it; that none was taken out of the file since is not.
type exported struct {
	Origin string `json:"origin"`
	Events int64  `json:"events"`
	SHA256 string `json:"sha256"`
}

// Bounds says which events are exported: those whose ids are from one on and below
// another.
type Bounds struct{ From, To uuid.UUID }

// Days are the bounds of the events of some days, UTC, of which both count.
func Days(first, last time.Time) Bounds {
	return Bounds{firstID(first), firstID(last.AddDate(0, 0, 1))}
}

// firstID is below the id of every event from a time on.
func firstID(at time.Time) (id uuid.UUID) {
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(max(at.UnixMilli(), 0)))
	copy(id[:6], ms[2:])
	return id
}

// text is what bounds are as a filter.
func (b Bounds) text() string {
	return url.Values{"recorded_from": {instant(timeOfID(b.From))}, "recorded_before": {instant(timeOfID(b.To))}}.Encode()
}

func timeOfID(id uuid.UUID) time.Time { return timeAt(microsOfID(id[:])) }

// ExportFile is Export into a file that must not exist. When it returns without an
// error the file is on the disk. sum is its SHA-256.
func ExportFile(ctx context.Context, pool *pgxpool.Pool, name string, b Bounds, signers ...Signer) (count int64, sum string, err error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, "", err
	}
	hash := sha256.New()
	out := bufio.NewWriter(io.MultiWriter(f, hash))
	count, err = Export(ctx, pool, out, b, signers...)
	if err = errors.Join(err, out.Flush(), f.Sync(), f.Close()); err != nil {
		return 0, "", errors.Join(err, os.Remove(name))
	}
	return count, hex.EncodeToString(hash.Sum(nil)), nil
}

// Export writes the bundle of the events within bounds, and returns how many there
// are.
func Export(ctx context.Context, pool *pgxpool.Pool, w io.Writer, b Bounds, signers ...Signer) (int64, error) {
	s, err := selectBetween(ctx, pool, b)
	if err != nil {
		return 0, err
	}
	events, _ := s.Covered()
	return events, s.WriteBundle(ctx, w, signers...)
}

// WriteBundle writes the events in the order of their numbers, with proofs by which
// everybody who has the public key can see that they are on the trail. What was under
// no checkpoint yet is left out. Signers sign how many there are, and take no
// checkpoint but their own: they return an error that wraps ErrTampered. Without any
// nobody can tell later whether some were taken out. It returns KindConflict when
// there is no checkpoint, and when an event is not there any more.
func (s *Selection) WriteBundle(ctx context.Context, w io.Writer, signers ...Signer) error {
	events, size := s.Covered()
	if size == 0 {
		return portal.E(portal.KindConflict, "nothing is under a checkpoint yet")
	}
	if err := s.checkSigned(signers); err != nil {
		return err
	}
	sum := sha256.New()
	out := io.MultiWriter(w, sum)
	if _, err := out.Write(append(bundleHead{bundleFormat, s.checkpoint.Note, s.Filter, events}.encode(), '\n')); err != nil {
		return err
	}
	hashes := newTree(ctx, s.pool)
	for numbers := range s.numbers.below(size, pageEvents) {
		err := paged(numbers, func(keys []int64) ([]bundleLine, error) { return records(ctx, s.pool, keys) },
			func(l bundleLine) int64 { return l.Number }, func(line bundleLine) (err error) {
				if line.Proof, err = tlog.ProveRecord(size, line.Number, hashes); err == nil {
					_, err = out.Write(append(line.encode(), '\n'))
				}
				return err
			})
		if err != nil {
			return err
		}
	}
	end, err := endOf(events, sum, signers)
	if err != nil {
		return err
	}
	_, err = w.Write(append(end.encode(), '\n'))
	return err
}

// checkSigned makes sure that the checkpoint is of those who sign: nobody else's is
// handed on in their name.
func (s *Selection) checkSigned(signers []Signer) error {
	if len(signers) == 0 {
		return nil
	}
	var verifiers []note.Verifier
	for _, s := range signers {
		verifiers = append(verifiers, s.verifier)
	}
	c, err := openCheckpoint(s.checkpoint.Note, note.VerifierList(verifiers...))
	if err != nil || c.Size != s.checkpoint.Size {
		return fmt.Errorf("%w: its newest checkpoint, of %d events, was not signed by this key: %w", ErrTampered, s.checkpoint.Size, err)
	}
	return nil
}

// endOf is the end of a bundle that has so many events, after what has a hash.
func endOf(events int64, sum hash.Hash, signers []Signer) (end bundleEnd, err error) {
	if len(signers) > 0 {
		end.Signed, err = state(formExported, exported{signers[0].Name(), events, hex.EncodeToString(sum.Sum(nil))}, signers...)
	}
	return end, err
}

// records reads the events with some numbers as they were hashed, in the order of
// these, as many as a page has room for.
func records(ctx context.Context, q db.Querier, numbers []int64) ([]bundleLine, error) {
	formats := append(pgx.QueryResultFormats{pgx.BinaryFormatCode}, recordFormats...)
	read := func(row pgx.CollectableRow) (line bundleLine, err error) {
		values := row.RawValues()
		line.Number = numberOf(values[0])
		line.Event, err = appendRecord(nil, values[1:])
		return line, err
	}
	return db.All(ctx, q, read, `SELECT e.number, `+recordColumns+` FROM `+within(byNumbers, numberOrder)+`
		WHERE e.bytes_before < @most ORDER BY e.number`, formats, pgx.StrictNamedArgs{"keys": numbers, "most": pageBytes})
}
