package checks

import (
	"math"
	"slices"
)

// scores returns the robust z-scores of values: the distance from the median in
// units of 1.4826 times the median absolute deviation, which for normal values
// is the standard deviation (Hampel 1974). Of values that hardly differ the
// deviation says nothing, so the unit is at least floor.
func scores(values []float64, floor float64) []float64 {
	middle := median(values)
	away := make([]float64, len(values))
	for i, v := range values {
		away[i] = math.Abs(v - middle)
	}
	size := max(float64(1.4826*median(away)), floor)
	z := make([]float64, len(values))
	for i, v := range values {
		if d := v - middle; d != 0 {
			z[i] = d / size
		}
	}
	return z
}

// median is the mean of the two middle values where their number is even.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// cosine of two vectors by their product and their squared norms; 0 where one
// of them is nothing.
func cosine(product, a, b float64) float64 {
	if a <= 0 || b <= 0 {
		return 0
	}
	return min(1, max(-1, product/float64(math.Sqrt(a)*math.Sqrt(b))))
}
