package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"codeberg.org/althing/althing/governance"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
)

// Options of a Trail. The zero value is right for a server.
type Options struct {
	// Offset is added to the database's clock in every act; tests travel with
	// it. It must not go back while acts run.
	Offset func() time.Duration
}

// Trail is the door to write.
type Trail struct {
	pool   *pgxpool.Pool
	offset func() time.Duration
	jobs   *river.Client[pgx.Tx] // inserts only
	wake   chan struct{}         // tells the sequencer of this process that an entry waits
}

// New returns the trail of a database.
func New(pool *pgxpool.Pool, opts Options) (*Trail, error) {
	jobs, err := river.NewClient(riverpgxv5.New(pool), &river.Config{})
	if err != nil {
		return nil, fmt.Errorf("open job queue: %w", err)
	}
	offset := opts.Offset
	if offset == nil {
		offset = func() time.Duration { return 0 }
	}
	return &Trail{pool: pool, offset: offset, jobs: jobs, wake: make(chan struct{}, 1)}, nil
}

// Receipt says what an act did, and did before if this was a retry.
type Receipt struct {
	Entry    governance.EntryID // 0 while the entry is held
	Subject  governance.Ref
	Repeated bool // the operation was carried out by an earlier request
}

// attempts bounds how often an act is run again after Postgres broke it off
// because of another transaction (deadlock, serialization).
const attempts = 4

// Act runs one act. f checks rights, locks, writes and returns what happened;
// its entry is written last and everything commits together or not at all. If
// the actor's operation was carried out before, f does not run and the first
// receipt is returned.
func (t *Trail) Act(ctx context.Context, actor governance.Actor, f func(context.Context, *Tx) (Event, error)) (Receipt, error) {
	for try := 1; ; try++ {
		receipt, err := t.act(ctx, actor, f)
		if err == nil {
			select {
			case t.wake <- struct{}{}:
			default:
			}
			return receipt, nil
		}
		var pgErr *pgconn.PgError
		broken := errors.As(err, &pgErr) && (pgErr.Code == "40P01" || pgErr.Code == "40001")
		if !broken || try == attempts {
			return Receipt{}, err
		}
	}
}

func (t *Trail) act(ctx context.Context, actor governance.Actor, f func(context.Context, *Tx) (Event, error)) (Receipt, error) {
	pgtx, err := t.pool.Begin(ctx)
	if err != nil {
		return Receipt{}, fmt.Errorf("begin act: %w", err)
	}
	defer pgtx.Rollback(context.WithoutCancel(ctx)) // after a commit this does nothing

	tx := &Tx{Tx: pgtx, Actor: actor, trail: t}
	if actor.Operation.ID != "" {
		first, done, err := claim(ctx, pgtx, actor)
		if err != nil || done {
			return first, err
		}
	}
	ev, err := f(ctx, tx)
	if err == nil {
		err = tx.failed
	}
	if err != nil {
		return Receipt{}, err
	}
	if ev == nil {
		return Receipt{}, errors.New("act returned no event")
	}
	receipt, err := tx.record(ctx, ev)
	if err != nil {
		return Receipt{}, err
	}
	if actor.Finishes != 0 {
		if err := finish(ctx, pgtx, actor.Finishes); err != nil {
			return Receipt{}, err
		}
	}
	if err := pgtx.Commit(ctx); err != nil {
		return Receipt{}, fmt.Errorf("commit %s: %w", ev.Kind(), err)
	}
	return receipt, nil
}

// claim takes the operation for this transaction, or returns what was done
// under it. A concurrent request with the same operation waits here until the
// first one has committed or failed.
func claim(ctx context.Context, tx pgx.Tx, actor governance.Actor) (Receipt, bool, error) {
	const insert = `
		insert into audit_operations (actor, operation, digest) values (@actor, @operation, @digest)
		on conflict (actor, operation) do nothing`
	args := pgx.StrictNamedArgs{"actor": actor.Ref(), "operation": actor.Operation.ID, "digest": actor.Operation.Digest[:]}
	tag, err := tx.Exec(ctx, insert, args)
	if err != nil {
		var pgErr *pgconn.PgError
		if errors.As(err, &pgErr) && pgErr.Code == "23514" {
			return Receipt{}, false, governance.Errorf(governance.Invalid, "The form's operation id has the wrong length. Load the page again and send it once more.")
		}
		return Receipt{}, false, fmt.Errorf("claim operation: %w", err)
	}
	if tag.RowsAffected() == 1 {
		return Receipt{}, false, nil
	}
	const first = `
		select coalesce(entry, 0), subject, digest = @digest
		from audit_operations where actor = @actor and operation = @operation`
	receipt := Receipt{Repeated: true}
	var same bool
	if err := tx.QueryRow(ctx, first, args).Scan(&receipt.Entry, &receipt.Subject, &same); err != nil {
		return Receipt{}, false, fmt.Errorf("read operation: %w", err)
	}
	if !same {
		return Receipt{}, false, governance.Errorf(governance.Conflict,
			"This form was already sent with other content, and that was carried out. Nothing more was changed. Look at the present state and send it again if you still want to.")
	}
	return receipt, true, nil
}

// finish marks a River job as completed in the act's transaction.
func finish(ctx context.Context, tx pgx.Tx, id int64) error {
	job := &river.Job[anyArgs]{JobRow: &rivertype.JobRow{ID: id, State: rivertype.JobStateRunning}}
	if _, err := river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, job); err != nil {
		return fmt.Errorf("complete job %d: %w", id, err)
	}
	return nil
}

// anyArgs stands for the arguments of any job where only its id matters.
type anyArgs struct{}

// Kind is never stored.
func (anyArgs) Kind() string { return "any" }
