package audit

import (
	"context"
	"fmt"
	"time"

	"codeberg.org/althing/althing/governance"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/riverqueue/river"
)

// Tx is the transaction of an act. Steps take it and join the act.
type Tx struct {
	pgx.Tx
	Actor governance.Actor

	trail  *Trail
	now    time.Time
	failed error // of Now, which returns no error; Act reports it
	last   []lastly
	done   bool // committed
}

// lastly is a statement that goes to the database with the act's entry.
type lastly struct {
	sql     string
	args    pgx.StrictNamedArgs
	explain func(error) error
}

// Lastly sends a writing statement in the journey that writes the act's entry
// and commits, in the order of the calls: for what is sure to be right because
// the act holds it. explain, which may be nil, gets what the database refuses.
// Nothing in the act reads what it writes.
func (tx *Tx) Lastly(sql string, args pgx.StrictNamedArgs, explain func(error) error) {
	tx.last = append(tx.last, lastly{sql, args, explain})
}

// Now returns the act's time: the database's clock, read at the first call,
// which belongs after the act's locks; the same at every later call, and in
// the entry. UTC, whole microseconds.
func (tx *Tx) Now(ctx context.Context) time.Time {
	if !tx.now.IsZero() || tx.failed != nil {
		return tx.now
	}
	tx.scanNow(tx.QueryRow(ctx, clock))
	return tx.now
}

const clock = `select clock_timestamp()`

func (tx *Tx) scanNow(row pgx.Row) {
	var now time.Time
	if err := row.Scan(&now); err != nil {
		tx.failed = fmt.Errorf("read the database's clock: %w", err)
		return
	}
	tx.now = now.UTC().Add(tx.trail.offset()).Truncate(time.Microsecond)
}

// Locking sends the statements that take an act's locks, in their order, and
// behind them the reading of the clock, in one journey to the database: the
// statements wait for each other there as they would one by one. read gets
// their results; an error of a statement comes out of its own.
func (tx *Tx) Locking(ctx context.Context, locks *pgx.Batch, read func(pgx.BatchResults) error) error {
	late := tx.now.IsZero()
	if late {
		locks.Queue(clock)
	}
	results := tx.SendBatch(ctx, locks)
	err := read(results)
	if err == nil && late {
		tx.scanNow(results.QueryRow())
	}
	if closeErr := results.Close(); err == nil {
		err = closeErr
	}
	return err
}

// Enqueue inserts a job that exists if and only if the act commits.
func (tx *Tx) Enqueue(ctx context.Context, args river.JobArgs, opts *river.InsertOpts) error {
	if _, err := tx.trail.jobs.InsertTx(ctx, tx.Tx, args, opts); err != nil {
		return fmt.Errorf("enqueue %s: %w", args.Kind(), err)
	}
	return nil
}

// EnqueueAt inserts a job to be run at a time of the act's clock. The job's
// worker reads that clock again and acts only when the time has come.
func (tx *Tx) EnqueueAt(ctx context.Context, args river.JobArgs, at time.Time) error {
	return tx.Enqueue(ctx, args, &river.InsertOpts{ScheduledAt: at.Add(-tx.trail.offset())})
}

// Name sets what a person reads for a reference. The log holds references
// only, so that a name can change and be forgotten.
func (tx *Tx) Name(ctx context.Context, ref governance.Ref, name string) error {
	const upsert = `insert into names (ref, name) values (@ref, @name) on conflict (ref) do update set name = @name`
	if _, err := tx.Exec(ctx, upsert, pgx.StrictNamedArgs{"ref": ref, "name": name}); err != nil {
		return fmt.Errorf("name %s: %w", ref, err)
	}
	return nil
}

// commit writes what was left for the end, the act's entry and its receipt
// beside the operation, and commits, in one journey. The database carries out
// no statement behind one that failed, so that it commits all or nothing.
func (tx *Tx) commit(ctx context.Context, ev Event) (Receipt, error) {
	now := tx.Now(ctx)
	if tx.failed != nil {
		return Receipt{}, tx.failed
	}
	e, err := newEntry(tx.Actor, now, ev)
	if err != nil {
		return Receipt{}, err
	}
	data, err := e.Encode()
	if err != nil {
		return Receipt{}, err
	}
	var b pgx.Batch
	for _, l := range tx.last {
		b.Queue(l.sql, l.args)
	}
	args := pgx.StrictNamedArgs{
		"at": e.At, "kind": e.Kind, "actor": e.Actor, "subject": e.Subject, "refs": e.Refs(), "data": data,
	}
	h, held := ev.(heldEvent)
	if held = held && h.Held() != ""; held {
		args["release"] = h.Held()
	}
	tx.queueEntry(&b, args, held)
	b.Queue("commit")
	results := tx.SendBatch(ctx, &b)
	receipt := Receipt{Subject: ev.Subject()}
	receipt.Entry, err = tx.readEntry(results)
	if err == nil {
		var tag pgconn.CommandTag
		if tag, err = results.Exec(); err == nil && tag.String() != "COMMIT" {
			err = pgx.ErrTxCommitRollback
		}
	}
	if closeErr := results.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return Receipt{}, fmt.Errorf("commit %s: %w", ev.Kind(), err)
	}
	tx.done = true
	return receipt, nil
}

