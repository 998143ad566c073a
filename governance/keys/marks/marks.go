// Package marks lets the servers of one database see that they hold the same
// keys. The first one that starts leaves a mark of each key, a digest that
// opens nothing; the others compare. A server with other keys would answer
// nodes that do not know it, seal ballots that nobody opens, and encrypt
// updates that the others cannot read, and all that would be seen much later.
//
// Keys of contributors are made while servers run, so their marks come one by
// one: a server whose folder is a copy of another's is found out when it makes
// a key that another has made before.
package marks

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/pg"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Marks are the marks of keys by the names of their files.
type Marks = map[string][sha256.Size]byte

// first keeps the marks of whoever comes first.
const first = `
	insert into key_marks (name, mark, at) select name, mark, @now from unnest(@names::text[], @marks::bytea[]) as m (name, mark)
	on conflict (name) do nothing`

// Check refuses the keys in a folder if they are not those of the database,
// and names those that differ.
func Check(ctx context.Context, pool *pgxpool.Pool, dir string, m Marks, now time.Time) error {
	others, err := compare(ctx, pool, first, m, now)
	if err == nil && len(others) > 0 {
		err = governance.Errorf(governance.Conflict, "The keys in %s are not those that this database was used with (%s): all its servers share one folder of keys. If the old keys are lost for good, start one server with --new-keys.",
			dir, strings.Join(others, ", "))
	}
	return err
}

// Made refuses a contributor's key that this server has just made if another
// server made one before, which this one then does not see.
func Made(ctx context.Context, pool *pgxpool.Pool, dir, name string, mark [sha256.Size]byte, now time.Time) error {
	others, err := compare(ctx, pool, first, Marks{name: mark}, now)
	if err == nil && len(others) > 0 {
		err = governance.Errorf(governance.Unavailable, "Another server has made %s before, and it is not in %s: the servers of this database must share one folder of keys, not copies. If those keys are lost for good, start one server with --new-keys.", name, dir)
	}
	return err
}

// Replace makes these keys those of the database and forgets all others: what
// an operator asks for who has lost the old ones.
func Replace(ctx context.Context, pool *pgxpool.Pool, m Marks, now time.Time) error {
	const anew = `
		with gone as (delete from key_marks where name <> all (@names::text[]))
		insert into key_marks (name, mark, at) select name, mark, @now from unnest(@names::text[], @marks::bytea[]) as m (name, mark)
		on conflict (name) do update set mark = excluded.mark, at = excluded.at`
	_, err := compare(ctx, pool, anew, m, now)
	return err
}

// compare writes marks and returns the names of those that are others in the
// database.
func compare(ctx context.Context, pool *pgxpool.Pool, write string, m Marks, now time.Time) (others []string, err error) {
	names := slices.Sorted(maps.Keys(m))
	values := make([][]byte, len(names))
	for i, name := range names {
		mark := m[name]
		values[i] = mark[:]
	}
	if err := pg.Keep(ctx, pool, "key_marks", func(ctx context.Context, db pg.Querier) error {
		_, err := db.Exec(ctx, write, pgx.StrictNamedArgs{"names": names, "marks": values, "now": now})
		return err
	}); err != nil {
		return nil, err
	}
	const q = `select name, mark from key_marks where name = any (@names) order by name`
	rows, _ := pool.Query(ctx, q, pgx.StrictNamedArgs{"names": names})
	var name string
	var mark []byte
	if _, err := pgx.ForEachRow(rows, []any{&name, &mark}, func() error {
		if own := m[name]; !bytes.Equal(own[:], mark) {
			others = append(others, name)
		}
		return nil
	}); err != nil {
		return nil, fmt.Errorf("compare keys: %w", err)
	}
	return others, nil
}
