package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"codeberg.org/althing/althing/training/fedavg"
	"codeberg.org/althing/althing/training/llama"
)

// arm is one algorithm of the comparison.
type arm struct {
	name  string
	local local     // without a rate
	rates []float64 // that are tried; the one that is first at the target is shown
}

func arms() []arm {
	return []arm{
		{"FedSGD", local{epochs: 1}, []float64{1, 2, 4}},
		{"FedAvg, E = 1, B = 10", local{epochs: 1, batch: 10}, []float64{.5, 1, 2}},
		{"FedAvg, E = 5, B = 10", local{epochs: 5, batch: 10}, []float64{.25, .5, 1}},
	}
}

// curve is how one arm fared with one rate.
type curve struct {
	arm      string
	rate     float64
	accuracy []float64 // best so far, after each round from 0
	reached  int       // round at which the target was met; 0 never
}

// roundsStudy is what the first study varies.
type roundsStudy struct {
	target float64
	most   int // rounds of an arm
	share  int // of the roles that take part in a round, per cent
	tested int // windows
	seed   uint64
}

// run plays every arm and returns its best curve.
func (s roundsStudy) run(roles []role, progress io.Writer) ([]curve, error) {
	t, err := newTrainers()
	if err != nil {
		return nil, err
	}
	on := tests(roles, s.tested)
	var best []curve
	for _, a := range arms() {
		var found []curve
		for _, rate := range a.rates {
			most := s.most
			for _, c := range found {
				if c.reached > 0 {
					most = min(most, c.reached) // whoever is slower than another rate is not shown
				}
			}
			a.local.build = sgd(rate)
			c, err := s.play(t, roles, on, a, most)
			if err != nil {
				return nil, err
			}
			c.rate = rate
			fmt.Fprintf(progress, "%s, rate %g: %.1f %% after %d rounds\n", a.name, rate, 100*c.accuracy[len(c.accuracy)-1], len(c.accuracy)-1)
			found = append(found, c)
		}
		best = append(best, slices.MinFunc(found, func(x, y curve) int {
			if (x.reached > 0) != (y.reached > 0) {
				return cmp.Compare(y.reached, x.reached)
			}
			return cmp.Or(cmp.Compare(x.reached, y.reached), cmp.Compare(y.accuracy[len(y.accuracy)-1], x.accuracy[len(x.accuracy)-1]))
		}))
	}
	return best, nil
}

// play is FederatedAveraging (McMahan et al. 2017, algorithm 1) until the
// target; an arm with one step of everything a client has is FedSGD.
func (s roundsStudy) play(t *trainers, roles []role, on sequences, a arm, most int) (curve, error) {
	m, err := llama.Init(shape(), s.seed)
	if err != nil {
		return curve{}, err
	}
	weights := m.Params.Data
	c := curve{arm: a.name}
	_, first, err := measure(weights, on)
	c.accuracy = append(c.accuracy, first)
	for round := 1; err == nil && round <= most; round++ {
		var cohort []role
		for _, place := range shuffled(len(roles), s.seed, round)[:max(2, len(roles)*s.share/100)] {
			cohort = append(cohort, roles[place])
		}
		var updates [][]float32
		if updates, err = t.updates(weights, cohort, a.local, s.seed+uint64(round)<<20); err != nil {
			break
		}
		mean := fedavg.NewMean(len(weights))
		for i, u := range updates {
			if err := mean.Add(u, int64(len(cohort[i].train.tokens))); err != nil {
				return c, err
			}
		}
		if err = add(weights, mean); err != nil {
			break
		}
		var got float64
		if _, got, err = measure(weights, on); err != nil {
			break
		}
		c.accuracy = append(c.accuracy, max(got, c.accuracy[round-1]))
		if got >= s.target {
			c.reached = round
			break
		}
	}
	return c, err
}

// add moves the weights by what the updates became together.
func add(weights []float32, sum interface{ Into([]float32) error }) error {
	change := make([]float32, len(weights))
	if err := sum.Into(change); err != nil {
		return err
	}
	for i, c := range change {
		weights[i] += c
	}
	return nil
}
