package audit

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/mod/sumdb/tlog"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

const vouchingKey = "key to vouch for events"

// Vouching has who writes events over the connections of a pool vouch for them, by a
// key that is not in the database: what somebody else puts in, or what the database
// makes of an event on its way, is never signed by a trail that is Vouched. It is an
// option of db.Open.
func Vouching(s Signer) func(*pgxpool.Config) {
	return func(cfg *pgxpool.Config) {
		before := cfg.AfterConnect
		cfg.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
			conn.PgConn().CustomData()[vouchingKey] = s.vouching
			if before == nil {
				return nil
			}
			return before(ctx, conn)
		}
	}
}

// voucherOf is what a connection vouches for an event by, nil when it does not. Of
// when an event is recorded it says nothing: that is for the database to say.
func voucherOf(conn *pgx.Conn, values [][]byte) ([]byte, error) {
	key, ok := conn.PgConn().CustomData()[vouchingKey].([]byte)
	if !ok {
		return nil, nil
	}
	return voucher(key, values)
}

func voucher(key []byte, values [][]byte) ([]byte, error) {
	values = slices.Clone(values)
	values[columnRecordedAt] = nil
	line, err := appendRecord(nil, values)
	mac := hmac.New(sha256.New, key)
	mac.Write(line)
	return mac.Sum(nil), err
}

// unvouched are the events of commands that have no key, as the whole of what they say:
// who else could write them says nothing by them.
var unvouched = map[portal.EventKind]struct {
	part    string // of the portal, that says so
	target  string
	summary *regexp.Regexp
	data    *regexp.Regexp
}{
	portal.EventMigrated: {"migrate", "", regexp.MustCompile(`^The database schema was brought from version \d+ to \d+$`),
		regexp.MustCompile(`^\{"from":\d+,"to":\d+,"version":"[0-9A-Za-z.+()-]{0,64}"\}$`)},
	portal.EventTrailExported: {"command line", string(portal.TargetTrail), regexp.MustCompile(`^\d+ events from [-0-9]{10} to [-0-9]{10} were exported on the command line$`),
		regexp.MustCompile(`^\{"events":\d+,"sha256":"[0-9a-f]{1,64}"\}$`)},
}

// Migration is the event of a command that has brought the schema from a version to
// another, as a version of the portal.
func Migration(at time.Time, from, to int64, version string) portal.Event {
	return portal.Event{At: at, Kind: portal.EventMigrated, Actor: portal.System("migrate").Person(),
		Summary: fmt.Sprintf("The database schema was brought from version %d to %d", from, to),
		Data:    map[string]any{"from": from, "to": to, "version": version}}
}

// CommandExport is the event of a command that has written the events of some days, both
// of which count, into a file of a SHA-256.
func CommandExport(at time.Time, events int64, first, last time.Time, sum string) portal.Event {
	return portal.Event{At: at, Kind: portal.EventTrailExported, Actor: portal.System("command line").Person(), Target: portal.EventTarget{Kind: portal.TargetTrail},
		Summary: fmt.Sprintf("%d events from %s to %s were exported on the command line", events, first.Format(time.DateOnly), last.Format(time.DateOnly)),
		Data:    map[string]any{"events": events, "sha256": sum}}
}

// commandSaid reports whether an event is one that a command without a key writes, and
// says nothing else.
func commandSaid(record [][]byte) bool {
	say, ok := unvouched[portal.EventKind(record[columnKind])]
	if !ok {
		return false
	}
	who := portal.System(say.part)
	expected := map[string]string{"kind": string(record[columnKind]), "outcome": string(portal.ResultDone), "issuer": who.Issuer, "subject": who.Subject, "actor_name": who.Name, "target_kind": say.target}
	for i, c := range columns {
		switch c.name {
		case "id", "recorded_at", "at":
		case "data":
			if !say.data.Match(record[i]) {
				return false
			}
		case "summary":
			if !say.summary.Match(record[i]) {
				return false
			}
		default:
			if want := expected[c.name]; want != "" && string(record[i]) != want || want == "" && !isEmpty(c.shape, record[i]) {
				return false
			}
		}
	}
	return true
}

