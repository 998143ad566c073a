package fedavg

import (
	"fmt"
	"math"
	"math/bits"
)

// Norm returns the L2 norm of update. The squares of float32 are exact in
// float64 and are summed from the first to the last, so the result is the same
// bits everywhere, and the same as safetensors.Receive computes.
func Norm(update []float32) float64 {
	sum := 0.0
	for _, u := range update {
		sum += float64(u) * float64(u)
	}
	return math.Sqrt(sum)
}

// Clip scales update down to an L2 norm of at most limit, in place, and
// returns the norm that it had (McMahan, Ramage, Talwar, Zhang 2018, Section
// 2: u·min(1, S/‖u‖)). Afterwards Norm(update) ≤ limit holds exactly, rounding
// included, so that a server which refuses a larger norm takes it. An update
// within the limit is left as it is; a limit of 0 leaves every update.
func Clip(update []float32, limit float64) float64 {
	before := Norm(update)
	if limit <= 0 {
		return before
	}
	factor := limit / before
	for now := before; now > limit; now = Norm(update) {
		for i, u := range update {
			update[i] = float32(float64(u) * factor)
		}
		factor = 1 - 0x1p-22 // rounding left it a hair above: two units less, and look again
	}
	return before
}

// CapWeights lowers weights until no member holds more than num/den of their
// sum, and changes no more than that asks: the result is min(w_k, c) for the
// largest whole c that obeys the cap ("water-filling"). So a member that claims
// a million examples counts as c of them, and all others keep their own.
// Members of weight 0 take no part.
//
// With n members someone always holds 1/n, so n·num must reach den.
func CapWeights(weights []int64, num, den int64) ([]int64, error) {
	if num < 1 || den < num || den > 1<<31 {
		return nil, fmt.Errorf("cap weights: share %d/%d, want a fraction of at most 1", num, den)
	}
	members, total, highest := int64(0), int64(0), int64(0)
	for _, w := range weights {
		if w < 0 || w > maxTotal-total {
			return nil, fmt.Errorf("cap weights: weight %d after %d, want 0 or more and a sum of at most %d", w, total, int64(maxTotal))
		}
		if w > 0 {
			members++
		}
		total += w
		highest = max(highest, w)
	}
	if members*num < den {
		return nil, fmt.Errorf("cap weights: %d members cannot each hold at most %d/%d", members, num, den)
	}
	// den·c ≤ num·Σ min(w,c) holds from 1 up to some c and for none above it,
	// because the right side is concave in c.
	low, high := int64(1), highest
	for low < high {
		c := low + (high-low+1)/2
		sum := int64(0)
		for _, w := range weights {
			sum += min(w, c)
		}
		if lessOrEqual(den, c, num, sum) {
			low = c
		} else {
			high = c - 1
		}
	}
	capped := make([]int64, len(weights))
	for i, w := range weights {
		capped[i] = min(w, low)
	}
	return capped, nil
}

// lessOrEqual reports a·b ≤ c·d for numbers of 0 or more, in 128 bits.
func lessOrEqual(a, b, c, d int64) bool {
	leftHigh, leftLow := bits.Mul64(uint64(a), uint64(b))
	rightHigh, rightLow := bits.Mul64(uint64(c), uint64(d))
	return leftHigh < rightHigh || leftHigh == rightHigh && leftLow <= rightLow
}
