package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"

	"codeberg.org/althing/althing/governance/translog"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// ErrFork means that signing would contradict a checkpoint that was signed
// before: the database is older than the promise, or differs from it. Nothing
// is signed until a person has looked.
var ErrFork = errors.New("the database contradicts the last signed checkpoint; the log refuses to fork")

// ErrOvertaken means that another server has signed since this one looked. It
// passes by itself: whoever has the lock of sequencing looks again.
var ErrOvertaken = errors.New("another server has signed a checkpoint since")

// CheckpointStore keeps the last signed checkpoint outside Postgres. Swap
// replaces old by new only if old is still there, and is durable when it returns.
type CheckpointStore interface {
	Load(ctx context.Context) ([]byte, error) // nil, nil when nothing was signed yet
	Swap(ctx context.Context, old, new []byte) error
}

// Sequencer numbers committed entries and signs checkpoints. Of the servers
// that hold the log's key one does it at a time (see Run); the others wait.
type Sequencer struct {
	trail    *Trail
	signer   note.Signer
	verifier note.Verifier
	store    CheckpointStore
	log      *slog.Logger
}

// NewSequencer returns the sequencer of a trail.
func NewSequencer(trail *Trail, signer note.Signer, verifier note.Verifier, store CheckpointStore, log *slog.Logger) *Sequencer {
	return &Sequencer{trail: trail, signer: signer, verifier: verifier, store: store, log: log}
}

// Step numbers at most one batch of pending entries and, if the tree is
// longer than the last checkpoint, signs one. It returns how many entries it
// numbered. It is for one server alone; Run is for several.
//
// Order, and what a crash leaves: (1) the tree grows and commits — nobody was
// promised it yet; (2) the checkpoint is signed and swapped into the store
// outside — from here on it is a promise; (3) it is published in Postgres. A
// crash after (1) or (2) is finished by the next Step.
func (s *Sequencer) Step(ctx context.Context) (int, error) { return s.step(ctx, s.trail.pool) }

func (s *Sequencer) step(ctx context.Context, db session) (int, error) {
	n, err := s.grow(ctx, db)
	if err != nil {
		return 0, err
	}
	return n, s.sign(ctx, db)
}

// grow gives pending entries their places under the head row's lock.
func (s *Sequencer) grow(ctx context.Context, db session) (int, error) {
	tx, err := db.Begin(ctx)
	if err != nil {
		return 0, fmt.Errorf("sequence: %w", err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx))

	const peek = `select exists (select 1 from audit_entries where idx is null)`
	var pending bool
	if err := tx.QueryRow(ctx, peek).Scan(&pending); err != nil || !pending {
		return 0, err
	}
	const lock = `select size from audit_head for update`
	var size int64
	if err := tx.QueryRow(ctx, lock).Scan(&size); err != nil {
		return 0, fmt.Errorf("sequence: lock head: %w", err)
	}
	const next = `select id, data from audit_entries where idx is null order by id limit @batch`
	rows, _ := tx.Query(ctx, next, pgx.StrictNamedArgs{"batch": batch})
	type pendingEntry struct {
		ID   int64
		Data []byte
	}
	entries, err := pgx.CollectRows(rows, pgx.RowToStructByPos[pendingEntry])
	if err != nil || len(entries) == 0 {
		return 0, err
	}
	reader := &hashReader{ctx: ctx, db: tx}
	ids := make([]int64, len(entries))
	for i, e := range entries {
		hashes, err := tlog.StoredHashes(size+int64(i), e.Data, reader)
		if err != nil {
			return 0, fmt.Errorf("sequence: hash entry %d: %w", size+int64(i), err)
		}
		reader.add(tlog.StoredHashIndex(0, size+int64(i)), hashes)
		ids[i] = e.ID
	}
	root, err := tlog.TreeHash(size+int64(len(entries)), reader)
	if err != nil {
		return 0, fmt.Errorf("sequence: root: %w", err)
	}
	if err := s.store3(ctx, tx, size, ids, reader, root); err != nil {
		return 0, err
	}
	if err := tx.Commit(ctx); err != nil {
		return 0, fmt.Errorf("sequence: %w", err)
	}
	return len(entries), nil
}

// store3 writes the three results of a batch: places, hashes and the head.
func (s *Sequencer) store3(ctx context.Context, tx pgx.Tx, size int64, ids []int64, reader *hashReader, root tlog.Hash) error {
	b := &pgx.Batch{}
	const place = `
		update audit_entries e set idx = @size + p.n - 1
		from unnest(@ids::bigint[]) with ordinality as p (id, n) where e.id = p.id`
	b.Queue(place, pgx.StrictNamedArgs{"size": size, "ids": ids})
	const hashes = `insert into audit_hashes (i, h) select i, h from unnest(@i::bigint[], @h::bytea[]) as t (i, h)`
	b.Queue(hashes, pgx.StrictNamedArgs{"i": reader.freshIndex, "h": reader.freshHash})
	const head = `update audit_head set size = @size, root = @root`
	b.Queue(head, pgx.StrictNamedArgs{"size": size + int64(len(ids)), "root": root[:]})
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("sequence: store %d entries: %w", len(ids), err)
	}
	return nil
}