// rootOfEvents is the root of a tree of a size that continues a signed one, by what its
// events are since then, and not by the hashes that the database has of them. It returns
// an error that wraps ErrTampered for one that is not what was hashed, or that no
// process of the portal has written as it is.
func (t *Trail) rootOfEvents(ctx context.Context, tx pgx.Tx, hashes tree, signed Checkpoint, size int64) (tlog.Hash, error) {
	edge, err := hashes.edge(signed.Size)
	if err != nil {
		return tlog.Hash{}, fmt.Errorf("%w: %w", ErrTampered, err)
	}
	if signed.Size > 0 && edge.root() != signed.Root {
		return tlog.Hash{}, fmt.Errorf("%w: it answers differently each time", ErrTampered)
	}
	err = grow(ctx, tx, &edge, size, func(number int64, by []byte, record [][]byte) error {
		if !t.vouches(by, record) {
			return fmt.Errorf("%w: no process of the portal has written event %d, %s, as it is", ErrTampered, number, uuidText(record[columnID]))
		}
		return nil
	})
	if err != nil {
		return tlog.Hash{}, err
	}
	return edge.root(), nil
}

// grow adds to the edge of a tree, up to a size, what its events hash to, and has each
// looked at, with its voucher. It returns an error that wraps ErrTampered for one that is
// not there, or not what was hashed.
func grow(ctx context.Context, q db.Querier, edge *treeEdge, size int64, look func(number int64, by []byte, record [][]byte) error) error {
	for edge.size < size {
		if err := growBy(ctx, q, edge, min(size, edge.size+signMost), look); err != nil {
			return err
		}
	}
	return nil
}

func growBy(ctx context.Context, q db.Querier, edge *treeEdge, size int64, look func(number int64, by []byte, record [][]byte) error) error {
	formats := append(slices.Repeat(pgx.QueryResultFormats{pgx.BinaryFormatCode}, 3), recordFormats...)
	// The ids between which they are keep the planner from reading all months.
	rows, err := q.Query(ctx, `WITH leaves AS MATERIALIZED (SELECT number, event_id, hash FROM event_log WHERE number >= @from AND number < @to)
		SELECT l.number, l.hash, e.voucher, `+recordColumns+` FROM leaves l LEFT JOIN events e ON e.id = l.event_id
			AND e.id >= (SELECT event_id FROM leaves ORDER BY event_id LIMIT 1) AND e.id <= (SELECT event_id FROM leaves ORDER BY event_id DESC LIMIT 1)
		ORDER BY l.number`,
		formats, pgx.StrictNamedArgs{"from": edge.size, "to": size})
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		number, leaf, by, record := numberOf(rows.RawValues()[0]), rows.RawValues()[1], rows.RawValues()[2], rows.RawValues()[3:]
		if number != edge.size || record[columnID] == nil {
			return fmt.Errorf("%w: event %d is not there", ErrTampered, edge.size)
		}
		line, err := appendRecord(nil, record)
		if err != nil {
			return err
		}
		hash := tlog.RecordHash(line)
		if hash != hashOf(leaf) {
			return fmt.Errorf("%w: event %d, %s, is not what was hashed", ErrTampered, number, uuidText(record[columnID]))
		}
		if err := look(number, by, record); err != nil {
			return err
		}
		edge.add(hash, nil)
	}
	if err := rows.Err(); err != nil {
		return db.Wrap(err)
	}
	if edge.size != size {
		return fmt.Errorf("%w: event %d is not there", ErrTampered, edge.size)
	}
	return nil
}

// vouches reports whether a process has written an event as it is.
func (t *Trail) vouches(by []byte, record [][]byte) bool {
	if !t.Vouched {
		return true
	}
	if by == nil {
		return commandSaid(record)
	}
	return slices.ContainsFunc(t.Signers, func(s Signer) bool {
		own, err := voucher(s.vouching, record)
		return err == nil && hmac.Equal(own, by)
	})
}

// encode is a row in Postgres' binary format, by what is meant to be written and not by
// what the database makes of it. When it is recorded is not known yet.
func encode(conn *pgx.Conn, args pgx.StrictNamedArgs) ([][]byte, error) {
	values := make([][]byte, len(columns))
	for i, c := range columns {
		value := args[c.name]
		if i == columnRecordedAt {
			continue
		}
		var err error
		switch is := value.(type) {
		case []string:
			if len(is) == 0 {
				continue // nothing, however that is written
			}
		case string:
			if c.shape == shapeUUID && is == "" {
				continue
			} else if c.shape == shapeUUID {
				value, err = uuid.Parse(is)
			}
		}
		if err == nil {
			values[i], err = conn.TypeMap().Encode(c.shape.oid(), pgx.BinaryFormatCode, value, nil)
		}
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", c.name, err)
		}
	}
	return values, nil
}
