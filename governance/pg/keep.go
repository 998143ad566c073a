package pg

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Housekeeping lists the tables that may be written without an entry in the
// trail, each with the reason why no member could dispute such a write. The
// house test reads it, and Keep refuses every other table.
var Housekeeping = map[string]string{
	"sessions":        "who is signed in on which browser; made and ended by signing in and out",
	"accounts":        "names and password hashes of the local OpenID provider; an account alone gives no right, joining is an act",
	"sign_in_codes":   "codes of the local OpenID provider, valid for minutes and used once",
	"heartbeats":      "when a node was last heard; says nothing about its work",
	"round_leases":    "which node holds a task for how long; a lost lease is only given out again",
	"request_nonces":  "numbers used once by signed node requests, against replay",
	"key_marks":       "by what servers see that they hold the same keys; says nothing about anybody",
	"blob_candidates": "updates that were uploaded and that no report has named yet; the report's act makes one count",
}

// Keep runs fn with a connection on which only one registered table can be
// written. There is no transaction around fn: each statement is atomic by
// itself, and a housekeeping write that would need two statements to be right
// is no housekeeping. Use "with … update … returning" for a claim.
func Keep(ctx context.Context, pool *pgxpool.Pool, table string, fn func(context.Context, Querier) error) error {
	if _, ok := Housekeeping[table]; !ok {
		return fmt.Errorf("keep %s: not a table of housekeeping; write it in an act, or register it in pg.Housekeeping with the reason", table)
	}
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("keep %s: %w", table, err)
	}
	defer conn.Release()
	if err := fn(ctx, keeper{conn.Conn(), table}); err != nil {
		return fmt.Errorf("keep %s: %w", table, err)
	}
	return nil
}

// Unflushed is a condition that holds, in the "where" of a housekeeping
// statement whose writes may be forgotten when Postgres or the machine crashes
// within the next half second: its commit does not wait for the disk. An act
// that commits later flushes them too.
const Unflushed = `(select set_config('synchronous_commit', 'off', true)) = 'off'`

// keeper refuses statements that write another table. It reads the text of
// the statement, which stops our own mistakes and is no defence against a
// stranger; no stranger writes statements here.
type keeper struct {
	conn  *pgx.Conn
	table string
}

// writes finds the table of every writing clause. Words that only look like
// one, as in "for update" and "do update set", are taken out before.
var (
	writes    = regexp.MustCompile(`(?i)\b(?:insert\s+into|update(?:\s+only)?|delete\s+from(?:\s+only)?|merge\s+into|truncate(?:\s+table)?|copy|drop\s+\w+|alter\s+\w+|create\s+\w+)\s+"?([a-z_][a-z0-9_.]*)`)
	notWrites = regexp.MustCompile(`(?i)\bfor\s+(?:no\s+key\s+)?update\b|\bdo\s+update\s+set\b`)
	session   = regexp.MustCompile(`(?i)^\s*(?:begin|start\s+transaction|commit|rollback|savepoint|set|lock)\b`)
)

// good remembers which statements were read: they are constants, and there is
// one for every signed request of a node.
var good sync.Map // of statement{table, sql}

type statement struct{ table, sql string }

func (k keeper) check(sql string) error {
	key := statement{k.table, sql}
	if _, ok := good.Load(key); ok {
		return nil
	}
	err := k.read(sql)
	if err == nil {
		good.Store(key, true)
	}
	return err
}

func (k keeper) read(sql string) error {
	if session.MatchString(sql) {
		return fmt.Errorf("housekeeping of %s may not hold a transaction: %s", k.table, sql)
	}
	for _, match := range writes.FindAllStringSubmatch(notWrites.ReplaceAllString(sql, " "), -1) {
		if !strings.EqualFold(match[1], k.table) {
			return fmt.Errorf("housekeeping of %s may not write %s", k.table, match[1])
		}
	}
	return nil
}

func (k keeper) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	if err := k.check(sql); err != nil {
		return pgconn.CommandTag{}, err
	}
	return k.conn.Exec(ctx, sql, args...)
}

func (k keeper) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	if err := k.check(sql); err != nil {
		return refused{err: err}, err
	}
	return k.conn.Query(ctx, sql, args...)
}

func (k keeper) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	if err := k.check(sql); err != nil {
		return refused{err: err}
	}
	return k.conn.QueryRow(ctx, sql, args...)
}

func (k keeper) SendBatch(ctx context.Context, batch *pgx.Batch) pgx.BatchResults {
	for _, query := range batch.QueuedQueries {
		if err := k.check(query.SQL); err != nil {
			return refusedBatch{err: err}
		}
	}
	return k.conn.SendBatch(ctx, batch)
}

// refused is the result of a statement that was not sent.
type refused struct {
	pgx.Rows
	err error
}

func (r refused) Close()            {}
func (r refused) Err() error        { return r.err }
func (r refused) Next() bool        { return false }
func (r refused) Scan(...any) error { return r.err }

// refusedBatch is the result of a batch that was not sent.
type refusedBatch struct {
	pgx.BatchResults
	err error
}

func (r refusedBatch) Exec() (pgconn.CommandTag, error) { return pgconn.CommandTag{}, r.err }
func (r refusedBatch) Query() (pgx.Rows, error)         { return refused{err: r.err}, r.err }
func (r refusedBatch) QueryRow() pgx.Row                { return refused{err: r.err} }
func (r refusedBatch) Close() error                     { return r.err }
