package fedavg

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// Norm returns the L2 norm of update. The squares of float32 are exact in
// float64 and are summed from the first to the last, so the result is the same
// bits everywhere, and the same as safetensors.Receive computes.
func Norm(update []float32) float64 {
	sum := 0.0
	for _, u := range update {
		sum += float64(float64(u) * float64(u)) // exact, so that fusing would change nothing
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

// MedianNorm returns the norm that norm clipping against the usual uses
// (Sun, Kairouz, Suresh, McMahan 2019, with the bound taken from the cohort
// instead of a constant): the value of rank ⌈n/2⌉ among norms, in ascending
// order. It is one of the norms and no mean of two, so that fewer than half of
// the nodes can neither push it over the largest honest norm nor under the
// smallest. A running median gives the norms of the last rounds together with
// those of this one. Norms must be finite and 0 or more; the order of the list
// is of no account, and the list is left as it is.
func MedianNorm(norms []float64) (float64, error) {
	if len(norms) == 0 {
		return 0, fmt.Errorf("median of norms: %w", ErrEmpty)
	}
	sorted := slices.Clone(norms)
	for i, n := range norms {
		if !(n >= 0) || math.IsInf(n, 0) {
			return 0, fmt.Errorf("median of norms: norm %d is %v", i, n)
		}
	}
	slices.Sort(sorted)
	return sorted[(len(sorted)-1)/2], nil
}

// ClipFactor returns min(1, limit/norm), the factor that Clip applies first,
// for rules that scale an update while they read it. An update of norm 0 has
// factor 1.
func ClipFactor(norm, limit float64) float64 {
	if norm <= limit {
		return 1
	}
	return limit / norm
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
