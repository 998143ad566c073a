package workers

import (
	"context"
	"fmt"
	"math"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training/fedavg"
	"codeberg.org/althing/althing/training/rounds"
)

// stretch is how much longer than the usual update of the round, as it came,
// one may become by being divided by its steps.
const stretch = 2

// shorten gives the lengths to which updates are clipped before FedNova divides
// them by their steps, so that no report of few steps wins by it: a node that
// trained for 400 steps and tells of one would pull 400 times as hard, beyond
// every other limit. An honest node's update grows with its steps, no faster,
// so that divided by few of them it comes to about what the others send; it is
// clipped where it comes to more than twice their median. Where all did as many
// steps nothing is stretched, and nil is returned.
func (c *combiner) shorten(ctx context.Context) (map[governance.NodeID]float64, error) {
	norms := map[governance.NodeID]float64{}
	total, steps, even := 0.0, 0.0, true
	last := 0.0
	for _, u := range c.in.Updates {
		weight := float64(c.mean.Counted[u.Node])
		if weight == 0 || c.decisions[u.Node].excluded {
			continue
		}
		norm, err := c.normalised(u)
		if err != nil {
			return nil, fmt.Errorf("update of node %d: %w", u.Node, err)
		}
		even = even && (len(norms) == 0 || norm == last)
		norms[u.Node], last = norm, norm
		total, steps = total+weight, steps+float64(weight*norm)
	}
	if even {
		return nil, nil
	}
	var lengths []float64
	if err := c.each(ctx, func(u rounds.Update, change, _ []float32) error {
		if _, ok := norms[u.Node]; ok {
			lengths = append(lengths, fedavg.Norm(change))
		}
		return nil
	}); err != nil {
		return nil, err
	}
	usual, err := fedavg.MedianNorm(lengths)
	if err != nil {
		return nil, err
	}
	limits := map[governance.NodeID]float64{}
	for node, norm := range norms {
		limits[node] = max(float64(stretch*usual)*norm/(steps/total), math.SmallestNonzeroFloat64)
	}
	return limits, nil
}
