package audit_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/pg"
	"codeberg.org/althing/althing/governance/pg/pgtest"
	"codeberg.org/althing/althing/migrations"
	"github.com/jackc/pgx/v5/pgxpool"
)

// kills is how often Postgres is killed: a few times in ordinary runs, a
// thousand in a soak.
func kills() int {
	if os.Getenv("ALTHING_SOAK") != "" {
		return 1000
	}
	return 3
}

// entries counts the trail, 0 while the database is away.
func entries(ctx context.Context, pool *pgxpool.Pool) int {
	n := 0
	if pool.QueryRow(ctx, `select count(*) from audit_entries`).Scan(&n) != nil {
		return 0
	}
	return n
}

// TestOperationsSurviveKillsOfPostgres has writers retry every act that they
// saw fail, with its operation id, while the whole database is killed again
// and again. A commit that looked failed may have succeeded; each act must be
// in the trail exactly once.
func TestOperationsSurviveKillsOfPostgres(t *testing.T) {
	t.Parallel()
	const writers = 8
	db := pgtest.Private(t)
	ctx := t.Context()
	pool, err := pg.Open(ctx, db.URL(), pg.Options{MaxConns: writers + 2})
	if err != nil {
		t.Fatal(err)
	}
	if err := migrations.Up(ctx, pool); err != nil {
		t.Fatal(err)
	}
	trail, err := audit.New(pool, audit.Options{})
	if err != nil {
		t.Fatal(err)
	}
	stop, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make([]int, writers) // acts that each writer has seen succeed
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for n := 0; ; n++ {
				text := fmt.Sprintf("%d/%d", w, n)
				actor := governance.Member(governance.MemberID(w+1), governance.NewOperation("operation-"+text, text))
				for {
					_, err := trail.Act(ctx, actor, returning(noted{Page: 1, Text: text}))
					if err == nil {
						break
					}
					if ctx.Err() != nil {
						return
					}
				}
				done[w] = n + 1
				if stop.Err() != nil {
					return
				}
			}
		})
	}
	for range kills() {
		for target := entries(ctx, pool) + 50; entries(ctx, pool) < target && ctx.Err() == nil; {
			continue
		}
		db.Kill()
		db.Restart()
	}
	cancel()
	wg.Wait()
	pool.Close()
	check, err := pg.Open(context.WithoutCancel(ctx), db.URL(), pg.Options{Statement: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer check.Close()
	want := 0
	for _, n := range done {
		want += n
	}
	var all, different int
	const q = `select count(*), count(distinct convert_from(data, 'UTF8')::jsonb -> 'data' ->> 'text') from audit_entries`
	if err := check.QueryRow(ctx, q).Scan(&all, &different); err != nil {
		t.Fatal(err)
	}
	if all != want || different != want {
		t.Errorf("after %d kills: %d acts were acknowledged; the trail has %d, %d of them different", kills(), want, all, different)
	}
	if err := audit.Verify(ctx, check); err != nil {
		t.Error(err)
	}
	t.Logf("%d acts, %d kills", want, kills())
}
