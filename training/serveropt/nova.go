package serveropt

import (
	"fmt"
	"math"
	"sync/atomic"

	"codeberg.org/althing/althing/training/fedavg"
)

// maxSteps bounds the steps of a node in a round; the norms below take as many
// additions.
const maxSteps = 1 << 24

// NormSGD returns ‖a‖₁ of a node that took steps plain SGD steps at a constant
// rate: their number (Wang et al. 2020, section 4.1). It also serves for AdamW,
// whose steps have a size of their own, as an approximation that the paper does
// not cover.
func NormSGD(steps int) (float64, error) {
	if steps < 1 || steps > maxSteps {
		return 0, fmt.Errorf("normalise %d steps, want 1 to %d", steps, maxSteps)
	}
	return float64(steps), nil
}

// NormMomentum returns ‖a‖₁ of SGD with momentum ρ that begins each round
// anew: a_k = (1−ρ^(τ−k))/(1−ρ) for step k = 0 … τ−1, which sums to
// [τ − ρ(1−ρ^τ)/(1−ρ)]/(1−ρ) (the same, Appendix B). It is added up, smallest
// first.
func NormMomentum(steps int, rho float64) (float64, error) {
	if steps < 1 || steps > maxSteps || !(rho >= 0 && rho < 1) {
		return 0, fmt.Errorf("normalise %d steps of momentum %v, want 1 to %d and 0 to less than 1", steps, rho, maxSteps)
	}
	norm, a := 0.0, 0.0
	for range steps {
		a = float64(rho*a) + 1
		norm += a
	}
	return norm, nil
}

// NormProx returns ‖a‖₁ of SGD with FedProx's term: a_k = (1−αμ)^(τ−1−k) with
// α the rate of the nodes and μ the strength (the same, Appendix B). It is
// added up, largest first.
func NormProx(steps int, alpha, mu float64) (float64, error) {
	keep := 1 - float64(alpha*mu)
	if steps < 1 || steps > maxSteps || !(alpha > 0) || !(mu >= 0) || !(keep > 0) {
		return 0, fmt.Errorf("normalise %d steps at rate %v with proximal strength %v, want 1 to %d steps and a product below 1", steps, alpha, mu, maxSteps)
	}
	norm, a := 0.0, 1.0
	for range steps {
		norm += a
		a = float64(a * keep)
	}
	return norm, nil
}

// Nova accumulates the normalised mean of FedNova (Wang, Liu, Liang, Joshi,
// Poor 2020, equation 9):
//
//	d = τ_eff·Σ p_i·Δ_i/‖a_i‖₁        τ_eff = Σ p_i·‖a_i‖₁        p_i = n_i/Σn
//
// so that a node that took 2,000 steps pulls in its own direction no harder
// than one that took 20, and a node whose hours ended early counts for what it
// did. With equal ‖a‖₁ it is the plain mean. It takes one update at a time and
// 8 bytes per parameter. Add in ascending order of node id.
type Nova struct {
	sum   []float64 // Σ n_i/‖a_i‖₁·Δ_i
	total int64     // Σ n_i
	steps float64   // Σ n_i·‖a_i‖₁
}

// NewNova returns a mean of updates of dim parameters, without any yet.
func NewNova(dim int) *Nova { return &Nova{sum: make([]float64, dim)} }

// Add adds an update with its weight n_i (examples) and its ‖a_i‖₁, from one
// of the Norm functions and the steps that the node reported. Into refuses the
// mean if a value was not finite.
func (n *Nova) Add(update []float32, weight int64, norm float64) error {
	switch {
	case len(update) != len(n.sum):
		return fmt.Errorf("normalised mean: update of %d parameters, want %d", len(update), len(n.sum))
	case weight < 1 || weight > 1<<53-n.total:
		return fmt.Errorf("normalised mean: weight %d after %d, want a positive weight and a sum of at most 2^53", weight, n.total)
	case !(norm >= 1) || math.IsInf(norm, 0):
		return fmt.Errorf("normalised mean: ‖a‖₁ = %v, want 1 or more", norm)
	}
	n.total += weight
	n.steps += float64(float64(weight) * norm)
	w := float64(weight) / norm
	fedavg.Split(len(update), 1<<15, func(from, to int) { fedavg.Accumulate(n.sum[from:to], update[from:to], w) })
	return nil
}

// Effective returns τ_eff, the steps that the round amounts to.
func (n *Nova) Effective() float64 { return n.steps / float64(n.total) }

// Into sets dst to the normalised mean, rounded once to float32.
func (n *Nova) Into(dst []float32) error {
	if len(dst) != len(n.sum) {
		return fmt.Errorf("normalised mean: %d places for %d parameters", len(dst), len(n.sum))
	}
	if n.total == 0 {
		return fmt.Errorf("normalised mean: %w", fedavg.ErrEmpty)
	}
	total, effective := float64(n.total), n.Effective()
	return store(dst, func(i int) float64 { return float64(effective * (n.sum[i] / total)) })
}

// store sets dst to f, rounded to float32, and refuses what is not finite.
func store(dst []float32, f func(i int) float64) error {
	var bad atomic.Bool
	fedavg.Split(len(dst), 1<<15, func(from, to int) {
		odd := uint32(0)
		for i := from; i < to; i++ {
			dst[i] = float32(f(i))
			odd |= fedavg.NotFinite(dst[i])
		}
		if odd != 0 {
			bad.Store(true)
		}
	})
	if bad.Load() {
		return fedavg.ErrNotFinite
	}
	return nil
}
