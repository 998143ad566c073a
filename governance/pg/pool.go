// Package pg is how the stores reach Postgres: a pool with limits, the two
// interfaces that reading and writing code takes, housekeeping writes, and the
// translation of what the database refuses into what a person may read.
//
// Transactions do not begin here. A write that anyone could dispute is an act
// of governance/audit, in whose transaction the entry of the trail is written;
// what needs no entry goes through Keep.
package pg

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Reader is what reading code takes: the pool on a page, or the transaction of
// an act. By convention it only selects.
type Reader interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	SendBatch(ctx context.Context, batch *pgx.Batch) pgx.BatchResults
}

// Querier is what writing code takes: the transaction of an act, or the guarded
// connection of Keep.
type Querier interface {
	Reader
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// Options limit what one process may ask of the database. Zero means the
// default; a negative time means no limit.
type Options struct {
	// MaxConns is the size of the pool, 16 by default. The sum over all
	// servers must stay below max_connections, 60 in the embedded server.
	MaxConns int32
	// Statement ends a statement that runs longer, 5 s by default.
	Statement time.Duration
	// Lock ends a statement that waits longer for a lock, 2 s by default.
	Lock time.Duration
	// Idle ends a transaction whose program is silent, 10 s by default, so
	// that a stopped server does not hold the locks of a poll.
	Idle time.Duration
	// Name is shown in pg_stat_activity, "althing" by default.
	Name string
}

// Open connects to the database of url and returns when it has answered. Times
// come back in UTC. The limits are parameters of the session, set when it
// starts, which a pooler that shares sessions between transactions would lose:
// connect without one.
func Open(ctx context.Context, url string, opts Options) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		// The text of this error can hold the password; pgx redacts it.
		return nil, fmt.Errorf("read the address of the database: %w", err)
	}
	Limit(config, opts)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("reach the database: %w", err)
	}
	return pool, nil
}

// Limit puts the options into a configuration, for callers that need more of
// pgxpool than Open gives.
func Limit(config *pgxpool.Config, opts Options) {
	config.MaxConns = cmp.Or(opts.MaxConns, 16)
	params := config.ConnConfig.RuntimeParams
	params["application_name"] = cmp.Or(opts.Name, "althing")
	params["timezone"] = "UTC"
	params["statement_timeout"] = milliseconds(opts.Statement, 5*time.Second)
	params["lock_timeout"] = milliseconds(opts.Lock, 2*time.Second)
	params["idle_in_transaction_session_timeout"] = milliseconds(opts.Idle, 10*time.Second)
	config.AfterConnect = func(_ context.Context, conn *pgx.Conn) error {
		readUTC(conn.TypeMap())
		return nil
	}
}

// milliseconds is Postgres's unit; 0 there means no limit.
func milliseconds(d, standard time.Duration) string {
	if d < 0 {
		return "0"
	}
	return strconv.FormatInt(cmp.Or(d, standard).Milliseconds(), 10)
}

// readUTC makes pgx return times in UTC. It would use the zone of the machine,
// and then the same entry would read differently on two servers.
func readUTC(types *pgtype.Map) {
	instant := &pgtype.Type{Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC}}
	types.RegisterType(instant)
	types.RegisterType(&pgtype.Type{Name: "_timestamptz", OID: pgtype.TimestamptzArrayOID, Codec: &pgtype.ArrayCodec{ElementType: instant}})
}
