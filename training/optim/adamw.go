package optim

import (
	"fmt"
	"math"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/tensor"
)

// AdamW keeps two moments per weight (Loshchilov and Hutter 2019, Algorithm 2;
// decay decoupled and scaled by the learning rate, as in PyTorch):
//
//	m = β₁m + (1-β₁)g            v = β₂v + (1-β₂)g²
//	w = w - (η/(1-β₁ᵗ))·m/(√v/√(1-β₂ᵗ) + ε) - ηλw
//
// Tensors of one dimension (the gains of norms) are not decayed.
type AdamW struct {
	Rate              Schedule
	Beta1, Beta2, Eps float64
	Decay             float64 // λ
	ClipNorm          float64 // of the gradient; 0 leaves it as it is
	Norm              float64 // of the last gradient before clipping
	step              int
	power1, power2    float64 // β₁ᵗ, β₂ᵗ as running products
	moment1, moment2  []float32
	team              *tensor.Team
}

// New returns the optimiser that the hyperparameters of a round describe, with
// fresh moments and a constant rate.
func New(h training.Hyperparams, threads int) *AdamW {
	return &AdamW{Rate: Constant(h.LearnRate), Beta1: h.Beta1, Beta2: h.Beta2, Eps: h.Epsilon,
		Decay: h.WeightDecay, ClipNorm: h.ClipNorm, team: tensor.Threads(threads)}
}

// Steps returns the number of updates made.
func (a *AdamW) Steps() int { return a.step }

// Update clips the gradient in place and changes the weights. A gradient that
// is not finite is refused and changes nothing.
func (a *AdamW) Update(weights, gradient *tensor.Params) error {
	norm, err := Clip(gradient, a.ClipNorm)
	if err != nil {
		return fmt.Errorf("update weights in step %d: %w", a.step+1, err)
	}
	if a.moment1 == nil {
		a.moment1, a.moment2 = make([]float32, weights.Len()), make([]float32, weights.Len())
		a.power1, a.power2 = 1, 1
	}
	if len(a.moment1) != weights.Len() || gradient.Len() != weights.Len() {
		return fmt.Errorf("update %d weights: the gradient has %d and the moments %d elements", weights.Len(), gradient.Len(), len(a.moment1))
	}
	if a.team == nil {
		a.team = tensor.Threads(1)
	}
	a.Norm = norm
	rate := a.Rate(a.step)
	a.step++
	a.power1, a.power2 = float64(a.power1*a.Beta1), float64(a.power2*a.Beta2)
	k := tensor.AdamWStep{
		B1: float32(a.Beta1), C1: float32(1 - a.Beta1), B2: float32(a.Beta2), C2: float32(1 - a.Beta2),
		Eps: float32(a.Eps), Rate: float32(rate / (1 - a.power1)), Root: float32(1 / math.Sqrt(1-a.power2)),
	}
	at := 0
	for _, s := range weights.Specs() {
		lo, n := at, s.Len()
		at += n
		if k.Decay = 0; len(s.Shape) > 1 {
			k.Decay = float32(rate * a.Decay)
		}
		a.team.Split(n, 1024, func(_, from, to int) {
			from, to = lo+from, lo+to
			k.Update(weights.Data[from:to], gradient.Data[from:to], a.moment1[from:to], a.moment2[from:to])
		})
	}
	return nil
}
