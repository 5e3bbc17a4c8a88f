// Package dbtest gives each test a database of its own: a copy of a migrated
// template in a private Postgres that lives as long as the test program.
package dbtest

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/db"
	"doksportal/internal/db/pgembed"
	"doksportal/internal/execute"
)

// server is the test program's Postgres. It ends with the program.
var server = sync.OnceValues(func() (*pgembed.Server, error) {
	dir, err := os.MkdirTemp(memory(), "portal-test-")
	if err != nil {
		return nil, err
	}
	s, err := Start(dir)
	if err != nil {
		return nil, err
	}
	if err := db.Migrate(context.Background(), s.URL(), execute.MigrateJobs); err != nil {
		return nil, err
	}
	return s, nil
})

// Start starts a Postgres without the safety that tests do not need.
func Start(dir string) (*pgembed.Server, error) {
	return pgembed.Start(context.Background(), pgembed.Config{Dir: dir, Settings: map[string]string{
		"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "64MB",
	}})
}

// memory is a directory in memory, where there is one.
func memory() string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return os.TempDir()
}

var count atomic.Int64

// URL returns the address of a migrated database that only this test uses.
func URL(t testing.TB) string {
	t.Helper()
	s, err := server()
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("test_%d", count.Add(1))
	exec(t, s, "CREATE DATABASE "+name+" TEMPLATE portal STRATEGY file_copy")
	t.Cleanup(func() { exec(t, s, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
	return strings.Replace(s.URL(), "/portal?", "/"+name+"?", 1)
}

// New returns a pool of connections to a database as URL returns it.
func New(t testing.TB) *pgxpool.Pool {
	t.Helper()
	pool, err := db.Open(context.Background(), URL(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func exec(t testing.TB, s *pgembed.Server, sql string) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, strings.Replace(s.URL(), "/portal?", "/postgres?", 1))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, sql); err != nil {
		t.Fatal(err)
	}
}
