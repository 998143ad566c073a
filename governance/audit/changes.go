package audit

import (
	"context"
	"fmt"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/translog"
	"github.com/jackc/pgx/v5"
)

// Filter selects acts. The zero Filter selects all, newest first.
type Filter struct {
	Refs   []governance.Ref   // that concern any of these; none means all
	Kinds  []string           // of these kinds; none means all
	Actor  governance.Ref     // by this actor
	Before governance.EntryID // older than this entry; 0 means from the newest
	Limit  int                // at most; 0 means 50
}

// Change is one act as a list shows it.
type Change struct {
	ID       governance.EntryID
	Index    int64 // position in the log, -1 while pending
	At       time.Time
	Kind     string
	Actor    governance.Ref
	Subject  governance.Ref
	Event    Event
	Sentence Sentence
}

const maxChanges = 500

// Changes answers recent changes, a page's history, a member's contributions,
// a watchlist, a case's log and every feed: one query, different filters.
func (l *Log) Changes(ctx context.Context, f Filter) ([]Change, error) {
	limit := f.Limit
	if limit <= 0 {
		limit = 50
	}
	const q = `
		select id, coalesce(idx, -1), data from audit_entries
		where (@refs::text[] is null or refs && @refs)
		and (@kinds::text[] is null or kind = any(@kinds))
		and (@actor = '' or actor = @actor)
		and (@before = 0 or id < @before)
		order by id desc limit @limit`
	var refs []string
	for _, r := range f.Refs {
		refs = append(refs, string(r))
	}
	if f.Actor != "" && refs == nil {
		refs = []string{string(f.Actor)} // the index on refs finds an actor too
	}
	rows, _ := l.pool.Query(ctx, q, pgx.StrictNamedArgs{
		"refs": refs, "kinds": f.Kinds, "actor": f.Actor, "before": int64(f.Before), "limit": min(limit, maxChanges),
	})
	return collectChanges(rows)
}

// collectChanges reads rows of id, position and bytes.
func collectChanges(rows pgx.Rows) ([]Change, error) {
	type row struct {
		ID   governance.EntryID
		Idx  int64
		Data []byte
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	if err != nil {
		return nil, fmt.Errorf("read changes: %w", err)
	}
	changes := make([]Change, len(found))
	for i, r := range found {
		if changes[i], err = readChange(r.ID, r.Idx, r.Data); err != nil {
			return nil, err
		}
	}
	return changes, nil
}

func readChange(id governance.EntryID, idx int64, data []byte) (Change, error) {
	e, err := translog.Decode(data)
	if err != nil {
		return Change{}, fmt.Errorf("entry %d: %w", id, err)
	}
	ev, err := decodeEvent(e)
	if err != nil {
		return Change{}, fmt.Errorf("entry %d: %w", id, err)
	}
	return Change{
		ID: id, Index: idx, At: e.At, Kind: e.Kind, Actor: governance.Ref(e.Actor), Subject: governance.Ref(e.Subject),
		Event: ev, Sentence: ev.Sentence(),
	}, nil
}

// ChangeOf returns one entry as a list would show it.
func ChangeOf(e translog.Entry) (Change, error) {
	data, err := e.Encode()
	if err != nil {
		return Change{}, err
	}
	return readChange(0, -1, data)
}

// Names returns what a person reads for each reference that has a name.
func (l *Log) Names(ctx context.Context, refs []governance.Ref) (map[governance.Ref]string, error) {
	const q = `select ref, name from names where ref = any(@refs)`
	plain := make([]string, len(refs))
	for i, r := range refs {
		plain[i] = string(r)
	}
	rows, _ := l.pool.Query(ctx, q, pgx.StrictNamedArgs{"refs": plain})
	names := make(map[governance.Ref]string, len(refs))
	var ref governance.Ref
	var name string
	if _, err := pgx.ForEachRow(rows, []any{&ref, &name}, func() error {
		names[ref] = name
		return nil
	}); err != nil {
		return nil, fmt.Errorf("read names: %w", err)
	}
	return names, nil
}
