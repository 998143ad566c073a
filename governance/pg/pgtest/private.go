package pgtest

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"syscall"
	"testing"
	"time"

	"codeberg.org/althing/althing/governance/pg/embedded"
)

// Instance is a server of one test, in its own folder, with fsync on as in
// production. It may be killed.
type Instance struct {
	// Dir is the folder to give to embedded.Start.
	Dir    string
	t      testing.TB
	server *embedded.Server
}

// Private starts a server of the test's own, with the schema in its database.
// It takes about two seconds, so that a test of anything but crashes wants New.
// The server is stopped and its folder removed when the test ends.
func Private(t testing.TB) *Instance {
	t.Helper()
	// Not t.TempDir, whose parents only the caller may enter: root's server
	// runs as somebody else.
	dir, err := os.MkdirTemp("", "althing-private-")
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	in := &Instance{Dir: dir, t: t}
	t.Cleanup(func() {
		in.stop()
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("pgtest: %v", err)
		}
	})
	in.start()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := migrate(ctx, in.URL()); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	return in
}

// URL is the same after a restart.
func (in *Instance) URL() string { return in.server.URL() }

// Server is the one that runs now; Restart replaces it.
func (in *Instance) Server() *embedded.Server { return in.server }

func (in *Instance) start() {
	in.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := embedded.Start(ctx, embedded.Options{Dir: in.Dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		in.t.Fatalf("pgtest: %v", err)
	}
	in.server = s
}

func (in *Instance) stop() {
	in.t.Helper()
	if in.server == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := in.server.Stop(ctx); err != nil {
		in.t.Errorf("pgtest: %v", err)
	}
}

// Kill ends the postmaster and all its children by SIGKILL, the postmaster
// first so that it cannot tidy up, and returns when it has gone. Restart
// brings the server back.
func (in *Instance) Kill() {
	in.t.Helper()
	for _, pid := range append([]int{in.server.PID()}, in.server.Processes()...) {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			in.t.Fatalf("pgtest: kill: %v", err)
		}
	}
	select {
	case <-in.server.Done():
	case <-time.After(patience):
		in.t.Fatalf("pgtest: process %d survived SIGKILL", in.server.PID())
	}
}

// Restart starts the server again after Kill, or after stopping it, and
// returns when it has recovered.
func (in *Instance) Restart() {
	in.t.Helper()
	in.stop()
	in.start()
}
