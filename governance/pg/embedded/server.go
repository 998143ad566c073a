//go:build unix

package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"syscall"
)

// Server is a running Postgres. Its methods are safe for concurrent use.
type Server struct {
	data   string
	socket string // folder of the unix socket
	pid    int
	log    *slog.Logger

	done chan struct{} // closed when the postmaster has gone
	exit error         // how it went; read only after done

	stop sync.Mutex
	lock *os.File // nil after Stop
}

// Start runs the Postgres of opts.Dir and returns when it answers. The first
// call on a folder makes the data directory (about a second); later calls take
// under a tenth of a second, or as long as the replay of the log after a
// crash. ctx bounds Start only: the server lives until Stop, or on Linux until
// this process ends in whatever way.
func Start(ctx context.Context, opts Options) (*Server, error) {
	return start(ctx, opts, machine(opts.Log))
}

// start is Start with the search for programs as a parameter, for tests.
func start(ctx context.Context, opts Options, find search) (_ *Server, err error) {
	log := opts.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	dir, err := prepareDir(opts.Dir)
	if err != nil {
		return nil, err
	}
	lock, err := lockFile(ctx, filepath.Join(dir, "lock"), opts.patience())
	if errors.Is(err, errLocked) {
		return nil, fmt.Errorf("another server already uses %s; stop it first, or choose another directory", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	defer func() {
		if err != nil {
			lock.Close()
		}
	}()

	data := filepath.Join(dir, "data")
	owner, err := accountFor(data)
	if err != nil {
		return nil, err
	}
	if err := owner.canEnter(dir); err != nil {
		return nil, err
	}
	want, err := majorOf(data)
	if err != nil {
		return nil, err
	}
	find.enter = owner.canEnter
	bin, err := find.find(ctx, want)
	if err != nil {
		return nil, fmt.Errorf("start Postgres for %s: %w", data, err)
	}
	if want == 0 {
		if err := create(ctx, bin, data, owner, opts.Fast); err != nil {
			return nil, err
		}
		log.InfoContext(ctx, "database created", slog.String("dir", data), slog.Int("major", bin.major))
	}

	socket, err := socketDir(data, owner)
	if err != nil {
		return nil, err
	}
	if err := clearLeftovers(ctx, log, data, socket); err != nil {
		return nil, err
	}
	s := &Server{data: data, socket: socket, log: log, lock: lock, done: make(chan struct{})}
	out, err := openLog(filepath.Join(dir, "postgres.log"))
	if err != nil {
		return nil, err
	}
	defer out.Close()
	if err := s.launch(s.command(bin, owner, opts, out)); err != nil {
		return nil, fmt.Errorf("start %s: %w", filepath.Join(bin.dir, "postgres"), err)
	}
	if err := s.await(ctx, out.Name()); err != nil {
		s.signal(syscall.SIGINT)
		<-s.done
		return nil, err
	}
	if err := s.createDatabase(ctx); err != nil {
		s.signal(syscall.SIGINT)
		<-s.done
		return nil, err
	}
	log.DebugContext(ctx, "database started", slog.String("dir", data), slog.Int("pid", s.pid),
		slog.Int("major", bin.major), slog.String("programs", bin.source))
	return s, nil
}

// URL is the connection string of the site's database, in the form that pgx
// reads. It holds no secret.
func (s *Server) URL() string {
	return connURL(s.socket, database)
}

func connURL(socket, db string) string {
	u := url.URL{Scheme: "postgres", User: url.User(superuser), Path: "/" + db}
	u.RawQuery = url.Values{"host": {socket}, "port": {port}, "sslmode": {"disable"}}.Encode()
	return u.String()
}

// PID is the process of the postmaster, for tests of faults.
func (s *Server) PID() int { return s.pid }

// Processes lists the children of the postmaster, one for each connection and
// some of its own, for tests of faults. Outside Linux it is empty.
func (s *Server) Processes() []int {
	return slices.DeleteFunc(backendsIn(s.data), func(pid int) bool { return pid == s.pid })
}

// Done is closed when the postmaster has gone, asked or not, so that a site
// whose database died can end instead of answering errors.
func (s *Server) Done() <-chan struct{} { return s.done }

// Stop shuts the server down: connections are ended, the log is flushed, files
// are closed. When ctx ends first, the server is made to quit at once, which
// loses nothing and costs a replay at the next start. Stop may be called
// twice, and after the server has died.
func (s *Server) Stop(ctx context.Context) error {
	s.stop.Lock()
	defer s.stop.Unlock()
	if s.lock == nil {
		return nil
	}
	asked := true
	select {
	case <-s.done:
		asked = false
	default:
		s.signal(syscall.SIGINT)
	}
	var late error
	select {
	case <-s.done:
	case <-ctx.Done():
		late = ctx.Err()
		s.signal(syscall.SIGQUIT)
		<-s.done
	}
	os.Remove(s.socket) // an empty folder after a clean stop; else it stays
	s.lock.Close()
	s.lock = nil
	if late != nil {
		return fmt.Errorf("stop Postgres in %s: %w", s.data, late)
	}
	if asked && s.exit != nil {
		return fmt.Errorf("stop Postgres in %s: %w", s.data, s.exit)
	}
	return nil
}

func (s *Server) signal(sig syscall.Signal) {
	// The postmaster may have gone by itself meanwhile; done tells.
	_ = syscall.Kill(s.pid, sig)
}

// launch starts the postmaster and waits for its end in one goroutine that
// keeps its thread: the signal that Linux sends at our death is bound to the
// thread that forked, not to the process.
func (s *Server) launch(cmd *exec.Cmd) error {
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		s.exit = cmd.Wait()
		close(s.done)
	}()
	if err := <-started; err != nil {
		return err
	}
	s.pid = cmd.Process.Pid
	return nil
}
