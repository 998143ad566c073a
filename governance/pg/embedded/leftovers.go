//go:build unix

package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// pidFile is what postmaster.pid says. The fields are lines 1 and 8; the
// status line exists since Postgres 10.
type pidFile struct {
	pid    int
	status string // "starting", "ready", "stopping"
}

func readPIDFile(data string) (pidFile, error) {
	text, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return pidFile{}, err
	}
	lines := strings.Split(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(lines[0]))
	if err != nil {
		return pidFile{}, fmt.Errorf("read the pid in %s/postmaster.pid: %w", data, err)
	}
	pf := pidFile{pid: pid}
	if len(lines) > 7 {
		pf.status = strings.TrimSpace(lines[7])
	}
	return pf, nil
}

// clearLeftovers makes the directory free for a new postmaster after any kind
// of crash. The caller holds the lock, so whatever is found belongs to nobody:
//
//   - a postmaster whose parent died is stopped with SIGINT;
//   - its children without a postmaster get SIGQUIT, as it would send them;
//   - a postmaster.pid whose number now belongs to another program, or to a
//     zombie, is removed, because Postgres would take that for a live server.
//     When the number is free Postgres clears the file itself.
func clearLeftovers(ctx context.Context, log *slog.Logger, data, socket string) error {
	pf, err := readPIDFile(data)
	if err == nil && servesData(pf.pid, data) {
		log.InfoContext(ctx, "stopping a database left by an earlier run", slog.Int("pid", pf.pid))
		if err := endProcess(ctx, pf.pid, syscall.SIGINT); err != nil {
			return err
		}
	}
	for _, pid := range backendsIn(data) {
		if err := endProcess(ctx, pid, syscall.SIGQUIT); err != nil {
			return err
		}
	}
	if pf, err = readPIDFile(data); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return clearSocket(socket)
		}
		return err
	}
	if running(pf.pid) && isPostgres(pf.pid) && !worksElsewhere(pf.pid, data) {
		return fmt.Errorf("process %d may still serve %s; stop it first", pf.pid, data)
	}
	if processExists(pf.pid) {
		if err := os.Remove(filepath.Join(data, "postmaster.pid")); err != nil {
			return fmt.Errorf("clear a stale postmaster.pid: %w", err)
		}
	}
	return clearSocket(socket)
}

// clearSocket removes the socket and its lock that a killed server left: their
// number can be a stranger's by now just as that in postmaster.pid.
func clearSocket(dir string) error {
	for _, name := range []string{".s.PGSQL." + port, ".s.PGSQL." + port + ".lock"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("clear a stale socket: %w", err)
		}
	}
	return nil
}

// endProcess sends the signal and waits for the end, at most 30 seconds: a
// process that does not end may still write, so no second one may start.
func endProcess(ctx context.Context, pid int, sig syscall.Signal) error {
	if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stop process %d of an earlier run: %w", pid, err)
	}
	limit := time.After(30 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for running(pid) {
		select {
		case <-tick.C:
		case <-limit:
			return fmt.Errorf("process %d of an earlier run does not stop; end it and start again", pid)
		case <-ctx.Done():
			return fmt.Errorf("wait for process %d of an earlier run: %w", pid, ctx.Err())
		}
	}
	return nil
}

// processExists is true for zombies and for processes of other users too.
func processExists(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

// StopLeftover stops what an earlier run left at work in dir, without starting
// anything. It is for a caller that holds a lock of its own on dir and wants to
// remove it, such as a test.
func StopLeftover(ctx context.Context, dir string) error {
	real, err := filepath.EvalSymlinks(filepath.Join(dir, "data"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at the database: %w", err)
	}
	for _, pid := range backendsIn(real) {
		if err := endProcess(ctx, pid, syscall.SIGQUIT); err != nil {
			return err
		}
	}
	return nil
}
