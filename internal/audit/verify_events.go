package audit

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/tlog"
)

// lateAfter is how much earlier than others that have smaller numbers an event may
// have been recorded: transactions that write events do not last longer.
const lateAfter = 10 * time.Minute

// compareEvents holds every event against the leaf that was made of it. Both are in
// the order of their ids.
func (v *verifier) compareEvents(ctx context.Context, tx pgx.Tx) error {
	formats := append(pgx.QueryResultFormats{pgx.BinaryFormatCode, pgx.BinaryFormatCode, pgx.BinaryFormatCode}, recordFormats...)
	rows, err := tx.Query(ctx, `SELECT l.number, l.event_id, l.hash, `+recordColumns+`
		FROM events e FULL JOIN event_log l ON l.event_id = e.id`, formats)
	if err != nil {
		return err
	}
	defer rows.Close()
	var line []byte
	for rows.Next() {
		values := rows.RawValues()
		number, leaf, record := values[0], values[2], values[3:]
		switch {
		case number == nil:
			v.unnumbered(record)
		case record[columnID] == nil:
			v.removed(numberOf(number), values[1])
		default:
			if line, err = appendRecord(line[:0], record); err != nil || tlog.RecordHash(line) != tlog.Hash(leaf) {
				v.fault(numberOf(number), eventName(numberOf(number), record[columnID]), "It is not what was hashed when it got its number: it was changed afterwards, or its hash was.")
			}
			v.note(numberOf(number), record[columnRecordedAt])
		}
	}
	return rows.Err()
}

func (v *verifier) unnumbered(record [][]byte) {
	if v.queued[[16]byte(record[columnID])] {
		v.Waiting++
		return
	}
	v.fault(-1, "event "+uuidText(record[columnID]), "It has no number and waits for none: it was put in past the portal, or its number was removed.")
}

func (v *verifier) removed(number int64, id []byte) {
	if slices.ContainsFunc(v.archives, func(a archive) bool {
		return bytes.Compare(a.From[:], id) <= 0 && bytes.Compare(id, a.To[:]) < 0
	}) {
		v.Archived++
		return
	}
	v.fault(number, eventName(number, id), "It is not there any more: it was removed.")
}

func eventName(number int64, id []byte) string {
	return fmt.Sprintf("event %d (%s)", number, uuidText(id))
}

func numberOf(v []byte) int64 { return int64(binary.BigEndian.Uint64(v)) } //nolint:gosec // two's complement

// note keeps when an event was recorded, for checkTimes. Seconds of 32 bits last
// until 2106.
func (v *verifier) note(number int64, recorded []byte) {
	if number < 0 {
		return
	}
	if grow := number + 1 - int64(len(v.recorded)); grow > 0 && grow < 1<<24 {
		v.recorded = append(v.recorded, make([]int32, grow)...)
	}
	if number < int64(len(v.recorded)) {
		v.recorded[number] = int32(uint32(timeOf(recorded).Unix())) //nolint:gosec // as said
	}
}

// checkTimes looks for events that claim to have been recorded long before others
// that were in the tree already.
func (v *verifier) checkTimes() {
	latest := uint32(0)
	for number, at := range v.recorded {
		if at := uint32(at); at != 0 && at+uint32(lateAfter/time.Second) < latest { //nolint:gosec // as it was put there
			v.fault(int64(number), fmt.Sprintf("event %d", number), "It says it was recorded at %s, %s before an event that has a smaller number: it was put in afterwards, or a clock was wrong.",
				time.Unix(int64(at), 0).UTC().Format(time.RFC3339), time.Duration(latest-at)*time.Second)
		} else {
			latest = max(latest, at)
		}
	}
}
