// Package migrations holds the schema as numbered SQL files and brings a
// database up to it. Files go forward only and are never edited once merged;
// the program of yesterday must run on the schema of today, because two
// servers are never replaced in the same second.
package migrations

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// Files are the goose files of our own tables. River brings its own.
//
//go:embed *.sql
var Files embed.FS

// advisory is the key of the lock that lets one server migrate at a time. Any
// number does, as long as nothing else in the database uses it.
const advisory = 0x616c7468696e67 // "althing"

// Up applies what is missing of our files and then of River's, and nothing
// when nothing is missing. Two servers may call it at once: the second waits
// for the first. Each file is one transaction together with its number, so a
// crash leaves the schema before or after a file and never inside one.
//
// The limits of the pool do not bind here: a migration may take longer than a
// page, and it must wait for locks rather than fail.
func Up(ctx context.Context, pool *pgxpool.Pool) error {
	config := pool.Config()
	config.MaxConns = 4
	config.MinConns, config.MinIdleConns = 0, 0
	for _, limit := range []string{"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"} {
		config.ConnConfig.RuntimeParams[limit] = "0"
	}
	own, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("connect for migrations: %w", err)
	}
	defer own.Close()

	unlock, err := takeTurn(ctx, own)
	if err != nil {
		return err
	}
	defer unlock()

	db := stdlib.OpenDBFromPool(own)
	defer db.Close()
	ours, err := goose.NewProvider(goose.DialectPostgres, db, Files, goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	if _, err := ours.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	river, err := rivermigrate.New(riverpgxv5.New(own), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return fmt.Errorf("read River's migrations: %w", err)
	}
	if _, err := river.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("migrate River: %w", err)
	}
	return nil
}

// takeTurn waits until no other server migrates. It asks again and again and
// does not wait inside Postgres: a statement that waits there holds a
// snapshot, for which "create index concurrently" of the other server would
// wait in turn. A server that dies loses its turn with its connection.
func takeTurn(ctx context.Context, pool *pgxpool.Pool) (unlock func(), err error) {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect for migrations: %w", err)
	}
	for {
		var mine bool
		if err := conn.QueryRow(ctx, `select pg_try_advisory_lock($1)`, int64(advisory)).Scan(&mine); err != nil {
			conn.Release()
			return nil, fmt.Errorf("ask for the turn to migrate: %w", err)
		}
		if mine {
			return func() {
				// If this fails the session ends with the pool, and the lock with it.
				_, _ = conn.Exec(context.WithoutCancel(ctx), `select pg_advisory_unlock($1)`, int64(advisory))
				conn.Release()
			}, nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			conn.Release()
			return nil, fmt.Errorf("wait for another server's migrations: %w", ctx.Err())
		}
	}
}

// Fingerprint names the schema that Up leads to: a hash over our files and
// River's. Tests use it to tell whether a migrated template is still good.
func Fingerprint() (string, error) {
	sum := sha256.New()
	river := riverpgxv5.New(nil).GetMigrationFS(riverdriver.MigrationLineMain)
	for _, files := range []fs.FS{Files, river} {
		err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := fs.ReadFile(files, name)
			if err != nil {
				return err
			}
			fmt.Fprintf(sum, "%s %d\n", name, len(text))
			sum.Write(text)
			return nil
		})
		if err != nil {
			return "", fmt.Errorf("read the migrations: %w", err)
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:8]), nil
}
