package attacks

import "math"

// moments returns the mean and the standard deviation (divided by n) of the
// honest values of each coordinate.
func moments(honest [][]float32) (mean, deviation []float64) {
	n := float64(len(honest))
	mean, deviation = make([]float64, len(honest[0])), make([]float64, len(honest[0]))
	for i := range mean {
		for _, u := range honest {
			mean[i] += float64(u[i])
		}
		mean[i] /= n
		for _, u := range honest {
			d := float64(u[i]) - mean[i]
			deviation[i] += float64(d * d)
		}
		deviation[i] = math.Sqrt(deviation[i] / n)
	}
	return mean, deviation
}

// LittleIsEnough sends mean − z·deviation in every coordinate, z being as large
// as still leaves the attackers closer to the mean than enough honest nodes
// (Baruch et al. 2019, Algorithm 3): with n nodes, f of them hostile, and
// s = ⌊n/2⌋+1−f, z = Φ⁻¹((n−f−s)/(n−f)).
func LittleIsEnough(s Scene) [][]float32 {
	mean, deviation := moments(s.Honest)
	z := margin(len(s.Honest)+s.Bad, s.Bad)
	return each(s, func(_, i int) float64 { return mean[i] - float64(z*deviation[i]) })
}

// margin is z of LittleIsEnough, at least 0 and, where the attackers need no
// honest help, 3.
func margin(n, f int) float64 {
	need := n/2 + 1 - f
	if need <= 0 {
		return 3
	}
	p := float64(n-f-need) / float64(n-f)
	return max(0, math.Sqrt2*math.Erfinv(2*p-1))
}

// InnerProduct sends −ε·mean with ε = 0.5: small enough to pass for honest,
// and where it enters an average the product with the true mean shrinks or
// turns (Xie et al. 2020).
func InnerProduct(s Scene) [][]float32 {
	mean, _ := moments(s.Honest)
	return each(s, func(_, i int) float64 { return -0.5 * mean[i] })
}

// MinMax sends mean − γ·deviation with the largest γ for which the lie is no
// further from any honest update than the two most distant honest ones are
// from each other (Shejwalkar and Houmansadr 2021, equation 6, direction
// "inverse standard deviation"), found by bisection.
func MinMax(s Scene) [][]float32 {
	mean, deviation := moments(s.Honest)
	limit := 0.0
	for i, a := range s.Honest {
		for _, b := range s.Honest[:i] {
			limit = max(limit, squared(len(a), func(k int) float64 { return float64(a[k]) - float64(b[k]) }))
		}
	}
	fits := func(gamma float64) bool {
		for _, a := range s.Honest {
			if squared(len(a), func(k int) float64 { return mean[k] - float64(gamma*deviation[k]) - float64(a[k]) }) > limit {
				return false
			}
		}
		return true
	}
	low, high := 0.0, 1.0
	for fits(high) && high < 1<<20 {
		low, high = high, 2*high
	}
	for range 40 {
		if middle := (low + high) / 2; fits(middle) {
			low = middle
		} else {
			high = middle
		}
	}
	return each(s, func(_, i int) float64 { return mean[i] - float64(low*deviation[i]) })
}

// squared returns Σ d(k)² over n coordinates.
func squared(n int, d func(k int) float64) float64 {
	sum := 0.0
	for k := range n {
		v := d(k)
		sum += float64(v * v)
	}
	return sum
}
