// Package dbtest gives each test a database of its own: a copy of a migrated
// template in a private Postgres that lives as long as the test program, whose
// TestMain calls Main.
package dbtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/db"
	"doksportal/internal/db/pgembed"
	"doksportal/internal/jobs"
)

// server starts the test program's Postgres, without the safety that tests do
// not need.
var server = sync.OnceValues(func() (*pgembed.Server, error) {
	if directory == "" {
		return nil, errors.New("the test program has no TestMain that calls dbtest.Main")
	}
	s, err := pgembed.Start(context.Background(), pgembed.Config{Dir: directory, Settings: map[string]string{
		"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "64MB",
	}})
	if err != nil {
		return nil, err
	}
	started = s
	return s, db.Migrate(context.Background(), s.URL(), jobs.Migrate)
})

// started is what Main has to stop.
var started *pgembed.Server

// directory is where the test program's Postgres keeps its data.
var directory string

// Main runs the tests of a program and then removes their Postgres.
func Main(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	forget()
	var err error
	if directory, err = os.MkdirTemp(memory(), prefix); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(directory) }()
	code := m.Run()
	if started != nil {
		_ = started.Stop()
	}
	return code
}

const prefix = "portal-test-"

// forget removes what test programs that were killed an hour ago or more have
// left in memory.
func forget() {
	left, _ := filepath.Glob(filepath.Join(memory(), prefix+"*"))
	for _, dir := range left {
		if info, err := os.Stat(dir); err == nil && time.Since(info.ModTime()) > time.Hour {
			_ = os.RemoveAll(dir) // somebody else's stays
		}
	}
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
	return create(t, " TEMPLATE portal STRATEGY file_copy")
}

// Empty returns the address of a database that nobody has migrated yet.
func Empty(t testing.TB) string {
	t.Helper()
	return create(t, "")
}

func create(t testing.TB, options string) string {
	t.Helper()
	s, err := server()
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("test_%d", count.Add(1))
	statement(t, s, "CREATE DATABASE "+name+options)
	t.Cleanup(func() { statement(t, s, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
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

func statement(t testing.TB, s *pgembed.Server, sql string) {
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
