package migrations_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"codeberg.org/althing/althing/governance/pg"
	"codeberg.org/althing/althing/governance/pg/pgtest"
	"codeberg.org/althing/althing/migrations"
	"github.com/jackc/pgx/v5"
)

// shape is every table and column, which is what a second Up must not change.
const shape = `select md5(string_agg(table_name || '.' || column_name || data_type, ',' order by table_name, column_name))
	from information_schema.columns where table_schema = 'public'`

// TestUpTwiceAtOnceFromNothing: several servers start on an empty database, on
// pools whose limits are far too short for a migration.
func TestUpTwiceAtOnceFromNothing(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	migrated := pgtest.New(t)
	pool, err := pg.Open(ctx, pgtest.URL(t), pg.Options{Statement: time.Second, Lock: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if _, err := pool.Exec(ctx, `drop schema public cascade; create schema public`); err != nil {
		t.Fatal(err)
	}
	const servers = 3
	done := make(chan error, servers)
	for range servers {
		go func() { done <- migrations.Up(ctx, pool) }()
	}
	for range servers {
		if err := <-done; err != nil {
			t.Errorf("Up beside another: %v", err)
		}
	}
	if err := migrations.Up(ctx, pool); err != nil {
		t.Errorf("Up with nothing to do: %v", err)
	}
	var got, want string
	if err := errors.Join(pool.QueryRow(ctx, shape).Scan(&got), migrated.QueryRow(ctx, shape).Scan(&want)); err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("the schema has shape %s after several at once, want %s as after one", got, want)
	}
}

// TestUpLeavesNoLockBehind: the next server must not wait.
func TestUpLeavesNoLockBehind(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	pool := pgtest.New(t)
	if err := migrations.Up(ctx, pool); err != nil {
		t.Fatal(err)
	}
	const q = `select count(*) from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`
	rows, _ := pool.Query(ctx, q)
	locks, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[int])
	if err != nil {
		t.Fatal(err)
	}
	if locks != 0 {
		t.Errorf("%d advisory locks are held after Up", locks)
	}
}

// TestEveryTableSaysWhatItIsFor: a table without a comment is one that nobody
// can explain in a year. River's tables have their own manual.
func TestEveryTableSaysWhatItIsFor(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	const q = `select c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where n.nspname = 'public' and c.relkind in ('r', 'p') and obj_description(c.oid) is null
		and c.relname not like 'river%' and c.relname not like 'goose%'`
	rows, _ := pgtest.New(t).Query(ctx, q)
	silent, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if len(silent) > 0 {
		t.Errorf("tables without a comment on them: %v", silent)
	}
}

func TestFingerprintIsStable(t *testing.T) {
	t.Parallel()
	first, err := migrations.Fingerprint()
	if err != nil {
		t.Fatal(err)
	}
	second, err := migrations.Fingerprint()
	if err != nil || first != second || len(first) != 16 {
		t.Errorf("Fingerprint = %q, then %q (%v), want the same 16 digits", first, second, err)
	}
}
