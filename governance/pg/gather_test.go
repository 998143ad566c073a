package pg_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"codeberg.org/althing/althing/governance/pg"
)

func TestGatherAsksForManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var batches []int
		gate := make(chan struct{})
		g := pg.NewGather(40, func(_ context.Context, questions []int) ([]int, error) {
			batches = append(batches, len(questions))
			<-gate
			out := make([]int, len(questions))
			for i, q := range questions {
				out[i] = q * q
			}
			return out, nil
		})
		var all sync.WaitGroup
		ask := func(q int) {
			all.Go(func() {
				if got, err := g.Ask(t.Context(), q); err != nil || got != q*q {
					t.Errorf("Ask(%d) = %d, %v; want %d", q, got, err, q*q)
				}
			})
		}
		ask(1)
		synctest.Wait() // the first is on its way alone
		for q := range 50 {
			ask(q)
		}
		synctest.Wait()
		close(gate)
		all.Wait()
		if len(batches) != 3 || batches[0] != 1 || batches[1] != 40 || batches[2] != 10 {
			t.Errorf("asked in batches of %v, want 1, 40 and 10", batches)
		}
	})
}

func TestGatherSharesAFailureAndOutlivesAnAsker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("no database")
		gate := make(chan error)
		g := pg.NewGather(10, func(ctx context.Context, questions []int) ([]int, error) {
			if err := <-gate; err != nil {
				return nil, err
			}
			return questions, ctx.Err()
		})
		gone, leave := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() { _, err := g.Ask(gone, 1); left <- err }()
		synctest.Wait()
		leave()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("who went away got %v, want context.Canceled", err)
		}
		results := make(chan error, 2)
		for q := range 2 {
			go func() { _, err := g.Ask(t.Context(), q); results <- err }()
		}
		synctest.Wait()
		gate <- nil // to the one who left
		gate <- broken
		for range 2 {
			if err := <-results; !errors.Is(err, broken) {
				t.Errorf("Ask = %v, want the failure of the statement", err)
			}
		}
		go func() { gate <- nil }()
		if got, err := g.Ask(t.Context(), 7); got != 7 || err != nil {
			t.Errorf("Ask after a failure = %d, %v", got, err)
		}
	})
}
