package tensor

import "math"

// FMA returns a·b + c with one rounding to binary32, as the fused instruction
// of a processor does. It needs no such instruction: the product is exact in
// binary64, and the sum is rounded to odd before it is rounded to binary32,
// which leaves a single rounding (Boldo and Melquiond 2008).
func FMA(a, b, c float32) float32 {
	p := float64(a) * float64(b)
	s := p + float64(c)
	if awkward(s) {
		return roundOdd(p, float64(c), s)
	}
	return float32(s)
}

// awkward reports whether rounding s to binary32 could differ from rounding
// the exact sum that s stands for: s lies exactly between two neighbours, or
// is below the normal range, where neighbours lie elsewhere.
func awkward(s float64) bool {
	u := math.Float64bits(s)
	return u&0x1fffffff == 0x10000000 || u<<1 < (1023-126)<<53
}

// roundOdd rounds p + c, whose binary64 sum is s, to odd and then to binary32.
// A compiler may fuse the exact product p into a sum; no bit depends on it.
func roundOdd(p, c, s float64) float32 {
	t := s - p
	e := (p - (s - t)) + (c - t) // TwoSum: s + e = p + c exactly
	u := math.Float64bits(s)
	if e != 0 && u&1 == 0 {
		if (e > 0) == (s > 0) {
			u++
		} else {
			u--
		}
	}
	return float32(math.Float64frombits(u))
}
