//go:build unix

package embedded

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
)

// environment is all that Postgres inherits: PGDATA, PGPORT or a locale of the
// caller must not reach it.
func environment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
}

// command is the postmaster's command line. Settings are given here and not in
// postgresql.conf, so that a new release changes them for old directories too.
func (s *Server) command(bin binaries, owner account, opts Options, out *os.File) *exec.Cmd {
	settings := []string{
		"listen_addresses=",
		"unix_socket_directories=" + s.socket,
		"port=" + port,
		"shared_buffers=128MB",
		"max_wal_size=512MB",
		"wal_level=minimal",
		"max_wal_senders=0",
		"jit=off",
		"timezone=UTC",
		"log_timezone=UTC",
		"log_destination=stderr",
		"logging_collector=off",
		"log_checkpoints=off",
		"lc_messages=C",
		"cluster_name=althing",
	}
	if opts.Fast {
		settings = append(settings, "max_connections=200", "fsync=off", "full_page_writes=off", "synchronous_commit=off")
	} else {
		settings = append(settings, "max_connections=60")
	}
	args := []string{"-D", s.data}
	for _, set := range settings {
		args = append(args, "-c", set)
	}
	cmd := exec.Command(filepath.Join(bin.dir, "postgres"), args...)
	cmd.Dir = s.data
	cmd.Env = environment()
	cmd.Stdout, cmd.Stderr = out, out // the file itself: the server may outlive us for a moment
	cmd.SysProcAttr = owner.attributes()
	endWithParent(cmd.SysProcAttr)
	return cmd
}

// create makes the data directory beside its place and renames it when it is
// whole, so that a crash in between leaves no half database under the name.
func create(ctx context.Context, bin binaries, data string, owner account, fast bool) error {
	part := data + ".unfinished"
	// No server has ever run on this folder: it is what an initdb left that
	// was cut off, and the lock says that no other is at work.
	if err := os.RemoveAll(part); err != nil {
		return fmt.Errorf("clear an unfinished database: %w", err)
	}
	if err := os.Mkdir(part, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	if err := owner.own(part); err != nil {
		return err
	}
	args := []string{"-D", part, "-U", superuser, "-A", "trust", "-E", "UTF8", "--locale=C", "-k"}
	if fast {
		args = append(args, "--no-sync")
	}
	cmd := exec.CommandContext(ctx, filepath.Join(bin.dir, "initdb"), args...)
	cmd.Dir = part
	cmd.Env = environment()
	cmd.SysProcAttr = owner.attributes()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb in %s: %w: %s", part, err, bytes.TrimSpace(out))
	}
	if err := os.Rename(part, data); err != nil {
		return fmt.Errorf("put the new database in place: %w", err)
	}
	return syncDir(filepath.Dir(data))
}

// await returns when the postmaster says "ready" in its pid file. Connecting
// in a loop would fill the log with refusals instead. A replay after a crash
// may take minutes, so only ctx and the end of the process stop the wait.
func (s *Server) await(ctx context.Context, logName string) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	slow := time.After(10 * time.Second)
	for {
		pf, err := readPIDFile(s.data)
		if err == nil && pf.pid == s.pid && pf.status == "ready" {
			return nil
		}
		select {
		case <-tick.C:
		case <-slow:
			s.log.InfoContext(ctx, "database recovers", slog.String("dir", s.data))
		case <-s.done:
			return fmt.Errorf("the database in %s ended before it was ready (%v); the end of %s:\n%s",
				s.data, s.exit, logName, tail(logName, 1500))
		case <-ctx.Done():
			return fmt.Errorf("wait for Postgres in %s: %w", s.data, ctx.Err())
		}
	}
}

// createDatabase makes the site's database on the first start, and after one
// that was cut off between initdb and here.
func (s *Server) createDatabase(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, connURL(s.socket, "postgres"))
	if err != nil {
		return fmt.Errorf("first connection to Postgres in %s: %w", s.data, err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	const look = `select exists (select from pg_database where datname = $1)`
	var there bool
	if err := conn.QueryRow(ctx, look, database).Scan(&there); err != nil {
		return fmt.Errorf("look for the database: %w", err)
	}
	if there {
		return nil
	}
	if _, err := conn.Exec(ctx, "create database "+database); err != nil {
		return fmt.Errorf("create the database: %w", err)
	}
	return nil
}
