// Package audittest gives tests of other packages a trail that is put under
// checkpoints.
package audittest

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/audit"
)

// New returns a trail with a key of its own.
func New(t testing.TB, pool *pgxpool.Pool) *audit.Trail {
	t.Helper()
	trail, err := audit.New(audit.Config{Pool: pool, Signers: []audit.Signer{NewKey(t)}, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return trail
}

// NewKey returns a key of a trail.
func NewKey(t testing.TB) audit.Signer {
	t.Helper()
	private, err := audit.NewKey("portal.example/audit")
	if err != nil {
		t.Fatal(err)
	}
	key, err := audit.ParseKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Run has a trail work until the test is over.
func Run(t testing.TB, pool *pgxpool.Pool) *audit.Trail {
	t.Helper()
	trail := New(t, pool)
	ctx, stop := context.WithCancel(context.Background())
	var working sync.WaitGroup
	working.Go(func() { trail.Run(ctx) })
	t.Cleanup(func() { stop(); working.Wait() })
	return trail
}
