package serveropt

import (
	"fmt"

	"codeberg.org/althing/althing/training/fedavg"
)

// Control is the server's control variate c of SCAFFOLD (Karimireddy, Kale,
// Mohri, Reddi, Stich, Suresh 2020, Algorithm 1, lines 16 and 17):
//
//	c ← c + (1/N)·Σ_{i∈S} (c_i⁺ − c_i)
//
// over the nodes S that took part, of N in the campaign. The weights of the
// round move by the plain mean of the updates (fedavg.Mean with equal weights
// and rule fedavg with η_g). Nodes compute their side with package localopt.
// c is part of the server's state and goes to the nodes with the weights.
type Control struct {
	sum   []float64
	nodes int
	added int
}

// NewControl returns the sum of a round in a campaign of nodes, over dim
// parameters.
func NewControl(dim, nodes int) *Control { return &Control{sum: make([]float64, dim), nodes: nodes} }

// Add adds what a node reports, c_i⁺ − c_i. Add in ascending order of node id.
// Into refuses the sum if a value was not finite.
func (c *Control) Add(change []float32) error {
	if len(change) != len(c.sum) {
		return fmt.Errorf("control variate: change of %d parameters, want %d", len(change), len(c.sum))
	}
	if c.added == c.nodes {
		return fmt.Errorf("control variate: change %d in a campaign of %d nodes", c.added+1, c.nodes)
	}
	c.added++
	fedavg.Split(len(change), 1<<15, func(from, to int) { fedavg.Accumulate(c.sum[from:to], change[from:to], 1) })
	return nil
}

// Into sets next to the variate after the round, from the one before it. They
// may be the same slice, which is then of no use after an error.
func (c *Control) Into(next, before []float32) error {
	if len(next) != len(c.sum) || len(before) != len(c.sum) {
		return fmt.Errorf("control variate: %d and %d places for %d parameters", len(next), len(before), len(c.sum))
	}
	if c.added == 0 {
		return fmt.Errorf("control variate: %w", fedavg.ErrEmpty)
	}
	n := float64(c.nodes)
	if err := store(next, func(i int) float64 { return float64(before[i]) + c.sum[i]/n }); err != nil {
		return fmt.Errorf("control variate: %w", err)
	}
	return nil
}
