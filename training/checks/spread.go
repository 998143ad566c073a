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
	z := slices.Clone(values)
	scoresIn(z, make([]float64, len(z)), floor)
	return z
}

// scoresIn puts the z-scores in the place of the values; room is as long as they.
func scoresIn(values, room []float64, floor float64) {
	copy(room, values)
	middle := selectMiddle(room)
	for i, v := range values {
		room[i] = math.Abs(v - middle)
	}
	size := max(float64(1.4826*selectMiddle(room)), floor)
	for i, v := range values {
		d := v - middle
		if values[i] = 0; d != 0 {
			values[i] = d / size
		}
	}
}

// median is the mean of the two middle values where their number is even.
func median(values []float64) float64 { return selectMiddle(slices.Clone(values)) }

// selectMiddle is median, and leaves v in another order. It looks for the value
// of the middle rank as quicksort does, in the half where that is (Hoare 1961,
// Algorithm 65), and takes the smallest of those above for the other.
func selectMiddle(v []float64) float64 {
	n := len(v)
	rank := (n - 1) / 2
	low, high := 0, n-1
	for low < high {
		pivot := middleOf(v[low], v[low+(high-low)/2], v[high])
		i, j := low, high
		for i <= j {
			for v[i] < pivot {
				i++
			}
			for v[j] > pivot {
				j--
			}
			if i <= j {
				v[i], v[j] = v[j], v[i]
				i, j = i+1, j-1
			}
		}
		switch {
		case rank <= j:
			high = j
		case rank >= i:
			low = i
		default:
			low, high = rank, rank
		}
	}
	if n%2 == 1 {
		return v[rank]
	}
	return (v[rank] + slices.Min(v[rank+1:])) / 2
}

// middleOf is the middle one of three.
func middleOf(a, b, c float64) float64 { return max(min(a, b), min(max(a, b), c)) }

// cosine of two vectors by their product and their squared norms; 0 where one
// of them is nothing.
func cosine(product, a, b float64) float64 {
	if a <= 0 || b <= 0 {
		return 0
	}
	return min(1, max(-1, product/float64(math.Sqrt(a)*math.Sqrt(b))))
}
