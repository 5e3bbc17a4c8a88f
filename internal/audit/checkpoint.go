package audit

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"doksportal/internal/db"
)

// Checkpoint is a signed statement that the first events of the trail, as many as
// its size, have this root.
type Checkpoint struct {
	Origin string
	Size   int64
	Root   tlog.Hash
	Note   string   // as signed: C2SP's tlog-checkpoint in a signed note
	Keys   []string // by name, those known that have signed it
}

// sign states a size and a root.
func sign(origin string, size int64, hash tlog.Hash, signers []Signer) (Checkpoint, error) {
	c := log.Checkpoint{Origin: origin, Size: uint64(size), Hash: hash[:]} //nolint:gosec // a size is never negative
	var with []note.Signer
	for _, s := range signers {
		with = append(with, s)
	}
	text, err := note.Sign(&note.Note{Text: string(c.Marshal())}, with...)
	return Checkpoint{Origin: origin, Size: size, Root: hash, Note: string(text)}, err
}

// openCheckpoint reads a checkpoint that one of the keys at least has signed.
func openCheckpoint(text string, known note.Verifiers) (Checkpoint, error) {
	n, err := note.Open([]byte(text), known)
	if err != nil {
		return Checkpoint{}, err
	}
	var body log.Checkpoint
	if rest, err := body.Unmarshal([]byte(n.Text)); err != nil || len(rest) > 0 || len(body.Hash) != tlog.HashSize || body.Size > 1<<62 {
		return Checkpoint{}, fmt.Errorf("not a checkpoint: %w", err)
	}
	c := Checkpoint{Origin: body.Origin, Size: int64(body.Size), Root: tlog.Hash(body.Hash), Note: text} //nolint:gosec // bounded above
	for _, s := range n.Sigs {
		c.Keys = append(c.Keys, fmt.Sprintf(keyForm, s.Name, s.Hash))
	}
	return c, nil
}

// keyForm is how keys are named: what a public key begins with.
const keyForm = "%s+%08x"

func keyName(k note.Signer) string { return fmt.Sprintf(keyForm, k.Name(), k.KeyHash()) }

type storedCheckpoint struct {
	Size int64
	Note string
}

// newestCheckpoint is the one with the largest size, the zero value when there is
// none.
func newestCheckpoint(ctx context.Context, q db.Querier) (storedCheckpoint, error) {
	list, err := db.All(ctx, q, pgx.RowToStructByName[storedCheckpoint], `SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1`)
	if err != nil || len(list) == 0 {
		return storedCheckpoint{}, err
	}
	return list[0], nil
}
