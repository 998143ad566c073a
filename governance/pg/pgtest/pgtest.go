// Package pgtest gives every test a real Postgres database of its own, with
// the whole schema in it, in under a tenth of a second.
//
// The first New of a test process starts a server, and makes a template of the
// migrated schema when the last process left none; each test gets a copy of it
// and drops it at the end. Processes at the same time have a server each, in
// numbered folders below the temporary folder that the next ones use again.
// The server ends with the process, whatever way that goes. A machine without
// Postgres fails these tests and does not skip them.
//
// Private gives a test a whole server, to be killed.
package pgtest

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"codeberg.org/althing/althing/governance/pg"
	"github.com/jackc/pgx/v5/pgxpool"
)

// patience bounds each step of making and dropping a database. It is long
// because many packages share a small machine.
const patience = 2 * time.Minute

// Check looks at a database when its test ends, such as for a trail that does
// not verify.
type Check func(ctx context.Context, pool *pgxpool.Pool) error

var serial atomic.Int64

// New returns a pool on a fresh database with the schema of the migrations.
// When the test ends the checks run, the pool is closed and the database
// dropped; a failed check, or a connection that was never given back, fails
// the test.
func New(t testing.TB, checks ...Check) *pgxpool.Pool {
	t.Helper()
	pool, err := open(URL(t))
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		for _, check := range checks {
			if err := check(ctx, pool); err != nil {
				t.Errorf("pgtest: check at the end of the test: %v", err)
			}
		}
		closePool(t, pool)
	})
	return pool
}

// URL returns the address of a fresh database, for tests that open their own
// pools or start the program. It is dropped when the test ends.
func URL(t testing.TB) string {
	t.Helper()
	s, err := shared()
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	name := fmt.Sprintf("test_%d", serial.Add(1))
	if _, err := s.admin.Exec(ctx, "create database "+name+" template "+s.template+" strategy file_copy"); err != nil {
		t.Fatalf("pgtest: copy the template: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if _, err := s.admin.Exec(ctx, "drop database "+name+" with (force)"); err != nil {
			t.Errorf("pgtest: drop %s: %v", name, err)
		}
	})
	return withDatabase(s.url, name)
}

// open uses the limits of the site, with a pool that leaves room for others.
func open(url string) (*pgxpool.Pool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return pg.Open(ctx, url, pg.Options{MaxConns: 12, Name: "pgtest"})
}

// closePool closes a pool, which waits for every connection; a test that kept
// one would wait for ever.
func closePool(t testing.TB, pool *pgxpool.Pool) {
	closed := make(chan struct{})
	go func() {
		pool.Close()
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(20 * time.Second):
		t.Errorf("pgtest: %d connections were not given back", pool.Stat().AcquiredConns())
	}
}

// withDatabase replaces the database in a URL of the embedded server.
func withDatabase(url, name string) string {
	at := strings.LastIndex(url, "/althing?")
	return url[:at] + "/" + name + url[at+len("/althing"):]
}
