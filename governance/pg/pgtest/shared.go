package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"

	"codeberg.org/althing/althing/governance/pg"
	"codeberg.org/althing/althing/governance/pg/embedded"
	"codeberg.org/althing/althing/migrations"
	"github.com/jackc/pgx/v5/pgxpool"
)

const template = "template_althing"

// server is the one of this process.
type server struct {
	url   string
	admin *pgxpool.Pool // on the database althing, which no test uses
}

// shared starts the server of this process once. Go has no hook at the end of
// a process without a TestMain in every package, so nothing stops it: the
// kernel does when the process ends, and its folder is left to the next.
var shared = sync.OnceValues(func() (*server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	dir, err := processDir()
	if err != nil {
		return nil, fmt.Errorf("folder for the test server: %w", err)
	}
	running, err := embedded.Start(ctx, embedded.Options{Dir: dir, Fast: true})
	if err != nil {
		return nil, err
	}
	admin, err := pg.Open(ctx, running.URL(), pg.Options{MaxConns: 8, Statement: -1, Lock: -1, Name: "pgtest admin"})
	if err != nil {
		return nil, err
	}
	if _, err := admin.Exec(ctx, "create database "+template); err != nil {
		return nil, fmt.Errorf("create the template: %w", err)
	}
	pool, err := open(withDatabase(running.URL(), template))
	if err != nil {
		return nil, err
	}
	defer pool.Close() // nobody may be connected to a template while it is copied
	if err := migrations.Up(ctx, pool); err != nil {
		return nil, err
	}
	return &server{url: running.URL(), admin: admin}, nil
})

// processDir makes a folder for this process and removes those of processes
// that have gone. Each process holds a lock on a file beside its folder; a
// lock that can be taken has no owner any more. One lock over all makes
// looking and taking one step.
func processDir() (string, error) {
	base := filepath.Join(os.TempDir(), "althing-pgtest-"+strconv.Itoa(os.Getuid()))
	if err := os.MkdirAll(base, 0o755); err != nil {
		return "", err
	}
	all, err := flock(filepath.Join(base, "all.lock"), 0)
	if err != nil {
		return "", err
	}
	defer all.Close()
	stale, err := filepath.Glob(filepath.Join(base, "run-*.lock"))
	if err != nil {
		return "", err
	}
	for _, name := range stale {
		f, err := flock(name, syscall.LOCK_NB)
		if err != nil {
			continue // in use
		}
		// These hold test databases only, and their process has gone.
		err = errors.Join(os.RemoveAll(name[:len(name)-len(".lock")]), os.Remove(name), f.Close())
		if err != nil {
			return "", err
		}
	}
	dir, err := os.MkdirTemp(base, "run-")
	if err != nil {
		return "", err
	}
	own, err := flock(dir+".lock", syscall.LOCK_NB)
	if err != nil {
		return "", err
	}
	held = own
	return dir, nil
}

// held keeps the lock of this process from being closed by the garbage
// collector.
var held *os.File

func flock(name string, mode int) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|mode)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(err, f.Close())
		}
	}
}
