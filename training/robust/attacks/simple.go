package attacks

import (
	"math"

	"codeberg.org/althing/althing/training/tensor"
)

// each returns Bad updates, the k-th with f's values.
func each(s Scene, f func(k, i int) float64) [][]float32 {
	out := make([][]float32, s.Bad)
	for k := range out {
		out[k] = make([]float32, len(s.Honest[0]))
		for i := range out[k] {
			out[k][i] = float32(f(k, i))
		}
	}
	return out
}

// own is what hostile node k would have sent if it were honest.
func own(s Scene, k int) []float32 { return s.Honest[k%len(s.Honest)] }

// SignFlip sends the opposite of an honest update.
func SignFlip(s Scene) [][]float32 { return Scaled(s, -1) }

// Scaled sends an honest update times factor.
func Scaled(s Scene, factor float64) [][]float32 {
	return each(s, func(k, i int) float64 { return factor * float64(own(s, k)[i]) })
}

// Gaussian sends normal noise of ten times the root mean square of the honest
// values, from the seed by SplitMix64 (Steele, Lea, Flood 2014) and the cosine
// half of Box and Muller (1958).
func Gaussian(s Scene) [][]float32 {
	sum := 0.0
	for _, u := range s.Honest {
		for _, v := range u {
			sum += float64(float64(v) * float64(v))
		}
	}
	sigma := 10 * math.Sqrt(sum/float64(len(s.Honest)*len(s.Honest[0])))
	state := s.Seed
	uniform := func() float64 {
		state += 0x9e3779b97f4a7c15
		z := state
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		return float64((z^z>>31)>>11) / (1 << 53)
	}
	return each(s, func(int, int) float64 {
		u, v := 1-uniform(), uniform()
		return sigma * float64(math.Sqrt(float64(-2*tensor.Log64(u)))*tensor.Cos64(float64(2*math.Pi*v)))
	})
}

// SameValue sends one number in every place, ten times the largest honest one.
func SameValue(s Scene) [][]float32 {
	top := 0.0
	for _, u := range s.Honest {
		for _, v := range u {
			top = max(top, math.Abs(float64(v)))
		}
	}
	return each(s, func(int, int) float64 { return 10 * top })
}

// FreeRider sends what the last round changed, as if it had trained, or zeros
// in the first round.
func FreeRider(s Scene) [][]float32 {
	return each(s, func(_, i int) float64 {
		if s.Previous == nil {
			return 0
		}
		return float64(s.Previous[i])
	})
}

// NaN sends an honest update with one value that is no number, at a place that
// differs by node.
func NaN(s Scene) [][]float32 {
	return each(s, func(k, i int) float64 {
		if i == k%len(s.Honest[0]) {
			return math.NaN()
		}
		return float64(own(s, k)[i])
	})
}

// Duplicates sends one honest update, that of the first node turned by its
// sign in every second place, under all hostile names.
func Duplicates(s Scene) [][]float32 {
	return each(s, func(_, i int) float64 {
		if i%2 == 1 {
			return -float64(s.Honest[0][i])
		}
		return float64(s.Honest[0][i])
	})
}
