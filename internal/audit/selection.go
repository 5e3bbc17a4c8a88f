package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// Entry is an event with its details as they were written, which are JSON. Event.Data
// is empty.
type Entry struct {
	portal.Event
	Details json.RawMessage
}

// Selection is which events an export has: those that were there when it was made.
// Events only ever come after it, so it stays as it is however long reading it takes.
type Selection struct {
	Filter string // by which they were selected, see FilterText; empty: all events

	pool       *pgxpool.Pool
	numbers    numberSet
	waiting    []string // ids of those that had no number yet
	checkpoint storedCheckpoint
}

// Select selects the events that Search finds on all of its pages. Who may call it is
// as with Search.
func Select(ctx context.Context, pool *pgxpool.Pool, f portal.EventFilter) (*Selection, error) {
	f.Before = ""
	s := &Selection{Filter: FilterText(f), pool: pool}
	return s, s.find(ctx, ways(f), values(f))
}

// selectBetween selects the events within bounds.
func selectBetween(ctx context.Context, pool *pgxpool.Pool, b Bounds) (*Selection, error) {
	s := &Selection{Filter: b.text(), pool: pool}
	return s, s.find(ctx, []string{`e.id >= @from::uuid AND e.id < @to::uuid`}, pgx.NamedArgs{"from": b.From.String(), "to": b.To.String()})
}

// find reads which events there are, in one state of the database. That takes longer
// than other statements may where there are many.
func (s *Selection) find(ctx context.Context, ways []string, args pgx.NamedArgs) error {
	s.numbers = numberSet{}
	var parts []string
	for _, way := range ways {
		parts = append(parts, `SELECT l.number, CASE WHEN l.number IS NULL THEN e.id::text END FROM events e LEFT JOIN event_log l ON l.event_id = e.id WHERE `+way)
	}
	err := pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `SET LOCAL statement_timeout = 0`)
		if err != nil {
			return err
		}
		if s.checkpoint, err = newestCheckpoint(ctx, tx); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, strings.Join(parts, " UNION ALL "), pgx.QueryExecModeSimpleProtocol, args)
		if err != nil {
			return err
		}
		var number *int64
		var id *string
		_, err = pgx.ForEachRow(rows, []any{&number, &id}, func() error {
			switch {
			case number == nil:
				s.waiting = append(s.waiting, *id)
			case *number < 0:
				return fmt.Errorf("%w: an event has the number %d", ErrTampered, *number)
			default:
				s.numbers.add(*number)
			}
			return nil
		})
		slices.Sort(s.waiting)
		return err
	})
	return db.Wrap(err)
}

// Events is how many events there are.
func (s *Selection) Events() int64 { return s.numbers.count(math.MaxInt64) + int64(len(s.waiting)) }

// Covered is how many of them are under the newest checkpoint, of how many events.
func (s *Selection) Covered() (events, of int64) {
	return s.numbers.count(s.checkpoint.Size), s.checkpoint.Size
}

// How much of a selection is read at once: events, and bytes of their details.
const (
	pageEvents = 1000
	pageBytes  = 8 << 20
)

// within is SQL for events e that fulfil a condition, in an order, up to @most bytes of
// details; the first one always.
func within(condition, order string) string {
	return `(SELECT e.*, l.number, coalesce(sum(octet_length(e.data::text)) OVER (ORDER BY ` + order + ` ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS bytes_before
		FROM events e LEFT JOIN event_log l ON l.event_id = e.id WHERE ` + condition + `) e `
}

// Conditions and orders of within: events by their numbers, which are in order, so that
// those beside them need not be looked at; by their ids.
const (
	byNumbers, numberOrder = `l.number = ANY (@keys) AND l.number >= (@keys::bigint[])[1] AND l.number <= (@keys::bigint[])[cardinality(@keys::bigint[])]`, `l.number`
	byIDs, idOrder         = `e.id = ANY (@keys)`, `e.id`
)

// Each calls fn for each event, in the order of their numbers, then for those that had
// none. It returns KindConflict when an event is not there any more, as when its month
// was archived meanwhile, and what fn returns.
func (s *Selection) Each(ctx context.Context, fn func(Entry) error) error {
	for numbers := range s.numbers.below(math.MaxInt64, pageEvents) {
		err := paged(numbers, func(keys []int64) ([]Entry, error) {
			return entries(ctx, s.pool, byNumbers, numberOrder, pgx.StrictNamedArgs{"keys": keys, "most": pageBytes})
		}, func(e Entry) int64 { return e.Number }, fn)
		if err != nil {
			return err
		}
	}
	return paged(s.waiting, func(keys []string) ([]Entry, error) {
		return entries(ctx, s.pool, byIDs, idOrder, pgx.StrictNamedArgs{"keys": keys[:min(len(keys), pageEvents)], "most": pageBytes})
	}, func(e Entry) string { return e.ID }, fn)
}

// paged calls fn for what there is of each key, in their order. Of the keys that read
// is asked for it returns what the first ones have.
func paged[K comparable, T any](keys []K, read func([]K) ([]T, error), keyOf func(T) K, fn func(T) error) error {
	for len(keys) > 0 {
		list, err := read(keys)
		if err != nil {
			return err
		}
		for i, found := range list {
			if keyOf(found) != keys[i] {
				return errGone
			}
			if err := fn(found); err != nil {
				return err
			}
		}
		if len(list) == 0 {
			return errGone
		}
		keys = keys[len(list):]
	}
	return nil
}

var errGone = portal.E(portal.KindConflict, "an event that is to be exported is not there any more: it was archived meanwhile, or removed")

// entries reads events with their details, as within says.
func entries(ctx context.Context, q db.Querier, condition, order string, args pgx.StrictNamedArgs) ([]Entry, error) {
	type row struct {
		eventRow
		Details string
	}
	read := func(r pgx.CollectableRow) (Entry, error) {
		e, err := pgx.RowToStructByNameLax[row](r)
		return Entry{e.event(), json.RawMessage(e.Details)}, err
	}
	return db.All(ctx, q, read, `SELECT `+listed+`, e.data::text AS details FROM `+within(condition, order)+
		`CROSS JOIN LATERAL (SELECT e.number) l `+named+` WHERE e.bytes_before < @most ORDER BY `+order, args)
}

// FilterText is a filter in one line, names and values like those of an address;
// empty where all events match. Times are UTC.
func FilterText(f portal.EventFilter) string {
	q := url.Values{}
	for name, value := range map[string]string{
		"q": f.Text, "kind": string(f.Kind), "but": string(f.But), "outcome": string(f.Result), "operation": string(f.Operation), "risk": string(f.Risk),
		"environment": string(f.Environment), "person": f.Actor.Subject, "issuer": f.Actor.Issuer, "team": f.TeamID, "cluster": f.Cluster, "address": f.Address,
		"from": instant(f.From), "before": instant(f.To), "request": numberText(f.Request),
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q.Encode()
}

// instant is a time of a filter, empty for none.
func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func numberText(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}
