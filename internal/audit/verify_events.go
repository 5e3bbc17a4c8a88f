package audit

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/tlog"

	"doksportal/internal/db"
)

// idRange are ids from one on, nil for the smallest, and below another, nil for all
// that follow.
type idRange struct{ from, to *uuid.UUID }

// eventsOfRange is about how many events are read by one query.
const eventsOfRange = 200_000

// idRanges divides all ids into ranges that have about as many events, if the events
// got their numbers in the order of their ids; how many are verified at once is all
// that depends on it.
func idRanges(ctx context.Context, tx pgx.Tx, events int64) ([]idRange, error) {
	bounds, err := db.All(ctx, tx, pgx.RowTo[uuid.UUID], `SELECT event_id FROM event_log WHERE number = ANY (
		SELECT generate_series(@each::bigint, @events::bigint - 1, @each)) ORDER BY event_id`, pgx.StrictNamedArgs{"each": eventsOfRange, "events": events})
	var ranges []idRange
	var from *uuid.UUID
	for i := range bounds {
		ranges = append(ranges, idRange{from, &bounds[i]})
		from = &bounds[i]
	}
	return append(ranges, idRange{from, nil}), err
}

// compareEvents holds every event against the leaf that was made of it. Both are in
// the order of their ids.
func (v *verifier) compareEvents(ctx context.Context, tx pgx.Tx, ids idRange) error {
	formats := append(slices.Repeat(pgx.QueryResultFormats{pgx.BinaryFormatCode}, 3), recordFormats...)
	rows, err := tx.Query(ctx, `SELECT l.number, l.event_id, l.hash, `+recordColumns+`
		FROM (SELECT * FROM events WHERE `+ids.where("id")+`) e
		FULL JOIN (SELECT * FROM event_log WHERE `+ids.where("event_id")+`) l ON l.event_id = e.id`, formats)
	if err != nil {
		return err
	}
	defer rows.Close()
	w := worker{verifier: v}
	for rows.Next() {
		w.event(rows.RawValues())
	}
	v.found.Lock()
	defer v.found.Unlock()
	v.Waiting, v.Told = v.Waiting+w.waiting, v.Told+w.told
	return rows.Err()
}

// where is a condition on a column. Bounds are written into it, so that the plan is
// made for them.
func (r idRange) where(column string) string {
	condition := "true"
	if r.from != nil {
		condition += fmt.Sprintf(" AND %s >= '%s'", column, r.from)
	}
	if r.to != nil {
		condition += fmt.Sprintf(" AND %s < '%s'", column, r.to)
	}
	return condition
}

// leafPrefix is what RFC 6962 hashes before a leaf, as tlog.RecordHash does.
const leafPrefix = 0

// worker verifies some of the events.
type worker struct {
	*verifier
	leaf          []byte // that of the event at hand, in the buffer of the one before
	waiting, told int64
}

// event looks at one event, its leaf, or both: number, id and hash of the leaf, and
// the event's columns.
func (w *worker) event(values [][]byte) {
	number, kept, record := values[0], hashOf(values[2]), values[3:]
	switch {
	case !proper(values):
		w.fault(-1, "events", "The database shows something that is no event.")
		return
	case number == nil:
		w.unnumbered(record)
		return
	case record[columnID] == nil:
		w.removed(numberOf(number), values[1], kept)
		return
	}
	n := numberOf(number)
	var err error
	w.leaf, err = appendRecord(append(w.leaf[:0], leafPrefix), record)
	hash := tlog.Hash(sha256.Sum256(w.leaf))
	w.sameOwn(n, record, hash)
	if err != nil || hash != kept {
		w.fault(n, eventName(n, record[columnID]), "It is not what was hashed when it got its number: it was changed afterwards, or its hash was.")
		hash = kept // of which the tree is made; one fault is enough
	}
	w.bind(n, record[columnID], hash)
	w.stillThere(n, record[columnID], record[columnKind])
	w.times(n, record)
}

// proper reports whether a row has the lengths that its types have: a number and an
// id, an event with its times, or both.
func proper(values [][]byte) bool {
	record := values[3:]
	leaf := len(values[0]) == 8 && len(values[1]) == 16
	event := len(record[columnID]) == 16 && len(record[columnRecordedAt]) == 8 && len(record[columnAt]) == 8
	return (leaf || values[0] == nil) && (event || record[columnID] == nil) && (leaf || event)
}

// bind has the tree held against the hash of an event.
func (v *verifier) bind(number int64, id []byte, hash tlog.Hash) {
	if !v.bond.add(number, hash) {
		v.fault(number, eventName(number, id), "It has a number that the trail does not have: the database answers one query otherwise than another.")
	}
}

// sameOwn makes sure that what the trail says of itself was taken account of, as it
// is among all events.
func (v *verifier) sameOwn(number int64, record [][]byte, hash tlog.Hash) {
	if !isOwn(record[columnKind]) {
		return
	}
	v.found.Lock()
	same := v.own[number] == hash
	delete(v.own, number)
	v.found.Unlock()
	if !same {
		v.fault(number, eventName(number, record[columnID]), "It says something of the trail itself that the database did not show when it was asked for that: it answers one query otherwise than another.")
	}
}

func isOwn(kind []byte) bool {
	for _, k := range ownKinds {
		if string(kind) == string(k) {
			return true
		}
	}
	return false
}

func (w *worker) unnumbered(record [][]byte) {
	where := "event " + uuidText(record[columnID])
	switch since := timeOf(record[columnRecordedAt]); {
	case !w.queued[[16]byte(record[columnID])]:
		w.fault(-1, where, "It has no number and waits for none: it was put in past the portal, or its number was removed.")
	case w.Now.Sub(since) > unsignedFor:
		w.fault(-1, where, "It has waited for a number since %s: nothing proves it. The portal has not run since, or cannot give it one.", since.Format(time.RFC3339))
	default:
		w.waiting++
	}
}

func eventName(number int64, id []byte) string {
	return fmt.Sprintf("event %d (%s)", number, uuidText(id))
}

// numberOf reads a bigint, a negative one where that is none.
func numberOf(v []byte) int64 {
	if len(v) != 8 {
		return -1
	}
	return int64(binary.BigEndian.Uint64(v)) //nolint:gosec // two's complement
}
