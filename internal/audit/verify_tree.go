package audit

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/tlog"
)

// compareTree makes the tree of the leaves and holds it against what is stored of
// it and against every checkpoint.
func (v *verifier) compareTree(ctx context.Context, tx pgx.Tx) error {
	stored, err := storedNodes(ctx, tx)
	if err != nil {
		return err
	}
	rows, err := tx.Query(ctx, `SELECT number, hash FROM event_log ORDER BY number`, pgx.QueryResultFormats{pgx.BinaryFormatCode, pgx.BinaryFormatCode})
	if err != nil {
		return err
	}
	defer rows.Close()
	edge, expected := treeEdge{}, int64(0)
	for rows.Next() {
		values := rows.RawValues()
		if len(values[0]) != 8 || numberOf(values[0]) < expected {
			v.fault(expected, fmt.Sprintf("event %d", expected), "In its place is something that is no leaf of a tree, or comes twice.")
			continue
		}
		number, hash := numberOf(values[0]), hashOf(values[1])
		if !v.bond.take(number, hash) {
			v.fault(number, fmt.Sprintf("event %d", number), "It is beyond what the database said is the end: it answers one query otherwise than another.")
		}
		if gap := number - expected; gap > 0 {
			v.fault(expected, fmt.Sprintf("events %d to %d", expected, number-1), "There are no events with these numbers: they were removed, and their hashes with them.")
			for range min(gap, mostGap) { // so that what follows is held against what is stored in its place
				edge.add(tlog.Hash{}, nil)
			}
		}
		v.holdAgainst(&edge)
		edge.add(hash, func(level int, index int64, hash tlog.Hash) {
			if kept := stored[nodeKey{level, index}]; kept != hash {
				v.fault(index<<level, fmt.Sprintf("events %d to %d", index<<level, (index+1)<<level-1), "The stored hash above theirs is missing or another one: it was changed, or one of theirs was.")
			}
			delete(stored, nodeKey{level, index})
		})
		expected = number + 1
		v.Events++ // nothing else counts them
	}
	v.holdAgainst(&edge)
	for key := range stored {
		v.fault(key.index<<key.level, fmt.Sprintf("stored hash %d of level %d", key.index, key.level), "It is above no events: they were removed, or it was put in.")
	}
	for _, s := range v.statements {
		v.fault(-1, s.where, "The trail has only %d events: its end was cut off, or an old backup was restored.", v.Events)
	}
	return rows.Err()
}

// mostGap is how many missing events are made up for.
const mostGap = 1 << 16

// holdAgainst holds the tree against the checkpoints of its size. Of each place
// that keeps checkpoints, the first that differs is told: the later ones do too.
func (v *verifier) holdAgainst(edge *treeEdge) {
	for len(v.statements) > 0 && v.statements[0].size <= edge.size {
		s := v.statements[0]
		v.statements = v.statements[1:]
		if s.size == 0 || v.differs[s.place] || (s.size == edge.size && s.root == edge.root()) {
			continue
		}
		v.differs[s.place] = true
		v.fault(-1, s.where, "The first %d events have another root than it says: some were changed, removed or put in, or it is of a trail that was shown to somebody else. So have all later ones.", s.size)
	}
}

// storedNodes are the stored hashes above the leaves, one for 256 events.
func storedNodes(ctx context.Context, tx pgx.Tx) (map[nodeKey]tlog.Hash, error) {
	rows, err := tx.Query(ctx, `SELECT level, index, hash FROM tree_nodes`)
	if err != nil {
		return nil, err
	}
	nodes := map[nodeKey]tlog.Hash{}
	var key nodeKey
	var hash []byte
	_, err = pgx.ForEachRow(rows, []any{&key.level, &key.index, &hash}, func() error {
		nodes[key] = hashOf(hash)
		return nil
	})
	return nodes, err
}

// treeEdge is the right edge of a growing tree: the hashes of the complete subtrees
// that its leaves make, largest first.
type treeEdge struct {
	size   int64
	hashes []tlog.Hash
}

// add adds a leaf. It calls done with the hashes of subtrees of stored levels that
// became complete.
func (e *treeEdge) add(leaf tlog.Hash, done func(level int, index int64, hash tlog.Hash)) {
	e.hashes = append(e.hashes, leaf)
	e.size++
	for level := 1; e.size&(1<<level-1) == 0; level++ {
		n := len(e.hashes)
		e.hashes[n-2] = tlog.NodeHash(e.hashes[n-2], e.hashes[n-1])
		e.hashes = e.hashes[:n-1]
		if level%nodeStep == 0 && done != nil {
			done(level, e.size>>level-1, e.hashes[n-2])
		}
	}
}

// root is that of the tree.
func (e *treeEdge) root() tlog.Hash {
	hash := e.hashes[len(e.hashes)-1]
	for i := len(e.hashes) - 2; i >= 0; i-- {
		hash = tlog.NodeHash(e.hashes[i], hash)
	}
	return hash
}
