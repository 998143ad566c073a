package pg_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/pg"
	"codeberg.org/althing/althing/governance/pg/pgtest"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// fresh is a database with two small tables, one of them for housekeeping.
func fresh(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool := pgtest.New(t)
	const tables = `
		create schema toy;
		create table toy.polls (id int primary key, size int constraint toy_size check (size > 0));
		create table toy.ballots (poll int constraint toy_poll references toy.polls, member int, constraint toy_once unique (poll, member));
		insert into toy.polls values (1, 1)`
	if _, err := pool.Exec(context.Background(), tables); err != nil {
		t.Fatal(err)
	}
	return pool
}

func TestLimitsOfASession(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	url := pgtest.URL(t)
	for _, tt := range []struct {
		name                  string
		opts                  pg.Options
		statement, lock, idle string
	}{
		{"default", pg.Options{}, "5s", "2s", "10s"},
		{"chosen", pg.Options{Statement: time.Minute, Lock: time.Second, Idle: 3 * time.Second}, "1min", "1s", "3s"},
		{"none", pg.Options{Statement: -1, Lock: -1, Idle: -1}, "0", "0", "0"},
	} {
		pool, err := pg.Open(ctx, url, tt.opts)
		if err != nil {
			t.Fatal(err)
		}
		defer pool.Close()
		for setting, want := range map[string]string{
			"statement_timeout": tt.statement, "lock_timeout": tt.lock,
			"idle_in_transaction_session_timeout": tt.idle, "timezone": "UTC",
		} {
			var got string
			if err := pool.QueryRow(ctx, `select current_setting($1)`, setting).Scan(&got); err != nil {
				t.Fatal(err)
			}
			if got != want {
				t.Errorf("%s: %s = %q, want %q", tt.name, setting, got, want)
			}
		}
	}
}

func TestTimesComeBackInUTC(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	var one time.Time
	var many []time.Time
	const q = `select '2026-05-03 14:00:00+02'::timestamptz, array['2026-05-03 14:00:00+02'::timestamptz]`
	if err := pool.QueryRow(context.Background(), q).Scan(&one, &many); err != nil {
		t.Fatal(err)
	}
	want := time.Date(2026, 5, 3, 12, 0, 0, 0, time.UTC)
	// Not Equal: the zone is what this is about, and == compares it too.
	if one != want || len(many) != 1 || many[0] != want {
		t.Errorf("got %v and %v, want %v in UTC", one, many, want)
	}
}

func TestOpenNamesWhatItCannotReach(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	if _, err := pg.Open(ctx, "postgres://u:secret@%zz/", pg.Options{}); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("Open of a bad address = %v, want an error without the password", err)
	}
	_, err := pg.Open(ctx, "postgres://u@/db?host=/nowhere", pg.Options{})
	if !pg.Unavailable(err) {
		t.Errorf("Open without a server = %v, want an error that Unavailable knows", err)
	}
}

func TestTranslate(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	pool := fresh(t)
	if _, err := pool.Exec(ctx, `insert into toy.ballots values (1, 1)`); err != nil {
		t.Fatal(err)
	}
	twice := governance.Errorf(governance.Conflict, "You have voted.")
	byName := map[string]error{
		"toy_once": twice,
		"toy_poll": governance.Errorf(governance.NotFound, "There is no such poll."),
		"toy_size": governance.FieldErrorf("size", "A poll needs a size."),
	}
	for _, tt := range []struct {
		sql, constraint string
		want            governance.Kind
	}{
		{`insert into toy.ballots values (1, 1)`, "toy_once", governance.Conflict},
		{`insert into toy.ballots values (9, 1)`, "toy_poll", governance.NotFound},
		{`insert into toy.polls values (2, 0)`, "toy_size", governance.Invalid},
		{`insert into toy.polls values (1, 1)`, "polls_pkey", 0}, // not in the map: a fault of ours
		{`do $$ begin raise sqlstate '53100'; end $$`, "", governance.Full},
		{`do $$ begin raise sqlstate '40001'; end $$`, "", governance.Unavailable},
		{`do $$ begin raise sqlstate '57P01'; end $$`, "", governance.Unavailable},
		{`set statement_timeout = 1; select pg_sleep(60)`, "", governance.Unavailable},
		{`select 1/0`, "", 0},
	} {
		_, err := pool.Exec(ctx, tt.sql)
		if err == nil {
			t.Fatalf("%s did not fail", tt.sql)
		}
		if got := pg.Constraint(err); got != tt.constraint {
			t.Errorf("Constraint(%s) = %q, want %q", tt.sql, got, tt.constraint)
		}
		got := pg.Translate(err, byName)
		if governance.KindOf(got) != tt.want || !errors.Is(got, err) {
			t.Errorf("Translate(%s) = %v of kind %d, want kind %d with the cause in the chain", tt.sql, got, governance.KindOf(got), tt.want)
		}
	}
	if err := pg.Translate(nil, byName); err != nil {
		t.Errorf("Translate(nil) = %v", err)
	}
}

