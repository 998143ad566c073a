package audit

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"codeberg.org/althing/althing/governance/translog"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/mod/sumdb/tlog"
)

// Verify is the auditor of the database: it reads every entry and every
// stored hash, recomputes the tree, compares each derived column with the
// bytes it derives from, and compares the head. It trusts no trigger. The
// error names the first entry or hash that is not what it must be.
func Verify(ctx context.Context, pool *pgxpool.Pool) error {
	tx, err := pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return fmt.Errorf("verify trail: %w", err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx))
	computed, size, err := verifyEntries(ctx, tx)
	if err != nil {
		return fmt.Errorf("verify trail: %w", err)
	}
	if err := verifyHashes(ctx, tx, computed); err != nil {
		return fmt.Errorf("verify trail: %w", err)
	}
	const head = `select size, root from audit_head`
	var headSize int64
	var headRoot []byte
	if err := tx.QueryRow(ctx, head).Scan(&headSize, &headRoot); err != nil {
		return fmt.Errorf("verify trail: head: %w", err)
	}
	root, err := tlog.TreeHash(size, computed)
	if err != nil {
		return fmt.Errorf("verify trail: %w", err)
	}
	if size == 0 {
		root = tlog.Hash(headRoot) // the root of nothing is a matter of definition
	}
	if headSize != size || !bytes.Equal(headRoot, root[:]) {
		return fmt.Errorf("verify trail: the head says %d entries and root %x; the entries give %d and %x", headSize, headRoot, size, root[:])
	}
	return nil
}

// hashList is a tree held in memory by stored hash index.
type hashList []tlog.Hash

// ReadHashes implements tlog.HashReader.
func (l hashList) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		if x < 0 || x >= int64(len(l)) {
			return nil, fmt.Errorf("hash %d is not computed", x)
		}
		out[i] = l[x]
	}
	return out, nil
}

func verifyEntries(ctx context.Context, tx pgx.Tx) (hashList, int64, error) {
	const q = `select id, idx, at, kind, actor, subject, refs, data from audit_entries order by idx nulls last, id`
	rows, err := tx.Query(ctx, q)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	var computed hashList
	var size int64
	for rows.Next() {
		var id int64
		var idx *int64
		var e translog.Entry
		var refs []string
		var data []byte
		if err := rows.Scan(&id, &idx, &e.At, &e.Kind, &e.Actor, &e.Subject, &refs, &data); err != nil {
			return nil, 0, err
		}
		if idx != nil && *idx != size {
			return nil, 0, fmt.Errorf("after entry %d comes entry %d", size-1, *idx)
		}
		if err := verifyColumns(e, refs, data); err != nil {
			return nil, 0, fmt.Errorf("entry %s (row %d): %w", indexText(idx), id, err)
		}
		if idx == nil {
			continue
		}
		hashes, err := tlog.StoredHashes(size, data, computed)
		if err != nil {
			return nil, 0, err
		}
		computed = append(computed, hashes...)
		size++
	}
	return computed, size, rows.Err()
}

func indexText(idx *int64) string {
	if idx == nil {
		return "pending"
	}
	return fmt.Sprint(*idx)
}

func verifyColumns(columns translog.Entry, refs []string, data []byte) error {
	e, err := translog.Decode(data)
	if err != nil {
		return err
	}
	switch {
	case !e.At.Equal(columns.At.Truncate(time.Microsecond)):
		return fmt.Errorf("column at is %v, the bytes say %v", columns.At, e.At)
	case e.Kind != columns.Kind:
		return fmt.Errorf("column kind is %q, the bytes say %q", columns.Kind, e.Kind)
	case e.Actor != columns.Actor:
		return fmt.Errorf("column actor is %q, the bytes say %q", columns.Actor, e.Actor)
	case e.Subject != columns.Subject:
		return fmt.Errorf("column subject is %q, the bytes say %q", columns.Subject, e.Subject)
	case !slices.Equal(e.Refs(), refs):
		return fmt.Errorf("column refs is %q, the bytes say %q", refs, e.Refs())
	}
	return nil
}

func verifyHashes(ctx context.Context, tx pgx.Tx, computed hashList) error {
	const q = `select i, h from audit_hashes order by i`
	rows, _ := tx.Query(ctx, q)
	next := int64(0)
	var i int64
	var h []byte
	_, err := pgx.ForEachRow(rows, []any{&i, &h}, func() error {
		if i != next || i >= int64(len(computed)) {
			return fmt.Errorf("stored hash %d: want hash %d of %d", i, next, len(computed))
		}
		if !bytes.Equal(h, computed[i][:]) {
			level, n := tlog.SplitStoredHashIndex(i)
			return fmt.Errorf("stored hash %d (level %d, number %d) is not what the entries give", i, level, n)
		}
		next++
		return nil
	})
	if err == nil && next != int64(len(computed)) {
		return fmt.Errorf("%d hashes are stored, the entries give %d", next, len(computed))
	}
	return err
}
