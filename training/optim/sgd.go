package optim

import (
	"fmt"

	"codeberg.org/althing/althing/training/tensor"
)

// SGD is w = w - η·(g + λw), the plain step of FederatedSGD and of gradient
// ascent (a negative rate from its schedule).
type SGD struct {
	Rate     Schedule
	Decay    float64 // λ
	ClipNorm float64 // of the gradient; 0 leaves it as it is
	step     int
}

// Update clips the gradient in place and changes the weights. A gradient that
// is not finite is refused and changes nothing.
func (s *SGD) Update(weights, gradient *tensor.Params) error {
	if _, err := Clip(gradient, s.ClipNorm); err != nil {
		return fmt.Errorf("update weights in step %d: %w", s.step+1, err)
	}
	if gradient.Len() != weights.Len() {
		return fmt.Errorf("update %d weights: the gradient has %d elements", weights.Len(), gradient.Len())
	}
	rate, decay := float32(s.Rate(s.step)), float32(s.Decay)
	s.step++
	w := weights.Data
	for i, g := range gradient.Data {
		w[i] -= float32(rate * (g + float32(decay*w[i])))
	}
	return nil
}
