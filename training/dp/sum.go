package dp

import (
	"errors"
	"fmt"
	"io"
	"math"
)

// sigma is the noise in steps of the grid: 2²⁰ to one standard deviation, so
// that the cut towards zero costs each member less than a millionth of it.
const sigma = 1 << 20

// ErrReleased says that a sum has been published once; a second time, with
// other noise, would be spent a second time.
var ErrReleased = errors.New("the sum was released")

// Sum adds up members' updates on the grid and releases their noisy mean once.
// It holds 8 bytes per parameter and no update.
type Sum struct {
	clip, grid float64 // C, and the length of one step
	limit      int64   // (sensitivity in steps)², at most 2⁵⁴
	total      []int64
	members    int
	released   bool
}

// NewSum is for updates of d parameters, clipped to an L2 norm of clip, with
// noise of standard deviation noise·clip on the sum. For 0.01 ≤ noise ≤ 1,000
// the sensitivity is 2²⁰/noise steps, rounded down.
func NewSum(d int, clip, noise float64) (*Sum, error) {
	if d < 1 || !(clip >= 1e-12 && clip <= 1e12) || !(noise >= 0.01 && noise <= 1000) {
		return nil, fmt.Errorf("private sum of %d parameters with clip norm %g and noise %g: want noise of 0.01 to 1000", d, clip, noise)
	}
	steps := sigma / noise
	limit := float64(steps*steps) * (1 - 1e-12) // less than the true square, whatever float64 rounded
	return &Sum{clip: clip, grid: clip * noise / sigma, limit: int64(limit), total: make([]int64, d)}, nil
}

// Add clips one member's update and adds it: Δ·min(1, C/‖Δ‖), cut to whole
// steps towards zero. It reports whether the norm was within the clip norm,
// the bit of which NextClip wants the count. The update is not changed. The
// caller adds the nodes of a member together first.
//
// That the norm in whole steps is within the sensitivity is checked as such,
// and the update shortened by a millionth more where float64 rounded it up.
func (s *Sum) Add(update []float32) (within bool, err error) {
	if s.released {
		return false, fmt.Errorf("add to a private sum: %w", ErrReleased)
	}
	if len(update) != len(s.total) {
		return false, fmt.Errorf("add to a private sum of %d parameters: %d", len(s.total), len(update))
	}
	squares := 0.0
	for i, u := range update {
		if math.Float32bits(u)>>23&0xff == 0xff {
			return false, fmt.Errorf("add to a private sum: element %d is %v", i, u)
		}
		squares += float64(u) * float64(u)
	}
	norm := math.Sqrt(squares)
	within = norm <= s.clip
	factor := 1 / s.grid
	if !within {
		factor = s.clip / norm / s.grid
	}
	for s.measure(update, factor) > s.limit {
		factor *= 1 - 1e-6
	}
	for i, u := range update {
		s.total[i] += int64(float64(u) * factor)
	}
	s.members++
	return within, nil
}

// measure returns the squared norm of the update in whole steps, exactly.
func (s *Sum) measure(update []float32, factor float64) int64 {
	squares := int64(0)
	for _, u := range update {
		steps := int64(float64(u) * factor)
		squares += steps * steps
	}
	return squares
}

// Members returns how many updates were added.
func (s *Sum) Members() int { return s.members }

// Release adds the noise, reading from random, and sets dst to the mean: the
// noisy sum divided by expected, a count fixed before anyone reported, so that
// the divisor gives nobody away (McMahan et al. 2018, Section 2.2, the
// estimator with a fixed denominator). It works once.
func (s *Sum) Release(dst []float32, expected int, random io.Reader) error {
	if s.released {
		return fmt.Errorf("release a private sum: %w", ErrReleased)
	}
	if len(dst) != len(s.total) || expected < 1 {
		return fmt.Errorf("release a private sum of %d parameters to %d, divided by %d", len(s.total), len(dst), expected)
	}
	s.released = true // also when the noise fails: the total may hold some of it
	if err := addNoise(s.total, sigma, random); err != nil {
		return err
	}
	per := s.grid / float64(expected)
	for i, t := range s.total {
		dst[i] = float32(float64(t) * per)
	}
	clear(s.total)
	return nil
}
