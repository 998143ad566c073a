package robust

import (
	"fmt"
	"math"
	"slices"

	"codeberg.org/althing/althing/training/fedavg"
)

// GeometricMedian sets dst to the point that the smoothed Weiszfeld algorithm
// reaches after some iterations (RFA: Pillutla, Kakade, Harchaoui, Algorithm 2):
//
//	z₀ = Σ p_i·Δ_i        w_i = p_i / max(ν, ‖Δ_i − z‖)        z ← Σ w_i·Δ_i / Σ w_i
//
// weights are the p_i up to a common factor, such as examples. It bears bad
// updates of less than half of the weight. The paper uses ν = 1e-6 and 3 to 5
// iterations; their number is fixed, not a test of convergence, so that a
// replay takes the same steps. It refuses when the f heaviest updates could
// hold half of the weight. It returns the last w_i / Σ w, which say how much
// each update was believed, and reads the cohort once more than iterations.
func GeometricMedian(dst []float32, c Cohort, weights []int64, f int, nu float64, iterations int) ([]float64, error) {
	if err := check(c, dst, 2*f+1, "geometric median", f); err != nil {
		return nil, err
	}
	n, _ := c.Size()
	switch {
	case !(nu > 0) || math.IsInf(nu, 0) || iterations < 1:
		return nil, fmt.Errorf("geometric median: ν = %v and %d iterations, want both positive", nu, iterations)
	case len(weights) != n:
		return nil, fmt.Errorf("geometric median: %d weights for %d updates", len(weights), n)
	}
	p, err := shares(weights, f)
	if err != nil {
		return nil, fmt.Errorf("geometric median: %w", err)
	}
	w := make([]float64, n)
	copy(w, p)
	for range iterations {
		far, err := pass(nil, c, nil, 0, w)
		if err != nil {
			return nil, fmt.Errorf("geometric median: %w", err)
		}
		sum := 0.0
		for i, d := range far {
			w[i] = p[i] / max(nu, math.Sqrt(d))
			sum += w[i]
		}
		for i := range w {
			w[i] /= sum
		}
	}
	if _, err := pass(dst, c, nil, 0, w); err != nil {
		return nil, fmt.Errorf("geometric median: %w", err)
	}
	return w, nil
}

// shares returns weights as parts of 1, if the f heaviest are less than half.
func shares(weights []int64, f int) ([]float64, error) {
	total := int64(0)
	for i, w := range weights {
		if w < 1 || w > 1<<53-total {
			return nil, fmt.Errorf("weight %d of update %d, want a positive weight and a sum of at most 2^53", w, i)
		}
		total += w
	}
	if heavy := heaviest(weights, f); heavy >= total-heavy {
		return nil, fmt.Errorf("the %d heaviest of %d updates hold %d of the weight %d, want less than half: %w", f, len(weights), heavy, total, ErrTooFew)
	}
	p := make([]float64, len(weights))
	for i, w := range weights {
		p[i] = float64(w) / float64(total)
	}
	return p, nil
}

// CenteredClip sets dst to what iterations of centered clipping reach from
// start, the aggregate of the round before, or from zero when start is nil
// (Karimireddy, He, Jaggi 2021, equation CCLIP):
//
//	v ← v + (1/n) Σ (Δ_i − v)·min(1, τ/‖Δ_i − v‖)
//
// tau is a radius in the units of the updates: those further from v pull with
// the force of one at that distance. It refuses unless 2f < n; the paper proves
// its bound for f ≤ 0.15·n and shows it at work beyond. It returns the last
// factors min(1, τ/‖·‖) and reads the cohort once more than iterations.
func CenteredClip(dst []float32, c Cohort, start []float32, f int, tau float64, iterations int) ([]float64, error) {
	if err := check(c, dst, 2*f+1, "centered clipping", f); err != nil {
		return nil, err
	}
	n, dim := c.Size()
	switch {
	case !(tau > 0) || math.IsInf(tau, 0) || iterations < 1:
		return nil, fmt.Errorf("centered clipping: radius %v and %d iterations, want both positive", tau, iterations)
	case start != nil && len(start) != dim:
		return nil, fmt.Errorf("centered clipping: a start of %d parameters, want %d", len(start), dim)
	case !fedavg.Finite(start):
		return nil, fmt.Errorf("centered clipping: start: %w", fedavg.ErrNotFinite)
	}
	// v stays a convex combination a·start + Σ w_i·Δ_i, of which only the
	// factors are kept: v·(1 − Σc_i/n) + Σ c_i·Δ_i/n.
	a, w, clip := 1.0, make([]float64, n), make([]float64, n)
	for range iterations {
		far, err := pass(nil, c, start, a, w)
		if err != nil {
			return nil, fmt.Errorf("centered clipping: %w", err)
		}
		pull := 0.0
		for i, d := range far {
			clip[i] = fedavg.ClipFactor(math.Sqrt(d), tau)
			pull += clip[i]
		}
		keep := float64(float64(n)-pull) / float64(n)
		a = float64(a * keep)
		for i := range w {
			w[i] = float64(w[i]*keep) + clip[i]/float64(n)
		}
	}
	if _, err := pass(dst, c, start, a, w); err != nil {
		return nil, fmt.Errorf("centered clipping: %w", err)
	}
	return clip, nil
}

// pass forms z = a·start + Σ w_i·Δ_i a block at a time. With dst it stores z,
// rounded to float32; without, it returns ‖Δ_i − z‖² of each update.
func pass(dst []float32, c Cohort, start []float32, a float64, w []float64) ([]float64, error) {
	far := make([]float64, len(w))
	var cells []float64 // blocks × updates of one range, so that sums over blocks are in order
	err := walk(c, func(from int, part [][]float32) error {
		length := len(part[0])
		blocks := (length + Block - 1) / Block
		if len(cells) < blocks*len(w) {
			cells = make([]float64, blocks*len(w))
		}
		fedavg.Split(blocks, 1, func(lo, hi int) {
			var room [Block]float64
			for b := lo; b < hi; b++ {
				at, end := b*Block, min(b*Block+Block, length)
				z := room[:end-at]
				clear(z)
				if start != nil {
					fedavg.Accumulate(z, start[from+at:from+end], a)
				}
				for i, u := range part {
					fedavg.Accumulate(z, u[at:end], w[i])
				}
				if dst != nil {
					for k, v := range z {
						dst[from+at+k] = float32(v)
					}
					continue
				}
				for i, u := range part {
					cells[b*len(w)+i] = toPoint(u[at:end], z)
				}
			}
		})
		if dst == nil {
			for b := range blocks {
				for i := range far {
					far[i] += cells[b*len(w)+i]
				}
			}
		}
		return nil
	})
	return far, err
}

// heaviest returns the sum of the f largest weights.
func heaviest(weights []int64, f int) int64 {
	sorted := slices.Sorted(slices.Values(weights))
	sum := int64(0)
	for _, w := range sorted[len(sorted)-f:] {
		sum += w
	}
	return sum
}
