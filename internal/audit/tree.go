package audit

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/tlog"

	"doksportal/internal/db"
)

// nodeLevels are the levels of complete subtrees whose hashes are stored, besides
// the leaves. The highest has 2^32 leaves below each of its nodes.
const (
	nodeStep  = 8
	nodeLevel = 32
)

// tree reads the hashes of the tree that the database has, for golang.org/x/mod's
// tlog, which knows how RFC 6962 puts them together. It keeps what it has read, so
// it is for one transaction.
type tree struct {
	ctx    context.Context //nolint:containedctx // tlog's HashReader has none
	q      db.Querier
	blocks map[nodeKey][]tlog.Hash // up to 256 hashes of one level, by that of their root
	roots  map[int64]tlog.Hash     // made of these; neighbours ask for the same ones
}

func newTree(ctx context.Context, q db.Querier) tree {
	return tree{ctx: ctx, q: q, blocks: map[nodeKey][]tlog.Hash{}, roots: map[int64]tlog.Hash{}}
}

// nodeKey names a node: it is above 2^level leaves, and index such nodes come
// before it.
type nodeKey struct {
	level int
	index int64
}

// ReadHashes returns the hashes of complete subtrees.
func (t tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if hash, ok := t.roots[index]; ok {
			hashes[i] = hash
			continue
		}
		level, n := tlog.SplitStoredHashIndex(index)
		stored := level / nodeStep * nodeStep
		below := 1 << (level - stored)
		first := n * int64(below)
		block, err := t.block(stored, first>>nodeStep)
		if err != nil {
			return nil, err
		}
		from := int(first & (1<<nodeStep - 1))
		if len(block) < from+below {
			return nil, fmt.Errorf("%w: below node %d of level %d", errMissing, n, level)
		}
		hashes[i] = root(slices.Clone(block[from : from+below]))
		if len(t.roots) == mostRoots {
			clear(t.roots)
		}
		t.roots[index] = hashes[i]
	}
	return hashes, nil
}

// edge is the right edge of the tree when it had a size.
func (t tree) edge(size int64) (treeEdge, error) {
	var indexes []int64
	for level, n := 62, int64(0); level >= 0; level-- {
		if size&(1<<level) != 0 {
			indexes = append(indexes, tlog.StoredHashIndex(level, n>>level))
			n += 1 << level
		}
	}
	list, err := t.ReadHashes(indexes)
	return treeEdge{size: size, hashes: list}, err
}

// block returns the hashes of a stored level below a node of the next one.
func (t tree) block(level int, index int64) ([]tlog.Hash, error) {
	key := nodeKey{level + nodeStep, index}
	if block, ok := t.blocks[key]; ok {
		return block, nil
	}
	sql := `SELECT hash FROM event_log WHERE number >= @from AND number < @to ORDER BY number`
	args := pgx.NamedArgs{"level": level, "from": index << nodeStep, "to": (index + 1) << nodeStep}
	if level > 0 {
		sql = `SELECT hash FROM tree_nodes WHERE level = @level AND index >= @from AND index < @to ORDER BY index`
	}
	found, err := db.All(t.ctx, t.q, pgx.RowTo[[]byte], sql, args)
	if err != nil {
		return nil, err
	}
	block := make([]tlog.Hash, len(found))
	for i, hash := range found {
		if len(hash) != tlog.HashSize {
			return nil, fmt.Errorf("%w: one has %d bytes", errMissing, len(hash))
		}
		block[i] = tlog.Hash(hash)
	}
	if len(t.blocks) < mostBlocks {
		t.blocks[key] = block
	}
	return block, nil
}

// hashOf is a hash that the database has, the zero hash if that is none: nothing has
// that one.
func hashOf(v []byte) (hash tlog.Hash) {
	if len(v) == tlog.HashSize {
		hash = tlog.Hash(v)
	}
	return hash
}

// mostBlocks is how much is kept of the tree: what an export of a million events
// reads, 32 MiB.
const mostBlocks = 4096

// mostRoots is how many hashes that were made of those of blocks are kept: more than
// the proofs of 256 neighbours have.
const mostRoots = 4096

// root is the hash above a power of two of hashes, which it overwrites.
func root(hashes []tlog.Hash) tlog.Hash {
	for len(hashes) > 1 {
		for i := range len(hashes) / 2 {
			hashes[i] = tlog.NodeHash(hashes[2*i], hashes[2*i+1])
		}
		hashes = hashes[:len(hashes)/2]
	}
	return hashes[0]
}

// storeNodes stores the hashes of the subtrees that became complete when the log
// grew from one size to another.
func storeNodes(ctx context.Context, tx pgx.Tx, from, to int64) error {
	for level := nodeStep; level <= nodeLevel; level += nodeStep {
		first, end := from>>level, to>>level
		if first == end {
			return nil
		}
		indexes := make([]int64, 0, end-first)
		for n := first; n < end; n++ {
			indexes = append(indexes, tlog.StoredHashIndex(level-1, 2*n), tlog.StoredHashIndex(level-1, 2*n+1))
		}
		below, err := newTree(ctx, tx).ReadHashes(indexes)
		if err != nil {
			return err
		}
		rows := make([][]any, 0, end-first)
		for n := first; n < end; n++ {
			hash := tlog.NodeHash(below[2*(n-first)], below[2*(n-first)+1])
			rows = append(rows, []any{level, n, hash[:]})
		}
		if _, err := tx.CopyFrom(ctx, pgx.Identifier{"tree_nodes"}, []string{"level", "index", "hash"}, pgx.CopyFromRows(rows)); err != nil {
			return db.Wrap(err)
		}
	}
	return nil
}
