package audit

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/mod/sumdb/tlog"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// AloneTable makes a table like that of events, which nobody numbers.
const AloneTable = `CREATE TABLE alone (LIKE events INCLUDING ALL); CREATE TRIGGER stamped BEFORE INSERT ON alone FOR EACH ROW EXECUTE FUNCTION stamp_event()`

// InsertAlone inserts the row of an event into it.
func InsertAlone(ctx context.Context, tx pgx.Tx, e portal.Event) error {
	args, err := row(ctx, e)
	if err != nil {
		return err
	}
	args["voucher"] = nil
	_, err = tx.Exec(ctx, strings.Replace(insertEvent, "INTO events", "INTO alone", 1)+` WHERE @outlasts OR @behind <> '' RETURNING id`, args)
	return db.Wrap(err)
}

// NumberAll gives all events their numbers in the order of their ids, as Sequence
// would, but all at once.
func NumberAll(ctx context.Context, pool *pgxpool.Pool) error {
	return snapshots(ctx, pool, 1, func(txs []pgx.Tx) error {
		return db.WithTx(ctx, pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, `SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0`); err != nil {
				return err
			}
			rows, err := txs[0].Query(ctx, `SELECT `+recordColumns+` FROM events e ORDER BY e.id`, recordFormats)
			if err != nil {
				return err
			}
			defer rows.Close()
			edge, nodes, number := treeEdge{}, [][]any{}, int64(-1)
			var line []byte
			_, err = tx.CopyFrom(ctx, pgx.Identifier{"event_log"}, []string{"number", "event_id", "hash"}, pgx.CopyFromFunc(func() ([]any, error) {
				if !rows.Next() {
					return nil, rows.Err()
				}
				values := rows.RawValues()
				if line, err = appendRecord(line[:0], values); err != nil {
					return nil, err
				}
				hash := tlog.RecordHash(line)
				edge.add(hash, func(level int, index int64, above tlog.Hash) { nodes = append(nodes, []any{level, index, above[:]}) })
				number++
				return []any{number, [16]byte(values[columnID]), hash[:]}, nil
			}))
			if err != nil {
				return err
			}
			_, err = tx.CopyFrom(ctx, pgx.Identifier{"tree_nodes"}, []string{"level", "index", "hash"}, pgx.CopyFromRows(nodes))
			return err
		})
	})
}

// HashedColumns are those of what is hashed.
func HashedColumns() []string {
	var list []string
	for _, c := range columns {
		list = append(list, c.name)
	}
	return list
}

// StateRotation is what the details of an event say by which one key follows another.
func StateRotation(key, before Signer) (map[string]any, error) {
	signed, err := state(formRotation, rotation{Origin: key.Name(), Key: key.Public, Before: before.Public}, key, before)
	return map[string]any{"key": key.Public, "before": before.Public, statementKey: signed}, err
}

// AnchorNewest does what Run does now and then.
func (t *Trail) AnchorNewest(ctx context.Context) error {
	return (&runner{Trail: t}).anchorNewest(ctx)
}

// StateTold is what the details of an event say by which others tell of what was long
// before.
func StateTold(first, last int64, key Signer) (map[string]any, error) {
	signed, err := state(formTold, told{Origin: key.Name(), First: first, Last: last}, key)
	return map[string]any{statementKey: signed}, err
}

// SchemaFacts are what the tables of the trail are like, and what is expected, one a
// line.
func SchemaFacts(ctx context.Context, pool *pgxpool.Pool) (have []string, expected string, err error) {
	err = snapshots(ctx, pool, 1, func(txs []pgx.Tx) error {
		facts, err := db.All(ctx, txs[0], pgx.RowToStructByName[schemaFact], schemaFacts)
		for _, f := range facts {
			have = append(have, f.Kind+": "+f.What)
		}
		return err
	})
	slices.Sort(have)
	return slices.Compact(have), schemaText, err
}
