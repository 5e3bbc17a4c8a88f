package audit

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/mod/sumdb/tlog"

	"doksportal/internal/db"
)

// bundleFormat is what a bundle says that it is.
const bundleFormat = "doks-portal audit bundle 1"

// bundleHead is the first line of a bundle: which checkpoint the proofs are of.
type bundleHead struct {
	Format     string `json:"format"`
	Checkpoint string `json:"checkpoint"`
}

// encode is the one way in which a head is written: verifying takes no other, which
// programs could read as something else.
func (h bundleHead) encode() []byte {
	line, _ := jsontext.AppendQuote([]byte(`{"format":`), h.Format)
	line, _ = jsontext.AppendQuote(append(line, `,"checkpoint":`...), h.Checkpoint)
	return append(line, '}')
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

// ExportFile is Export into a file that must not exist. When it returns without an
// error the file is on the disk. sum is its SHA-256.
func ExportFile(ctx context.Context, pool *pgxpool.Pool, name string, b Bounds) (count int64, sum string, err error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, "", err
	}
	hash := sha256.New()
	out := bufio.NewWriter(io.MultiWriter(f, hash))
	count, err = Export(ctx, pool, out, b)
	if err = errors.Join(err, out.Flush(), f.Sync(), f.Close()); err != nil {
		return 0, "", errors.Join(err, os.Remove(name))
	}
	return count, hex.EncodeToString(hash.Sum(nil)), nil
}

// Export writes the events within bounds, in the order of their numbers, with
// proofs by which everybody who has the public key can see that they are on the
// trail. It returns how many. What is under no checkpoint yet is left out.
func Export(ctx context.Context, pool *pgxpool.Pool, w io.Writer, b Bounds) (int64, error) {
	count := int64(0)
	err := snapshots(ctx, pool, 2, func(txs []pgx.Tx) error {
		one, other := txs[0], txs[1]
		stored, err := newestCheckpoint(ctx, other)
		if err != nil {
			return err
		}
		if stored.Size == 0 {
			return errors.New("nothing is under a checkpoint yet")
		}
		if _, err := w.Write(append(bundleHead{bundleFormat, stored.Note}.encode(), '\n')); err != nil {
			return err
		}
		formats := append(pgx.QueryResultFormats{pgx.BinaryFormatCode}, recordFormats...)
		rows, err := one.Query(ctx, `SELECT l.number, `+recordColumns+` FROM event_log l JOIN events e ON e.id = l.event_id
			WHERE e.id >= @from AND e.id < @to AND l.number < @size ORDER BY l.number`,
			formats, pgx.StrictNamedArgs{"from": b.From, "to": b.To, "size": stored.Size})
		if err != nil {
			return err
		}
		defer rows.Close()
		hashes := newTree(ctx, other)
		for rows.Next() {
			values := rows.RawValues()
			line := bundleLine{Number: numberOf(values[0])}
			if line.Event, err = appendRecord(nil, values[1:]); err != nil {
				return err
			}
			if line.Proof, err = tlog.ProveRecord(stored.Size, line.Number, hashes); err != nil {
				return err
			}
			if _, err := w.Write(append(line.encode(), '\n')); err != nil {
				return err
			}
			count++
		}
		return rows.Err()
	})
	return count, db.Wrap(err)
}

// BundleReport is what came of verifying a bundle.
type BundleReport struct {
	Events      int64
	First, Last int64 // numbers
	Gaps        int64 // numbers between them of which the bundle has no event
	Checkpoint  string
	Faults      []Fault
}

// OK reports whether nothing is wrong.
func (r BundleReport) OK() bool { return len(r.Faults) == 0 }

// VerifyBundle checks every event of a bundle by its proof and by the public keys,
// without a portal. An error says that it is no bundle.
func VerifyBundle(r io.Reader, keys []string) (BundleReport, error) {
	ring, err := newKeyring(keys, nil)
	if err != nil {
		return BundleReport{}, err
	}
	return verifyBundle(r, ring)
}

var errNoBundle = errors.New("this is no bundle of an audit trail")

func verifyBundle(r io.Reader, keys *keyring) (BundleReport, error) {
	report := BundleReport{First: -1, Last: -1}
	const mostLine = 16 << 20
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, mostLine)
	var head bundleHead
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &head) != nil || head.Format != bundleFormat {
		return report, errNoBundle
	}
	if !bytes.Equal(lines.Bytes(), head.encode()) {
		report.fault(-1, "line 1", notWritten)
	}
	c, _, err := keys.open(head.Checkpoint)
	if err != nil {
		report.fault(-1, "checkpoint", fmt.Sprintf("It was not signed by the key given, or was changed afterwards (%s).", err))
		return report, nil
	}
	report.Checkpoint = head.Checkpoint
	for at := 2; lines.Scan(); at++ {
		var line bundleLine
		switch err := json.Unmarshal(lines.Bytes(), &line); {
		case err != nil:
			report.fault(-1, fmt.Sprintf("line %d", at), "It is no event: "+err.Error()+".")
			continue
		case !bytes.Equal(lines.Bytes(), line.encode()):
			report.fault(line.Number, fmt.Sprintf("line %d", at), notWritten)
			continue
		}
		report.check(line, c)
	}
	if report.Events == 0 && report.OK() {
		report.fault(-1, "bundle", "It has no events, so it proves nothing.")
	}
	return report, lines.Err()
}

// notWritten says that a line is another one than would be written of what is read.
const notWritten = "It has something else than the portal writes: other programs may read something else in it than what is proven."

func (r *BundleReport) fault(number int64, where, what string) {
	if len(r.Faults) < mostFaults {
		r.Faults = append(r.Faults, Fault{number, where, what})
	}
}

// check takes the event of a line into the report.
func (r *BundleReport) check(line bundleLine, c Checkpoint) {
	where := fmt.Sprintf("event %d", line.Number)
	switch {
	case r.First < 0:
		r.First = line.Number
	case line.Number <= r.Last:
		r.fault(line.Number, where, "It comes twice, or after one with a larger number.")
		return
	default:
		r.Gaps += line.Number - r.Last - 1
	}
	r.Events, r.Last = r.Events+1, line.Number
	if line.Number < 0 || line.Number >= c.Size {
		r.fault(line.Number, where, "The checkpoint has no event of this number.")
		return
	}
	if tlog.CheckRecord(line.Proof, c.Size, c.Root, line.Number, tlog.RecordHash(line.Event)) != nil {
		r.fault(line.Number, where, "It is not the event that the checkpoint has at this number: it was changed, or its proof was.")
	}
}
