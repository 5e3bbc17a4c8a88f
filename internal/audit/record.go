package audit

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// shape is how a column of events is written into what is hashed.
type shape int

const (
	shapeText  shape = iota
	shapeTexts       // text[]
	shapeUUID
	shapeTime
	shapeInt
	shapeJSON // as it is
)

// oid is the type that a column of a shape has. What is JSON is the text as it is.
func (s shape) oid() uint32 {
	return [...]uint32{pgtype.TextOID, pgtype.TextArrayOID, pgtype.UUIDOID, pgtype.TimestamptzOID, pgtype.Int4OID, pgtype.TextOID}[s]
}

// columns are those of events, in the order in which they are hashed. One is added
// where it belongs: events from before it have nothing there, and so the same hash.
// None is ever removed, renamed or moved, or no old event could be proven.
var columns = []struct {
	name  string
	shape shape
}{
	{"id", shapeUUID}, {"recorded_at", shapeTime}, {"at", shapeTime}, {"kind", shapeText}, {"outcome", shapeText},
	{"issuer", shapeText}, {"subject", shapeText}, {"actor_name", shapeText}, {"actor_email", shapeText},
	{"actor_roles", shapeTexts}, {"actor_groups", shapeTexts},
	{"session", shapeText}, {"address", shapeText}, {"user_agent", shapeText}, {"http_request", shapeText},
	{"team_id", shapeUUID}, {"request_id", shapeUUID}, {"revision", shapeInt},
	{"operation", shapeText}, {"environment", shapeText},
	{"target_kind", shapeText}, {"target_id", shapeText}, {"target_name", shapeText}, {"clusters", shapeTexts},
	{"summary", shapeText}, {"reason", shapeText}, {"data", shapeJSON},
}

// Places of columns that are looked at besides being hashed.
const (
	columnID         = 0
	columnRecordedAt = 1
	columnAt         = 2
	columnKind       = 3
	columnSubject    = 6
	columnRequestID  = 16
	columnTargetID   = 21
	columnData       = 26
)

// recordColumns are the columns of events e for SQL, to be read with recordFormats.
var recordColumns, recordFormats = func() (string, pgx.QueryResultFormats) {
	var list []string
	for _, c := range columns {
		list = append(list, "e."+c.name)
	}
	return strings.Join(list, ", "), slices.Repeat(pgx.QueryResultFormats{pgx.BinaryFormatCode}, len(columns))
}()

// appendRecord writes an event as it is hashed: one line of JSON with every column
// that is not empty, in the order of columns, without spaces. values are those of a row in Postgres'
// binary format.
func appendRecord(dst []byte, values [][]byte) ([]byte, error) {
	var err error
	for i, c := range columns {
		if isEmpty(c.shape, values[i]) {
			continue
		}
		dst = append(append(append(dst, "{,"[min(i, 1)], '"'), c.name...), '"', ':')
		if dst, err = appendValue(dst, c.shape, values[i]); err != nil {
			return dst, fmt.Errorf("column %s: %w", c.name, err)
		}
	}
	return append(dst, '}'), nil
}

// isEmpty reports whether a column has nothing to say.
func isEmpty(s shape, v []byte) bool {
	switch s {
	case shapeInt:
		return !slices.ContainsFunc(v, func(b byte) bool { return b != 0 })
	case shapeTexts:
		return len(v) < 4 || binary.BigEndian.Uint32(v) == 0 // dimensions
	}
	return len(v) == 0
}

var errForm = errors.New("not in the form that Postgres has for this type")

func appendValue(dst []byte, s shape, v []byte) ([]byte, error) {
	switch {
	case s == shapeText:
		return jsontext.AppendQuote(dst, v)
	case s == shapeTexts:
		return appendTexts(dst, v)
	case s == shapeJSON:
		return append(dst, v...), nil
	case s == shapeUUID && len(v) == 16:
		return append(appendUUID(append(dst, '"'), v), '"'), nil
	case s == shapeTime && len(v) == 8 && isFinite(v):
		return append(appendTime(append(dst, '"'), timeOf(v)), '"'), nil
	case s == shapeInt && len(v) == 4:
		return strconv.AppendInt(dst, int64(int32(binary.BigEndian.Uint32(v))), 10), nil //nolint:gosec // two's complement
	}
	return dst, errForm
}

// appendTexts writes a text[]: a header of dimensions, flags and type, for the one
// dimension its length and lower bound, then each element after its length.
func appendTexts(dst, v []byte) ([]byte, error) {
	const header, dimension = 12, 8
	if len(v) < header {
		return dst, errForm
	}
	rest := v[header:]
	if binary.BigEndian.Uint32(v) != 1 || len(rest) < dimension || binary.BigEndian.Uint32(rest[4:]) != 1 {
		return dst, errForm
	}
	count := int(binary.BigEndian.Uint32(rest))
	rest = rest[dimension:]
	dst = append(dst, '[')
	for i := range count {
		if i > 0 {
			dst = append(dst, ',')
		}
		if len(rest) < 4 || int64(len(rest)-4) < int64(binary.BigEndian.Uint32(rest)) {
			return dst, errForm
		}
		length := binary.BigEndian.Uint32(rest)
		var err error
		if dst, err = jsontext.AppendQuote(dst, rest[4:4+length]); err != nil {
			return dst, err
		}
		rest = rest[4+length:]
	}
	if len(rest) > 0 {
		return dst, errForm
	}
	return append(dst, ']'), nil
}

func uuidText(v []byte) string { return string(appendUUID(nil, v)) }

func appendUUID(dst, v []byte) []byte {
	for i, part := range [][]byte{v[:4], v[4:6], v[6:8], v[8:10], v[10:]} {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, part)
	}
	return dst
}

// microsOf reads a timestamptz: microseconds since 2000.
func microsOf(v []byte) int64 { return int64(binary.BigEndian.Uint64(v)) } //nolint:gosec // two's complement

// isFinite reports whether a timestamptz is a time that an event can have, of which
// the year has four digits.
func isFinite(v []byte) bool {
	const year = 366 * 24 * 3600 * 1e6
	return microsOf(v) > -1000*year && microsOf(v) < 1000*year
}

// appendTime writes a time with its microseconds, all six digits. A layout that says
// so takes several times as long as that of RFC 3339, and ten million events have
// twenty million times.
func appendTime(dst []byte, t time.Time) []byte {
	dst = t.AppendFormat(dst, time.RFC3339)
	dst = strconv.AppendInt(dst[:len(dst)-1], int64(1_000_000+t.Nanosecond()/1000), 10)
	dst[len(dst)-len("1000000")] = '.'
	return append(dst, 'Z')
}

// unix2000 is when Postgres counts from, in Unix' seconds.
const unix2000 = 946684800

func timeOf(v []byte) time.Time { return timeAt(microsOf(v)) }

func timeAt(micros int64) time.Time { return time.UnixMicro(micros + unix2000*1e6).UTC() }
