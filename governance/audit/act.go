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
	// A job that is inserted sooner than this after another is not announced,
	// and waits until a server looks by itself.
	jobs, err := river.NewClient(riverpgxv5.New(pool), &river.Config{FetchCooldown: river.FetchCooldownMin})
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
	return t.ActHolding(ctx, actor, Holding{}, f)
}

// Holding is what an act locks and reads before anything else, where that needs
// nothing but what its caller knows.
type Holding struct {
	Queue func(*pgx.Batch)             // the statements, in the order of their locks
	Read  func(pgx.BatchResults) error // their results
}

// ActHolding is Act with the first locks of f taken in the journey to the
// database that begins the transaction. The act's clock is read behind them.
// Where the operation was carried out before, nothing is read.
func (t *Trail) ActHolding(ctx context.Context, actor governance.Actor, h Holding, f func(context.Context, *Tx) (Event, error)) (Receipt, error) {
	for try := 1; ; try++ {
		receipt, err := t.act(ctx, actor, h, f)
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

func (t *Trail) act(ctx context.Context, actor governance.Actor, h Holding, f func(context.Context, *Tx) (Event, error)) (Receipt, error) {
	conn, err := t.pool.Acquire(ctx)
	if err != nil {
		return Receipt{}, fmt.Errorf("begin act: %w", err)
	}
	defer conn.Release()
	tx := &Tx{Actor: actor, trail: t}
	defer tx.leave(ctx)
	claimed, err := tx.begin(ctx, conn, h)
	if err != nil {
		return Receipt{}, err
	}
	if !claimed {
		return tx.first(ctx)
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
	if actor.Finishes != 0 {
		if err := finish(ctx, tx.Tx, actor.Finishes); err != nil {
			return Receipt{}, err
		}
	}
	return tx.commit(ctx, ev)
}

// begin opens the transaction, takes the operation for it and sends what the
// act holds, in one journey. It answers false where the operation was carried
// out before. A concurrent request with the same operation waits here until the
// first one has committed or failed.
func (tx *Tx) begin(ctx context.Context, conn *pgxpool.Conn, h Holding) (bool, error) {
	const claim = `
		insert into audit_operations (actor, operation, digest) values (@actor, @operation, @digest)
		on conflict (actor, operation) do nothing`
	var b pgx.Batch
	b.BeginTx(pgx.TxOptions{})
	claims := tx.Actor.Operation.ID != ""
	if claims {
		b.Queue(claim, tx.operation())
	}
	if h.Queue != nil {
		h.Queue(&b)
		b.Queue(clock)
	}
	results := conn.SendBatch(ctx, &b)
	tx.Tx = results.Tx()
	claimed, err := tx.claimed(results, claims)
	if err == nil && claimed && h.Queue != nil {
		if err = h.Read(results); err == nil {
			tx.scanNow(results.QueryRow())
		}
	}
	if closeErr := results.Close(); err == nil && closeErr != nil {
		err = fmt.Errorf("begin act: %w", closeErr)
	}
	return claimed, err
}

// claimed reads the results of beginning and, where the act has an operation,
// of taking it.
func (tx *Tx) claimed(results pgx.BatchResults, claims bool) (bool, error) {
	if _, err := results.Exec(); err != nil {
		return false, fmt.Errorf("begin act: %w", err)
	}
	if !claims {
		return true, nil
	}
	tag, err := results.Exec()
	if err != nil {
		var pgErr *pgconn.PgError
		if errors.As(err, &pgErr) && pgErr.Code == "23514" {
			return false, governance.Errorf(governance.Invalid, "The form's operation id has the wrong length. Load the page again and send it once more.")
		}
		return false, fmt.Errorf("claim operation: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}

func (tx *Tx) operation() pgx.StrictNamedArgs {
	return pgx.StrictNamedArgs{"actor": tx.Actor.Ref(), "operation": tx.Actor.Operation.ID, "digest": tx.Actor.Operation.Digest[:]}
}

// first returns what was done under the operation before.
func (tx *Tx) first(ctx context.Context) (Receipt, error) {
	const q = `
		select coalesce(entry, 0), subject, digest = @digest
		from audit_operations where actor = @actor and operation = @operation`
	receipt := Receipt{Repeated: true}
	var same bool
	if err := tx.QueryRow(ctx, q, tx.operation()).Scan(&receipt.Entry, &receipt.Subject, &same); err != nil {
		return Receipt{}, fmt.Errorf("read operation: %w", err)
	}
	if !same {
		return Receipt{}, governance.Errorf(governance.Conflict,
			"This form was already sent with other content, and that was carried out. Nothing more was changed. Look at the present state and send it again if you still want to.")
	}
	return receipt, nil
}

// leave takes back what was not committed.
func (tx *Tx) leave(ctx context.Context) {
	if tx.Tx != nil && !tx.done {
		_ = tx.Rollback(context.WithoutCancel(ctx)) // a connection that cannot is thrown away
	}
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
