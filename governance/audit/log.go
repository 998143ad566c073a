package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/translog"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Log reads what the sequencer has published: checkpoints, tiles, entries and
// proofs. It never shows anything beyond the last signed checkpoint.
type Log struct {
	pool     *pgxpool.Pool
	verifier note.Verifier
	key      string
}

// NewLog returns the reading side of the log whose public key is given in the
// form of signed notes, "name+hash+key".
func NewLog(pool *pgxpool.Pool, verifierKey string) (*Log, error) {
	verifier, err := note.NewVerifier(verifierKey)
	if err != nil {
		return nil, fmt.Errorf("log key: %w", err)
	}
	return &Log{pool: pool, verifier: verifier, key: verifierKey}, nil
}

// Key returns the public key in the form of signed notes.
func (l *Log) Key() string { return l.key }

// Signed is the newest signed checkpoint.
type Signed struct {
	translog.Checkpoint
	Note []byte
	At   time.Time
}

// Checkpoint returns the newest signed checkpoint; NotFound before the first.
func (l *Log) Checkpoint(ctx context.Context) (Signed, error) {
	const q = `select note, at from audit_checkpoints order by size desc limit 1`
	var s Signed
	err := l.pool.QueryRow(ctx, q).Scan(&s.Note, &s.At)
	if errors.Is(err, pgx.ErrNoRows) {
		return Signed{}, governance.Errorf(governance.NotFound, "The log has no checkpoint yet.")
	}
	if err != nil {
		return Signed{}, fmt.Errorf("read checkpoint: %w", err)
	}
	if s.Checkpoint, err = translog.OpenCheckpoint(s.Note, l.verifier); err != nil {
		return Signed{}, err
	}
	return s, nil
}

// Tile returns the bytes of a tile or of an entry bundle. What lies beyond
// the published size is NotFound, so that a reader never sees what is not promised.
func (l *Log) Tile(ctx context.Context, t tlog.Tile) ([]byte, error) {
	const head = `select coalesce(max(size), 0) from audit_checkpoints`
	var size int64
	if err := l.pool.QueryRow(ctx, head).Scan(&size); err != nil {
		return nil, fmt.Errorf("read tile: %w", err)
	}
	level := max(t.L, 0)
	if level > 7 || t.N > size || (t.N*translog.TileWidth+int64(t.W)) > size>>(uint(translog.TileHeight*level)) {
		return nil, governance.Errorf(governance.NotFound, "The log has no such tile yet.")
	}
	if t.L != translog.EntriesLevel {
		data, err := tlog.ReadTileData(t, &hashReader{ctx: ctx, db: l.pool})
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", translog.TilePath(t), err)
		}
		return data, nil
	}
	const q = `select data from audit_entries where idx >= @first and idx < @first + @width order by idx`
	rows, _ := l.pool.Query(ctx, q, pgx.StrictNamedArgs{"first": t.N * translog.TileWidth, "width": t.W})
	entries, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", translog.TilePath(t), err)
	}
	var bundle []byte
	for _, e := range entries {
		bundle = translog.AppendBundle(bundle, e)
	}
	if len(entries) != t.W {
		return nil, fmt.Errorf("read %s: %d entries are stored, want %d", translog.TilePath(t), len(entries), t.W)
	}
	return bundle, nil
}

// Inclusion returns an entry by its index with the proof under the newest
// checkpoint.
func (l *Log) Inclusion(ctx context.Context, index int64) (translog.Inclusion, error) {
	signed, err := l.Checkpoint(ctx)
	if err != nil {
		return translog.Inclusion{}, err
	}
	if index < 0 || index >= signed.Size {
		return translog.Inclusion{}, governance.Errorf(governance.NotFound, "The log has no entry %d; its last one is %d.", index, signed.Size-1)
	}
	const q = `select data from audit_entries where idx = @idx`
	var data []byte
	if err := l.pool.QueryRow(ctx, q, pgx.StrictNamedArgs{"idx": index}).Scan(&data); err != nil {
		return translog.Inclusion{}, fmt.Errorf("read entry %d: %w", index, err)
	}
	proof, err := tlog.ProveRecord(signed.Size, index, &hashReader{ctx: ctx, db: l.pool})
	if err != nil {
		return translog.Inclusion{}, fmt.Errorf("prove entry %d: %w", index, err)
	}
	return translog.NewInclusion(data, index, proof, signed.Note), nil
}

// Consistency proves that the log of an older size is the beginning of the
// newest checkpoint's.
func (l *Log) Consistency(ctx context.Context, older int64) (translog.Consistency, Signed, error) {
	signed, err := l.Checkpoint(ctx)
	if err != nil {
		return translog.Consistency{}, Signed{}, err
	}
	if older < 0 || older > signed.Size {
		return translog.Consistency{}, Signed{}, governance.Errorf(governance.Invalid, "The log has %d entries; %d is not an older size.", signed.Size, older)
	}
	if older == 0 {
		return translog.NewConsistency(0, signed.Size, nil), signed, nil
	}
	proof, err := tlog.ProveTree(signed.Size, older, &hashReader{ctx: ctx, db: l.pool})
	if err != nil {
		return translog.Consistency{}, Signed{}, fmt.Errorf("prove consistency with %d: %w", older, err)
	}
	return translog.NewConsistency(older, signed.Size, proof), signed, nil
}

// EntryIndex returns the position of a trail entry, or -1 while it is pending.
func (l *Log) EntryIndex(ctx context.Context, id governance.EntryID) (int64, error) {
	const q = `select coalesce(idx, -1) from audit_entries where id = @id`
	var idx int64
	err := l.pool.QueryRow(ctx, q, pgx.StrictNamedArgs{"id": id}).Scan(&idx)
	if errors.Is(err, pgx.ErrNoRows) {
		return -1, governance.Errorf(governance.NotFound, "There is no entry %d.", id)
	}
	return idx, err
}

// Last returns the newest entry of the trail, in the log already or not. As
// long as it is the same, nothing that acts write has changed.
func (l *Log) Last(ctx context.Context) (governance.EntryID, error) {
	const q = `select coalesce(max(id), 0) from audit_entries`
	var id governance.EntryID
	if err := l.pool.QueryRow(ctx, q).Scan(&id); err != nil {
		return 0, fmt.Errorf("read the trail's end: %w", err)
	}
	return id, nil
}

// Holding finds entries whose bytes hold a text, such as the beginning of a
// digest, newest first.
func (l *Log) Holding(ctx context.Context, text string, limit int) ([]Change, error) {
	const q = `
		select id, coalesce(idx, -1), data from audit_entries
		where position(convert_to(@text, 'UTF8') in data) > 0 order by id desc limit @limit`
	rows, _ := l.pool.Query(ctx, q, pgx.StrictNamedArgs{"text": text, "limit": limit})
	return collectChanges(rows)
}
