package optim

import (
	"math"

	"codeberg.org/althing/althing/training/tensor"
)

// Schedule gives the learning rate of a step, counted from 0.
type Schedule func(step int) float64

// Constant is the same rate for every step.
func Constant(rate float64) Schedule { return func(int) float64 { return rate } }

// Cosine rises linearly to rate over warmup steps and then falls as half a
// cosine to floor at step total, where it stays (Loshchilov and Hutter 2017,
// without restarts).
func Cosine(rate, floor float64, warmup, total int) Schedule {
	return func(step int) float64 {
		if step < warmup {
			return float64(rate*float64(step+1)) / float64(warmup)
		}
		if step >= total {
			return floor
		}
		part := float64(step-warmup) / float64(total-warmup)
		half := (1 + tensor.Cos64(float64(math.Pi*part))) / 2
		return floor + float64((rate-floor)*half)
	}
}
