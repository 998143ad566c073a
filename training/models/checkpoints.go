package models

import (
	"context"
	"errors"
	"fmt"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/pg"
	"codeberg.org/althing/althing/training"
	"github.com/jackc/pgx/v5"
)

// Checkpoint is one set of weights.
type Checkpoint struct {
	Digest    training.Digest
	Size      int64
	TaintedBy training.UnlearningID // 0 while nobody asked to forget what it was trained on
}

// Checkpoint returns what is known of weights.
func (s *Store) Checkpoint(ctx context.Context, digest training.Digest) (Checkpoint, error) {
	return CheckpointOf(ctx, s.pool, digest)
}

// CheckpointOf is Checkpoint for an act.
func CheckpointOf(ctx context.Context, db pg.Reader, digest training.Digest) (Checkpoint, error) {
	const q = `select digest, size, coalesce(tainted_by, 0) from checkpoints where digest = @digest`
	var c Checkpoint
	err := db.QueryRow(ctx, q, pgx.StrictNamedArgs{"digest": digest}).Scan(&c.Digest, &c.Size, &c.TaintedBy)
	if errors.Is(err, pgx.ErrNoRows) {
		return Checkpoint{}, governance.Errorf(governance.NotFound, "No checkpoint has the digest %s.", digest)
	}
	if err != nil {
		return Checkpoint{}, fmt.Errorf("read checkpoint %s: %w", digest, err)
	}
	return c, nil
}

// Edge says that child was trained from parent in a round.
type Edge struct {
	Child, Parent training.Digest
	Campaign      training.CampaignID
	Round         training.RoundID
}

// Keep is the step that makes weights known. Weights that are known already
// stay as they are.
func Keep(ctx context.Context, tx *audit.Tx, digest training.Digest, size int64) error {
	const insert = `
		insert into checkpoints (digest, size, made_at) values (@digest, @size, @now) on conflict (digest) do nothing`
	args := pgx.StrictNamedArgs{"digest": digest, "size": size, "now": tx.Now(ctx)}
	if _, err := tx.Exec(ctx, insert, args); err != nil {
		return fmt.Errorf("keep checkpoint %s: %w", digest, err)
	}
	return nil
}

// Descend is the step that records a checkpoint with where it came from. What
// is trained from tainted weights is tainted.
func Descend(ctx context.Context, tx *audit.Tx, e Edge, size int64) error {
	if err := Keep(ctx, tx, e.Child, size); err != nil {
		return err
	}
	const edge = `
		insert into lineage (child, parent, campaign, round) values (@child, @parent, @campaign, @round) on conflict do nothing`
	args := pgx.StrictNamedArgs{"child": e.Child, "parent": e.Parent, "campaign": e.Campaign, "round": e.Round}
	if _, err := tx.Exec(ctx, edge, args); err != nil {
		return fmt.Errorf("record lineage of %s: %w", e.Child, err)
	}
	const inherit = `
		update checkpoints c set tainted_by = p.tainted_by from checkpoints p
		where c.digest = @child and p.digest = @parent and c.tainted_by is null and p.tainted_by is not null`
	if _, err := tx.Exec(ctx, inherit, pgx.StrictNamedArgs{"child": e.Child, "parent": e.Parent}); err != nil {
		return fmt.Errorf("record lineage of %s: %w", e.Child, err)
	}
	return nil
}

// Taint is the step that marks checkpoints and all that was trained from them
// for an unlearning case. It returns how many were marked now.
func Taint(ctx context.Context, tx *audit.Tx, unlearning training.UnlearningID, roots []training.Digest) (int64, error) {
	const mark = `
		with recursive reached (digest) as (
			select digest from checkpoints where digest = any(@roots)
			union
			select l.child from lineage l join reached r on r.digest = l.parent
		)
		update checkpoints set tainted_by = @case
		where tainted_by is null and digest in (select digest from reached)`
	digests := make([][]byte, len(roots))
	for i := range roots {
		digests[i] = roots[i][:]
	}
	tag, err := tx.Exec(ctx, mark, pgx.StrictNamedArgs{"case": unlearning, "roots": digests})
	if err != nil {
		return 0, fmt.Errorf("taint checkpoints for unlearning case %d: %w", unlearning, err)
	}
	return tag.RowsAffected(), nil
}

// Tainted lists the checkpoints that an unlearning case tainted and whose files
// are still there.
func (s *Store) Tainted(ctx context.Context, id training.UnlearningID) ([]training.Digest, error) {
	const q = `select digest from checkpoints where tainted_by = @id and destroyed_at is null order by made_at, digest`
	rows, _ := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"id": id})
	found, err := pgx.CollectRows(rows, pgx.RowTo[training.Digest])
	if err != nil {
		return nil, fmt.Errorf("read checkpoints tainted by case %d: %w", id, err)
	}
	return found, nil
}

// Destroyed is the step that notes that the files of a case's tainted
// checkpoints were removed. It returns how many were noted now.
func Destroyed(ctx context.Context, tx *audit.Tx, id training.UnlearningID) (int64, error) {
	const update = `update checkpoints set destroyed_at = @now where tainted_by = @id and destroyed_at is null`
	tag, err := tx.Exec(ctx, update, pgx.StrictNamedArgs{"now": tx.Now(ctx), "id": id})
	if err != nil {
		return 0, fmt.Errorf("note destroyed checkpoints of case %d: %w", id, err)
	}
	return tag.RowsAffected(), nil
}

// Lineage returns the edges from weights back to what was imported, nearest first.
func (s *Store) Lineage(ctx context.Context, digest training.Digest) ([]Edge, error) {
	const q = `
		with recursive back (child, parent, campaign, round, depth) as (
			select child, parent, campaign, round, 1 from lineage where child = @digest
			union
			select l.child, l.parent, l.campaign, l.round, b.depth + 1 from lineage l join back b on l.child = b.parent
			where b.depth < 10000
		)
		select child, parent, campaign, round from back order by depth, round desc`
	rows, _ := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"digest": digest})
	edges, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Edge])
	if err != nil {
		return nil, fmt.Errorf("read lineage of %s: %w", digest, err)
	}
	return edges, nil
}
