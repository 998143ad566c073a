package pgtest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"codeberg.org/althing/althing/governance/pg"
	"github.com/jackc/pgx/v5/pgxpool"
)

// TestKilledServerKeepsWhatItAcknowledged is the small form of the soak that
// kills the database under load: whoever got an answer finds the row again.
func TestKilledServerKeepsWhatItAcknowledged(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	in := Private(t)
	const writers = 4
	acknowledged := make(chan int, 1<<20)
	ended := make(chan error, writers)
	pool, err := pg.Open(ctx, in.URL(), pg.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if _, err := pool.Exec(ctx, `create table votes (n int primary key)`); err != nil {
		t.Fatal(err)
	}
	enough := make(chan struct{}, writers)
	for w := range writers {
		go func() {
			for n := w; ; n += writers {
				if _, err := pool.Exec(ctx, `insert into votes (n) values ($1)`, n); err != nil {
					ended <- err
					return
				}
				acknowledged <- n
				if n == w+50*writers {
					enough <- struct{}{}
				}
			}
		}()
	}
	for range writers {
		<-enough
	}
	in.Kill()
	for range writers {
		if err := <-ended; !pg.Unavailable(err) {
			t.Errorf("a writer of the killed server got %v, want an error that Unavailable knows", err)
		}
	}
	close(acknowledged)
	in.Restart()
	count := 0
	for n := range acknowledged {
		count++
		var there bool
		if err := pool.QueryRow(ctx, `select exists (select from votes where n = $1)`, n).Scan(&there); err != nil {
			t.Fatalf("read after the restart: %v", err)
		}
		if !there {
			t.Errorf("vote %d was acknowledged and is lost", n)
		}
	}
	var rows int
	if err := pool.QueryRow(ctx, `select count(*) from votes`).Scan(&rows); err != nil {
		t.Fatal(err)
	}
	// A writer whose answer was cut off may find its row or not.
	if rows < count || rows > count+writers {
		t.Errorf("%d rows for %d acknowledged votes of %d writers", rows, count, writers)
	}
}

// spy records what a test would report.
type spy struct {
	testing.TB
	cleanups []func()
	failures []string
}

func (s *spy) Helper()          {}
func (s *spy) Cleanup(f func()) { s.cleanups = append(s.cleanups, f) }
func (s *spy) Errorf(format string, args ...any) {
	for _, arg := range args {
		if err, ok := arg.(error); ok {
			s.failures = append(s.failures, err.Error())
		}
	}
}

// TestCheckAtTheEndFailsTheTest: a check sees the database before it is
// dropped, and what it finds is reported.
func TestCheckAtTheEndFailsTheTest(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := &spy{TB: t}
	var name string
	pool := New(s, func(ctx context.Context, db *pgxpool.Pool) error {
		if err := db.QueryRow(ctx, `select name from names`).Scan(&name); err != nil {
			return err
		}
		return errors.New("the trail does not verify")
	})
	if _, err := pool.Exec(ctx, `insert into names (ref, name) values ('x/1', 'Ada')`); err != nil {
		t.Fatal(err)
	}
	for i := len(s.cleanups) - 1; i >= 0; i-- {
		s.cleanups[i]()
	}
	if name != "Ada" {
		t.Errorf("the check read %q, want the test's row", name)
	}
	if got := strings.Join(s.failures, "; "); got != "the trail does not verify" {
		t.Errorf("reported %q, want the check's error", got)
	}
}