// queueEntry queues the entry and, where the act has an operation, the receipt
// beside it.
func (tx *Tx) queueEntry(b *pgx.Batch, args pgx.StrictNamedArgs, held bool) {
	const entry = `
		insert into audit_entries (at, kind, actor, subject, refs, data)
		values (@at, @kind, @actor, @subject, @refs, @data) returning id`
	const receipted = `
		with e as (
			insert into audit_entries (at, kind, actor, subject, refs, data)
			values (@at, @kind, @actor, @subject, @refs, @data) returning id
		)
		update audit_operations set entry = e.id, subject = @subject from e
		where audit_operations.actor = @actor and operation = @operation returning e.id`
	const hold = `
		with h as (
			insert into audit_held (release, at, kind, actor, subject, refs, data)
			values (@release, @at, @kind, @actor, @subject, @refs, @data)
		)
		select 0::bigint`
	const holdReceipted = `
		with h as (
			insert into audit_held (release, at, kind, actor, subject, refs, data)
			values (@release, @at, @kind, @actor, @subject, @refs, @data)
		)
		update audit_operations set subject = @subject where actor = @actor and operation = @operation returning 0::bigint`
	operation := tx.Actor.Operation.ID != ""
	if operation {
		args["operation"] = tx.Actor.Operation.ID
	}
	switch {
	case held && operation:
		b.Queue(holdReceipted, args)
	case held:
		b.Queue(hold, args)
	case operation:
		b.Queue(receipted, args)
	default:
		b.Queue(entry, args)
	}
}

// readEntry reads the results of what was left for the end and of the entry,
// and returns the entry's id, 0 of one that is held.
func (tx *Tx) readEntry(results pgx.BatchResults) (governance.EntryID, error) {
	for _, l := range tx.last {
		if _, err := results.Exec(); err != nil {
			if l.explain != nil {
				err = l.explain(err)
			}
			return 0, err
		}
	}
	var id governance.EntryID
	if err := results.QueryRow().Scan(&id); err != nil {
		return 0, fmt.Errorf("append entry: %w", err)
	}
	return id, nil
}

// Release lets the entries that were held under a name into the log, in the
// order of their leaf hashes, so that the log does not tell in which order
// ballots were cast. It is a step of the act that closes the poll.
func (tx *Tx) Release(ctx context.Context, name string) (int64, error) {
	return tx.release(ctx, name, nil)
}

// ReleaseBefore is Release of the entries whose day is before a time, for a
// poll that is still open. Whole days go at once, so that the moment of the
// release says nothing about any of them.
func (tx *Tx) ReleaseBefore(ctx context.Context, name string, before time.Time) (int64, error) {
	return tx.release(ctx, name, &before)
}

// release moves entries in one statement, so that one which is held meanwhile
// is either in the batch or still held, and never lost between two.
func (tx *Tx) release(ctx context.Context, name string, before *time.Time) (int64, error) {
	const move = `
		with freed as (
			delete from audit_held where release = @release and (@before::timestamptz is null or at < @before)
			returning at, kind, actor, subject, refs, data
		)
		insert into audit_entries (at, kind, actor, subject, refs, data)
		select at, kind, actor, subject, refs, data from freed order by sha256('\x00'::bytea || data)`
	tag, err := tx.Exec(ctx, move, pgx.StrictNamedArgs{"release": name, "before": before})
	if err != nil {
		return 0, fmt.Errorf("release entries of %s: %w", name, err)
	}
	return tag.RowsAffected(), nil
}

// Waiting counts the actors whose entries ReleaseBefore would let into the log.
func (tx *Tx) Waiting(ctx context.Context, name string, before time.Time) (int64, error) {
	const q = `select count(distinct actor) from audit_held where release = @release and at < @before`
	var n int64
	if err := tx.QueryRow(ctx, q, pgx.StrictNamedArgs{"release": name, "before": before}).Scan(&n); err != nil {
		return 0, fmt.Errorf("count held entries of %s: %w", name, err)
	}
	return n, nil
}
