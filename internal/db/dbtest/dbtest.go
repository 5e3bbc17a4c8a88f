// Package dbtest gives each test a database of its own: a copy of a migrated
// template in a private Postgres that lives as long as the test program, whose
// TestMain calls Main. A test that is over leaves its database to a later one, as
// it was at first, with the connections to it: new ones take many times as long.
package dbtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

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
	if err := db.Migrate(context.Background(), s.URL(), jobs.Migrate, db.Runtime(s.RuntimeURL())); err != nil {
		return nil, err
	}
	atFirst, err = look(context.Background(), s.URL())
	return s, err
})

// started is what Main has to stop.
var started *pgembed.Server

// directory is where the test program's Postgres keeps its data.
var directory string

// Main runs the tests of a program and then removes their Postgres. The program
// fails when all tests pass and a check of what they have done does not.
func Main(m *testing.M, checks ...func() error) {
	code := run(m)
	for _, check := range checks {
		if err := check(); err != nil && code == 0 {
			fmt.Fprintln(os.Stderr, "FAIL:", err)
			code = 1
		}
	}
	os.Exit(code)
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

// URL returns the address of a migrated database that only this test uses, as the
// role that the portal serves as.
func URL(t testing.TB) string {
	t.Helper()
	return lend(t).url
}

func lend(t testing.TB) *database {
	t.Helper()
	d, err := take()
	if err != nil {
		t.Fatal(err)
	}
	lent.Store(t, d)
	t.Cleanup(func() {
		lent.Delete(t)
		if err := d.giveBack(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// lent is the database, by test, that each has from New or URL, the last if
// several.
var lent sync.Map

// Owner returns a pool of connections to the database that New or URL has given
// t, for what only the owner of the tables may do.
func Owner(t testing.TB) *pgxpool.Pool {
	t.Helper()
	d, ok := lent.Load(t)
	if !ok {
		t.Fatal("this test has no database yet")
	}
	pool, err := db.Open(context.Background(), d.(*database).owner)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { go pool.Close() }) // waits for connections that a failed test has kept
	return pool
}

// Empty returns the address of a database that nobody has migrated yet, as its
// owner.
func Empty(t testing.TB) string {
	t.Helper()
	d, err := create("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.drop(); err != nil {
			t.Error(err)
		}
	})
	return d.owner
}

// New returns a pool of connections to a database as URL returns it. It is not
// for the test to close.
func New(t testing.TB) *pgxpool.Pool {
	t.Helper()
	d := lend(t)
	if d.pool == nil {
		var err error
		if d.pool, err = db.Open(context.Background(), d.url); err != nil {
			t.Fatal(err)
		}
	}
	return d.pool
}