// sign promises the present tree, unless it contradicts the last promise.
func (s *Sequencer) sign(ctx context.Context, db session) error {
	const state = `select size, root, (select coalesce(max(size), -1) from audit_checkpoints) from audit_head`
	var size, published int64
	var root []byte
	if err := db.QueryRow(ctx, state).Scan(&size, &root, &published); err != nil {
		return fmt.Errorf("sign checkpoint: read head: %w", err)
	}
	if size == 0 || size == published {
		return nil
	}
	old, err := s.store.Load(ctx)
	if err != nil {
		return fmt.Errorf("sign checkpoint: %w", err)
	}
	if old == nil && published >= 0 {
		return fmt.Errorf("%w: %d entries were promised and the last signed checkpoint is not in its place; put back the newest one that anybody kept (%s/checkpoint, or a monitor's)", ErrFork, published, s.signer.Name())
	}
	current := translog.Checkpoint{Origin: s.signer.Name(), Size: size, Root: tlog.Hash(root)}
	signed := old
	if older, err := s.promised(ctx, db, old, current); err != nil {
		return err
	} else if older.Size < current.Size || old == nil {
		if signed, err = current.Sign(s.signer); err != nil {
			return err
		}
		if err := s.store.Swap(ctx, old, signed); err != nil {
			return fmt.Errorf("sign checkpoint: %w", err)
		}
	}
	const publish = `
		insert into audit_checkpoints (size, note, at) values (@size, @note, clock_timestamp())
		on conflict (size) do nothing`
	if _, err := db.Exec(ctx, publish, pgx.StrictNamedArgs{"size": size, "note": signed}); err != nil {
		return fmt.Errorf("publish checkpoint %d: %w", size, err)
	}
	return nil
}

// promised opens the last signed checkpoint and checks that the present tree
// continues it, and that the stored hashes still give both roots.
func (s *Sequencer) promised(ctx context.Context, db session, old []byte, current translog.Checkpoint) (translog.Checkpoint, error) {
	if old == nil {
		return translog.Checkpoint{}, nil
	}
	older, err := translog.OpenCheckpoint(old, s.verifier)
	if err != nil {
		return translog.Checkpoint{}, fmt.Errorf("%w (%w)", ErrFork, err)
	}
	if older.Size > current.Size {
		return translog.Checkpoint{}, fmt.Errorf("%w: %d entries were signed, the database has %d", ErrFork, older.Size, current.Size)
	}
	for _, c := range []translog.Checkpoint{older, current} {
		root, err := tlog.TreeHash(c.Size, &hashReader{ctx: ctx, db: db})
		if err != nil {
			return translog.Checkpoint{}, fmt.Errorf("sign checkpoint: %w", err)
		}
		if root != c.Root {
			return translog.Checkpoint{}, fmt.Errorf("%w: the stored hashes of %d entries give another root", ErrFork, c.Size)
		}
	}
	if older.Size == current.Size && older.Root != current.Root {
		return translog.Checkpoint{}, fmt.Errorf("%w: the first %d entries have another root than was signed", ErrFork, older.Size)
	}
	return older, nil
}

// querier is what a hashReader reads from: the pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// session is what a Step works on: the pool, or the one connection that holds
// the lock of sequencing.
type session interface {
	querier
	Begin(ctx context.Context) (pgx.Tx, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

var (
	_ session = (*pgxpool.Pool)(nil)
	_ session = (*pgx.Conn)(nil)
)

// hashReader reads stored hashes with one query a call, and knows those of
// the batch in hand before they are stored.
type hashReader struct {
	ctx        context.Context // of the one call that this reader serves
	db         querier
	fresh      map[int64]tlog.Hash
	freshIndex []int64
	freshHash  [][]byte
}

func (r *hashReader) add(first int64, hashes []tlog.Hash) {
	if r.fresh == nil {
		r.fresh = map[int64]tlog.Hash{}
	}
	for i, h := range hashes {
		at := first + int64(i)
		r.fresh[at] = h
		r.freshIndex = append(r.freshIndex, at)
		r.freshHash = append(r.freshHash, bytes.Clone(h[:]))
	}
}

// ReadHashes implements tlog.HashReader.
func (r *hashReader) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	var missing []int64
	for i, x := range indexes {
		if h, ok := r.fresh[x]; ok {
			out[i] = h
		} else {
			missing = append(missing, x)
		}
	}
	if len(missing) == 0 {
		return out, nil
	}
	const q = `select i, h from audit_hashes where i = any(@i)`
	rows, _ := r.db.Query(r.ctx, q, pgx.StrictNamedArgs{"i": missing})
	stored := make(map[int64]tlog.Hash, len(missing))
	var i int64
	var h []byte
	if _, err := pgx.ForEachRow(rows, []any{&i, &h}, func() error {
		stored[i] = tlog.Hash(h)
		return nil
	}); err != nil {
		return nil, fmt.Errorf("read hashes: %w", err)
	}
	for n, x := range indexes {
		if _, ok := r.fresh[x]; ok {
			continue
		}
		hash, ok := stored[x]
		if !ok {
			return nil, fmt.Errorf("hash %d is missing", x)
		}
		out[n] = hash
	}
	return out, nil
}
