package optim

import (
	"fmt"
	"math"

	"codeberg.org/althing/althing/training/tensor"
)

// Clip scales the gradient to the L2 norm limit if its norm is larger, and
// returns the norm before. A limit of 0 leaves the gradient as it is. A norm
// that is not finite is an error: such a step would destroy the weights.
func Clip(gradient *tensor.Params, limit float64) (float64, error) {
	norm := gradient.Norm()
	if math.IsNaN(norm) || math.IsInf(norm, 0) {
		return norm, fmt.Errorf("clip gradient: its norm is %v", norm)
	}
	if limit > 0 && norm > limit {
		tensor.Scale(gradient.Data, gradient.Data, float32(limit/norm))
	}
	return norm, nil
}
