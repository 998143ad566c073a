package llama

import (
	"math"

	"codeberg.org/althing/althing/training/tensor"
)

// source is SplitMix64 (Steele, Lea and Flood 2014): a seed in the log names
// the whole stream, and no library can change it under us.
type source uint64

func (s *source) next() uint64 {
	*s += 0x9e3779b97f4a7c15
	z := uint64(*s)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// uniform returns a multiple of 2⁻⁵³ in [0, 1).
func (s *source) uniform() float64 { return float64(float64(s.next()>>11) / (1 << 53)) }

// normal returns a standard normal value (Box and Muller 1958, the cosine
// half), with the logarithm and the cosine of arith/1.
func (s *source) normal() float64 {
	u, v := 1-s.uniform(), s.uniform()
	return math.Sqrt(float64(-2*tensor.Log64(u))) * tensor.Cos64(float64(2*math.Pi*v))
}
