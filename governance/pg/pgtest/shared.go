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
	"time"

	"codeberg.org/althing/althing/governance/pg"
	"codeberg.org/althing/althing/governance/pg/embedded"
	"codeberg.org/althing/althing/migrations"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// maxAge is when a slot is made anew. Programs that tidy the temporary folder
// take files of some days' age, and a database that lacks one fails oddly.
const maxAge = 24 * time.Hour

// server is the one of this process.
type server struct {
	url      string
	admin    *pgxpool.Pool // on the database althing, which no test uses
	template string        // a database with the schema, to which nobody connects

	// These hold files that are locked; unreferenced, the garbage collector
	// would close them and give the folder away.
	running *embedded.Server
	slot    *os.File
}

// shared starts the server of this process once. Go has no hook at the end of
// a process without a TestMain in every package, so nothing stops it: the
// kernel does when the process ends.
var shared = sync.OnceValues(func() (*server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	dir, slot, err := takeSlot()
	if err != nil {
		return nil, fmt.Errorf("folder for the test server: %w", err)
	}
	if info, err := os.Stat(filepath.Join(dir, "data", "PG_VERSION")); err == nil && time.Since(info.ModTime()) < maxAge {
		if s, err := serve(ctx, dir, slot); err == nil {
			return s, nil
		}
		// What an earlier process left is not usable; it held tests only.
	}
	if err := errors.Join(embedded.StopLeftover(ctx, dir), os.RemoveAll(dir)); err != nil {
		return nil, fmt.Errorf("clear the folder of the test server: %w", err)
	}
	return serve(ctx, dir, slot)
})

// takeSlot returns the first folder slot-N that no living process holds. The
// lock lies beside the folder and ends with the process. The server and the
// template in it serve one process after the other, so that only the first
// ever pays for initdb and the migrations.
func takeSlot() (string, *os.File, error) {
	base := filepath.Join(os.TempDir(), "althing-pgtest-"+strconv.Itoa(os.Getuid()))
	if err := os.MkdirAll(base, 0o755); err != nil {
		return "", nil, err
	}
	for n := 0; ; n++ {
		dir := filepath.Join(base, "slot-"+strconv.Itoa(n))
		f, err := os.OpenFile(dir+".lock", os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return "", nil, err
		}
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return dir, f, nil
		}
		if err := errors.Join(f.Close(), unlessLocked(err)); err != nil {
			return "", nil, err
		}
	}
}

func unlessLocked(err error) error {
	if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, syscall.EINTR) {
		return nil
	}
	return err
}

// serve starts the server of a slot and leaves it with nothing but the
// template of today's schema.
func serve(ctx context.Context, dir string, slot *os.File) (_ *server, err error) {
	fingerprint, err := migrations.Fingerprint()
	if err != nil {
		return nil, err
	}
	running, err := embedded.Start(ctx, embedded.Options{Dir: dir, Fast: true})
	if err != nil {
		return nil, err
	}
	admin, err := pg.Open(ctx, running.URL(), pg.Options{MaxConns: 8, Statement: -1, Lock: -1, Name: "pgtest admin"})
	if err != nil {
		return nil, errors.Join(err, running.Stop(ctx))
	}
	defer func() {
		if err != nil {
			admin.Close()
			err = errors.Join(err, running.Stop(ctx))
		}
	}()
	s := &server{url: running.URL(), admin: admin, template: "template_" + fingerprint, running: running, slot: slot}
	found, err := s.dropOld(ctx)
	if err != nil {
		return nil, err
	}
	if found {
		return s, nil
	}
	// It gets its name when it is whole: a process that dies in between
	// leaves no half template.
	const raw = "template_raw"
	if _, err := admin.Exec(ctx, "create database "+raw); err != nil {
		return nil, fmt.Errorf("create the template: %w", err)
	}
	if err := migrate(ctx, withDatabase(s.url, raw)); err != nil {
		return nil, err
	}
	if _, err := admin.Exec(ctx, "alter database "+raw+" rename to "+s.template); err != nil {
		return nil, fmt.Errorf("name the template: %w", err)
	}
	return s, nil
}

func migrate(ctx context.Context, url string) error {
	pool, err := open(url)
	if err != nil {
		return err
	}
	defer pool.Close() // nobody may be connected to a template while it is copied
	return migrations.Up(ctx, pool)
}

// dropOld drops the databases that earlier processes left, and says whether
// the template of today's schema is there.
func (s *server) dropOld(ctx context.Context) (found bool, err error) {
	const q = `select datname from pg_database where datname like 'test\_%' or datname like 'template\__%'`
	rows, _ := s.admin.Query(ctx, q) // the error comes out of CollectRows
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return false, fmt.Errorf("list the databases of earlier tests: %w", err)
	}
	for _, name := range names {
		if name == s.template {
			found = true
			continue
		}
		if _, err := s.admin.Exec(ctx, "drop database "+name+" with (force)"); err != nil {
			return false, fmt.Errorf("drop a database of an earlier test: %w", err)
		}
	}
	return found, nil
}
