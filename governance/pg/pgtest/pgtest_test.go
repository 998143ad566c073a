package pgtest

import (
	"context"
	"testing"
)

// TestNewIsMigratedAndPrivate: each test sees the schema and only its own rows.
func TestNewIsMigratedAndPrivate(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a", "b", "c"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := context.Background()
			pool := New(t)
			if _, err := pool.Exec(ctx, `insert into names (ref, name) values ('x/1', $1)`, name); err != nil {
				t.Fatalf("insert into a fresh database: %v", err)
			}
			var rows, jobs int
			if err := pool.QueryRow(ctx, `select (select count(*) from names), (select count(*) from river_job)`).Scan(&rows, &jobs); err != nil {
				t.Fatalf("read the schema: %v", err)
			}
			if rows != 1 || jobs != 0 {
				t.Errorf("database %s: got %d names and %d jobs, want 1 and 0", name, rows, jobs)
			}
		})
	}
}
