// Package fedavg combines the updates of a cohort as FederatedAveraging does
// (McMahan, Moore, Ramage, Hampson, Agüera y Arcas 2017, Algorithm 1): the mean
// of what the nodes changed, weighted by their examples n_k. Around the mean
// stand the two limits on how far one node can pull it: the L2 norm of its
// update and its share of the weight.
//
// Everything here is summed in float64 and in the order given, so that anyone
// who holds the same updates computes the same bytes.
package fedavg

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
)

// Mean accumulates Σ n_k·u_k, one update at a time: its memory is 8 bytes per
// parameter whatever the size of the cohort. Add updates in ascending order of
// node id; the order is part of the result.
type Mean struct {
	sum   []float64
	total int64
}

// maxTotal is the largest Σ n_k: up to here the weights and their sum are
// exact in float64.
const maxTotal = 1 << 53

// ErrEmpty says that there is no update to average.
var ErrEmpty = errors.New("no update to average")

// NewMean returns a mean of updates of dim parameters, without any yet.
func NewMean(dim int) *Mean { return &Mean{sum: make([]float64, dim)} }

// Add adds one update with weight n_k, its examples. The update is not kept.
// Values must be finite; safetensors.Receive sees to that at the door.
func (m *Mean) Add(update []float32, weight int64) error {
	if len(update) != len(m.sum) {
		return fmt.Errorf("average: update of %d parameters, want %d", len(update), len(m.sum))
	}
	if weight < 1 || weight > maxTotal-m.total {
		return fmt.Errorf("average: weight %d after %d, want a positive weight and a sum of at most %d", weight, m.total, int64(maxTotal))
	}
	m.total += weight
	w := float64(weight)
	parts(len(update), func(from, to int) {
		part := update[from:to]
		sum := m.sum[from:to][:len(part)] // one length for both spares a check per element
		for i, u := range part {
			sum[i] += float64(w * float64(u)) // the conversion forbids a fused multiply-add
		}
	})
	return nil
}

// Total returns Σ n_k so far.
func (m *Mean) Total() int64 { return m.total }

// Into sets dst to Σ n_k·u_k / Σ n_k, rounded once to float32. More updates
// may follow.
func (m *Mean) Into(dst []float32) error {
	if len(dst) != len(m.sum) {
		return fmt.Errorf("average: %d places for %d parameters", len(dst), len(m.sum))
	}
	if m.total == 0 {
		return fmt.Errorf("average: %w", ErrEmpty)
	}
	total := float64(m.total)
	parts(len(dst), func(from, to int) {
		sum := m.sum[from:to]
		for i := range sum {
			dst[from+i] = float32(sum[i] / total)
		}
	})
	return nil
}

// parts calls f for ranges that cover 0 to n, on all processors when there is
// enough to do. Parameters do not meet each other in a mean, so the split does
// not change a bit.
func parts(n int, f func(from, to int)) {
	const worth = 1 << 16 // parameters that outweigh starting a goroutine
	workers := min(runtime.GOMAXPROCS(0), n/worth)
	if workers < 2 {
		f(0, n)
		return
	}
	var wait sync.WaitGroup
	for k := range workers {
		wait.Go(func() { f(n*k/workers, n*(k+1)/workers) })
	}
	wait.Wait()
}