func TestRetryableAndUnavailable(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	pool := fresh(t)
	for _, tt := range []struct {
		state                  string
		retryable, unavailable bool
	}{
		{"40001", true, false}, {"40P01", true, false}, {"08006", false, true}, {"57P03", false, true},
		{"53300", false, true}, {"55P03", false, true}, {"23505", false, false}, {"42P01", false, false},
	} {
		_, err := pool.Exec(ctx, `do $$ begin raise sqlstate '`+tt.state+`'; end $$`)
		if got := pg.Retryable(err); got != tt.retryable {
			t.Errorf("Retryable(%s) = %v, want %v", tt.state, got, tt.retryable)
		}
		if got := pg.Unavailable(err); got != tt.unavailable {
			t.Errorf("Unavailable(%s) = %v, want %v", tt.state, got, tt.unavailable)
		}
	}
	if pg.Unavailable(nil) || pg.Unavailable(errors.New("x")) {
		t.Error("Unavailable is true for what is no failure of the database")
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := pool.Exec(gone, `select 1`); pg.Unavailable(err) {
		t.Errorf("a cancelled request counts as a database that is away: %v", err)
	}
}

func TestKeepWritesOnlyItsTable(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	pool := fresh(t)
	const table = "sessions" // registered; its own shape does not matter here
	if _, err := pool.Exec(ctx, `create schema first; set search_path = first; create table first.sessions (n int)`); err != nil {
		t.Fatal(err)
	}
	conf := pool.Config().Copy()
	conf.ConnConfig.RuntimeParams["search_path"] = "first,public"
	pool, err := pgxpool.NewWithConfig(ctx, conf)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	for _, tt := range []struct {
		sql  string
		good bool
	}{
		{`insert into sessions (n) values (1)`, true},
		{`insert into sessions (n) values (1) returning n`, true},
		{`UPDATE sessions set n = 2 where n = (select n from sessions limit 1 for update skip locked)`, true},
		{`with due as (delete from sessions where n = 2 returning n) select count(*) from due`, true},
		{`delete from sessions where n in (select id from toy.polls)`, true}, // reads may look anywhere
		{`insert into toy.ballots values (1, 1)`, false},
		{`update toy.polls set size = 3`, false},
		{`with x as (update toy.polls set size = 3 returning id) insert into sessions select id from x`, false},
		{"delete\n\tfrom only toy.ballots", false},
		{`truncate toy.ballots`, false},
		{`begin`, false},
		{`set statement_timeout = 0`, false},
	} {
		calls := map[string]func(q pg.Querier) error{
			"Exec":     func(q pg.Querier) error { _, err := q.Exec(ctx, tt.sql); return err },
			"QueryRow": func(q pg.Querier) error { var n int; return ignoreNoRows(q.QueryRow(ctx, tt.sql).Scan(&n)) },
			"Query": func(q pg.Querier) error {
				rows, _ := q.Query(ctx, tt.sql)
				_, err := pgx.CollectRows(rows, pgx.RowTo[int])
				return err
			},
			"SendBatch": func(q pg.Querier) error {
				batch := &pgx.Batch{}
				batch.Queue(`select 1`)
				batch.Queue(tt.sql)
				return q.SendBatch(ctx, batch).Close()
			},
		}
		for name, call := range calls {
			err := pg.Keep(ctx, pool, table, func(_ context.Context, q pg.Querier) error { return call(q) })
			if (err == nil) != tt.good {
				t.Errorf("Keep %s(%s) = %v, want success %v", name, tt.sql, err, tt.good)
			}
		}
	}
	var size, ballots int
	if err := pool.QueryRow(ctx, `select (select size from toy.polls), (select count(*) from toy.ballots)`).Scan(&size, &ballots); err != nil {
		t.Fatal(err)
	}
	if size != 1 || ballots != 0 {
		t.Errorf("a refused statement was carried out: size %d, %d ballots", size, ballots)
	}
	err = pg.Keep(ctx, pool, "ballots", func(context.Context, pg.Querier) error { t.Error("fn ran for ballots"); return nil })
	if err == nil || !strings.Contains(err.Error(), "pg.Housekeeping") {
		t.Errorf("Keep of ballots = %v, want a refusal that says where to register", err)
	}
}

// TestHousekeepingNamesRealTables: an entry for a table that was renamed would
// wait for a new table to take its name and its licence.
func TestHousekeepingNamesRealTables(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	for table, why := range pg.Housekeeping {
		var there bool
		if err := pool.QueryRow(context.Background(), `select to_regclass($1) is not null`, table).Scan(&there); err != nil {
			t.Fatal(err)
		}
		if !there || len(why) < 20 {
			t.Errorf("Housekeeping[%q] = %q: table exists: %v; want a table with a reason", table, why, there)
		}
	}
}

func ignoreNoRows(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	return err
}
