package pg

import (
	"context"
	"sync"
	"time"
)

// Gather turns one question that many ask at the same moment into one
// statement: a thousand nodes that are woken together read their work in a few
// trips to the database and on one connection, and leave the pool to readers
// of pages. Who asks alone is answered at once: a question waits only while
// the one before it is on its way.
type Gather[Q, A any] struct {
	ask  func(context.Context, []Q) ([]A, error)
	most int

	mu      sync.Mutex
	waiting []asked[Q, A]
	busy    bool
}

type asked[Q, A any] struct {
	question Q
	answer   chan<- answered[A]
}

type answered[A any] struct {
	answer A
	err    error
}

// patience bounds one gathered statement. It is not any single asker's: who
// goes away must not take the answer from the others.
const patience = 10 * time.Second

// NewGather returns a Gather that asks at most so many questions at once. ask
// answers each, in their order.
func NewGather[Q, A any](most int, ask func(context.Context, []Q) ([]A, error)) *Gather[Q, A] {
	return &Gather[Q, A]{ask: ask, most: most}
}

// Ask returns the answer to one question. An error of the statement is
// everybody's who was asked with it.
func (g *Gather[Q, A]) Ask(ctx context.Context, question Q) (A, error) {
	answer := make(chan answered[A], 1)
	g.mu.Lock()
	g.waiting = append(g.waiting, asked[Q, A]{question, answer})
	if !g.busy {
		g.busy = true
		go g.run(context.WithoutCancel(ctx))
	}
	g.mu.Unlock()
	select {
	case a := <-answer:
		return a.answer, a.err
	case <-ctx.Done():
		var zero A
		return zero, ctx.Err()
	}
}

// run asks until nobody waits.
func (g *Gather[Q, A]) run(ctx context.Context) {
	for {
		g.mu.Lock()
		n := min(len(g.waiting), g.most)
		if n == 0 {
			g.busy = false
			g.mu.Unlock()
			return
		}
		batch := g.waiting[:n:n]
		g.waiting = g.waiting[n:]
		g.mu.Unlock()
		g.answer(ctx, batch)
	}
}

func (g *Gather[Q, A]) answer(ctx context.Context, batch []asked[Q, A]) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	questions := make([]Q, len(batch))
	for i, b := range batch {
		questions[i] = b.question
	}
	answers, err := g.ask(ctx, questions)
	for i, b := range batch {
		a := answered[A]{err: err}
		if err == nil {
			a.answer = answers[i]
		}
		b.answer <- a
	}
}
