package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"codeberg.org/althing/althing/training/llama"
	"codeberg.org/althing/althing/training/optim"
)

// trainers lends each of several goroutines a model of its own.
type trainers struct {
	shape llama.Config
	list  []*llama.Trainer
	of    []*llama.Model
}

func newTrainers(shape llama.Config) (*trainers, error) {
	t := &trainers{shape: shape}
	for range runtime.GOMAXPROCS(0) {
		m, err := llama.New(shape)
		if err != nil {
			return nil, err
		}
		trainer, err := llama.NewTrainer(m, shape.Context, 1)
		if err != nil {
			return nil, err
		}
		t.list, t.of = append(t.list, trainer), append(t.of, m)
	}
	return t, nil
}

// local is what a client does in a round.
type local struct {
	epochs int
	batch  int // windows of a step; 0 all of the client's
	most   int // steps at most, 0 as many as the epochs have
	build  func() llama.Optimiser
}

// updates trains every client from the weights and returns what each changed.
// Which goroutine trains whom changes nothing.
func (t *trainers) updates(weights []float32, clients []role, l local, seed uint64) ([][]float32, error) {
	out, errs := make([][]float32, len(clients)), make([]error, len(clients))
	next := make(chan int)
	var wait sync.WaitGroup
	for k := range t.list {
		wait.Go(func() {
			for i := range next {
				out[i], errs[i] = t.train(k, weights, clients[i], l, seed+uint64(i))
			}
		})
	}
	for i := range clients {
		next <- i
	}
	close(next)
	wait.Wait()
	for i, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("train %s: %w", clients[i].name, err)
		}
	}
	return out, nil
}

func (t *trainers) train(k int, weights []float32, c role, l local, seed uint64) ([]float32, error) {
	mine := t.of[k].Params.Data
	copy(mine, weights)
	o, batch := l.build(), l.batch
	if batch == 0 {
		batch = c.train.len()
	}
	steps := 0
	for epoch := range l.epochs {
		order := shuffled(c.train.len(), seed, epoch)
		for from := 0; from < len(order) && (l.most == 0 || steps < l.most); from += batch {
			var tokens, targets []int32
			for _, w := range order[from:min(from+batch, len(order))] {
				s := c.train.slice(w, w+1)
				tokens, targets = append(tokens, s.tokens...), append(targets, s.targets...)
			}
			if _, err := t.list[k].Step(tokens, targets, o); err != nil {
				return nil, err
			}
			steps++
		}
	}
	change := make([]float32, len(mine))
	for i := range change {
		change[i] = mine[i] - weights[i]
	}
	return change, nil
}

// shuffled orders n things by SHA-256 of seed, epoch and place.
func shuffled(n int, seed uint64, epoch int) []int {
	type ticket struct {
		place int
		lot   [sha256.Size]byte
	}
	tickets := make([]ticket, n)
	for i := range tickets {
		var data [24]byte
		binary.BigEndian.PutUint64(data[:], seed)
		binary.BigEndian.PutUint64(data[8:], uint64(epoch))
		binary.BigEndian.PutUint64(data[16:], uint64(i))
		tickets[i] = ticket{i, sha256.Sum256(data[:])}
	}
	slices.SortFunc(tickets, func(a, b ticket) int { return cmp.Compare(string(a.lot[:]), string(b.lot[:])) })
	order := make([]int, n)
	for i, t := range tickets {
		order[i] = t.place
	}
	return order
}

// sgd is a plain step at a rate.
func sgd(rate float64) func() llama.Optimiser {
	return func() llama.Optimiser { return &optim.SGD{Rate: optim.Constant(rate)} }
}

// evaluated hands the evaluator of a model with these weights 64 sequences
// after another.
func (t *trainers) evaluated(weights []float32, on sequences, part func(*llama.Evaluator, sequences) error) error {
	m, err := llama.New(t.shape)
	if err != nil {
		return err
	}
	copy(m.Params.Data, weights)
	e := llama.NewEvaluator(m, len(t.list))
	for from := 0; from < on.len(); from += 64 {
		if err := part(e, on.slice(from, min(from+64, on.len()))); err != nil {
			return err
		}
	}
	return nil
}

// loss is the mean loss in nats per character.
func (t *trainers) loss(weights []float32, on sequences) (float64, error) {
	sum := 0.0
	err := t.evaluated(weights, on, func(e *llama.Evaluator, s sequences) error {
		mean, n, err := e.Loss(s.tokens, s.targets, s.time)
		sum += mean * float64(n)
		return err
	})
	return sum / float64(len(on.targets)), err
}

// accuracy is the share of characters that the likeliest guess gets right.
func (t *trainers) accuracy(weights []float32, on sequences) (float64, error) {
	right := 0
	err := t.evaluated(weights, on, func(e *llama.Evaluator, s sequences) error {
		logits, err := e.Logits(s.tokens, s.time)
		if err != nil {
			return err
		}
		for i, want := range s.targets {
			row, best := logits.Row(i), 0
			for v := range row {
				if row[v] > row[best] {
					best = v
				}
			}
			if int32(best) == want {
				right++
			}
		}
		return nil
	})
	return float64(right) / float64(len(on.targets)), err
}
