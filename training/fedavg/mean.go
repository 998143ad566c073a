// Package fedavg combines the updates of a cohort as FederatedAveraging does
// (McMahan, Moore, Ramage, Hampson, Agüera y Arcas 2017, Algorithm 1): the mean
// of what the nodes changed, weighted by their examples n_k. Around the mean
// stand the limits on how far one node can pull it: the L2 norm of its update,
// at most a voted number and at most what is usual in the cohort, and its share
// of the weight.
//
// Everything here is summed in float64 and in the order given, so that anyone
// who holds the same updates computes the same bytes.
package fedavg

import (
	"errors"
	"fmt"
	"sync/atomic"
)

// Mean accumulates Σ n_k·u_k, one update at a time: its memory is 8 bytes per
// parameter whatever the size of the cohort. Add updates in ascending order of
// node id; the order is part of the result.
type Mean struct {
	dim   int
	sum   []float64
	total int64
}

// maxTotal is the largest Σ n_k: up to here the weights and their sum are
// exact in float64.
const maxTotal = 1 << 53

// worth is the number of parameters that outweighs starting a goroutine.
const worth = 1 << 15

// ErrNotFinite says that an update held NaN or an infinity.
var ErrNotFinite = errors.New("a value is not finite")

// ErrEmpty says that there is no update to average.
var ErrEmpty = errors.New("no update to average")

// NewMean returns a mean of updates of dim parameters, without any yet.
func NewMean(dim int) *Mean { return &Mean{dim: dim, sum: make([]float64, dim)} }

// Add adds one update with weight n_k, its examples. The update is not kept.
// Values must be finite: safetensors.Receive sees to that at the door, and Into
// gives no mean of others.
func (m *Mean) Add(update []float32, weight int64) error {
	if err := m.count(update, weight); err != nil {
		return err
	}
	Split(len(update), worth, func(from, to int) { Accumulate(m.sum[from:to], update[from:to], float64(weight)) })
	return nil
}

// count takes the weight of an update, if both are as they should be.
func (m *Mean) count(update []float32, weight int64) error {
	if len(update) != m.dim {
		return fmt.Errorf("average: update of %d parameters, want %d", len(update), m.dim)
	}
	if weight < 1 || weight > maxTotal-m.total {
		return fmt.Errorf("average: weight %d after %d, want a positive weight and a sum of at most %d", weight, m.total, int64(maxTotal))
	}
	m.total += weight
	return nil
}

// Total returns Σ n_k so far.
func (m *Mean) Total() int64 { return m.total }

// Into sets dst to Σ n_k·u_k / Σ n_k, rounded once to float32. More updates
// may follow. It refuses with ErrNotFinite, dst then being of no use, when an
// update was not finite: no sum of finite values reaches infinity here.
func (m *Mean) Into(dst []float32) error {
	if len(dst) != len(m.sum) {
		return fmt.Errorf("average: %d places for %d parameters", len(dst), len(m.sum))
	}
	if m.total == 0 {
		return fmt.Errorf("average: %w", ErrEmpty)
	}
	var bad atomic.Bool
	Split(len(dst), worth, func(from, to int) {
		if !divide(dst[from:to], m.sum[from:to], float64(m.total)) {
			bad.Store(true)
		}
	})
	if bad.Load() {
		return fmt.Errorf("average: %w", ErrNotFinite)
	}
	return nil
}

// Average sets dst to Σ n_k·u_k / Σ n_k of updates that are in memory, to the
// same bits as a Mean to which they are added in the order given: the sums of
// some parameters are divided while they are in the nearest cache, so that
// nothing is written but dst.
func Average(dst []float32, updates [][]float32, weights []int64) error {
	if len(updates) != len(weights) {
		return fmt.Errorf("average: %d updates with %d weights", len(updates), len(weights))
	}
	m := Mean{dim: len(dst)}
	for k, u := range updates {
		if err := m.count(u, weights[k]); err != nil {
			return fmt.Errorf("update %d: %w", k, err)
		}
	}
	if m.total == 0 {
		return fmt.Errorf("average: %w", ErrEmpty)
	}
	var bad atomic.Bool
	Split(len(dst), worth, func(from, to int) {
		var room [block]float64
		for ; from < to; from += block {
			end := min(from+block, to)
			sum := room[:end-from]
			clear(sum)
			for k, u := range updates {
				Accumulate(sum, u[from:end], float64(weights[k]))
			}
			if !divide(dst[from:end], sum, float64(m.total)) {
				bad.Store(true)
			}
		}
	})
	if bad.Load() {
		return fmt.Errorf("average: %w", ErrNotFinite)
	}
	return nil
}

// divide sets dst to sum/total, rounded once to float32, and reports whether
// all of it is finite.
func divide(dst []float32, sum []float64, total float64) bool {
	n, ok := divideHead(dst, sum, total)
	odd := uint32(0)
	for i, v := range sum[n:] {
		mean := float32(v / total)
		dst[n+i] = mean
		odd |= NotFinite(mean)
	}
	return ok && odd == 0
}
