package fedavg

import "math"

// block is the number of parameters whose sums (8 bytes each) stay in the
// nearest cache while a cohort passes over them.
const block = 2048

// Accumulate adds w·u to sum, parameter by parameter: the product is rounded
// to float64 by itself and never fused, so every processor gets the same bits.
// It is the inner step of all weighted sums of the toolbox. sum has at least
// the length of u.
func Accumulate(sum []float64, u []float32, w float64) {
	sum = sum[:len(u)]
	for i := accumulateHead(sum, u, w); i < len(u); i++ {
		sum[i] += float64(w * float64(u[i])) // the conversion forbids a fused multiply-add
	}
}

// NotFinite returns a number with the sign bit set when v is NaN or infinite,
// and 0 when it is finite. Or-ing the answers checks a million values without
// a branch for each.
func NotFinite(v float32) uint32 {
	return (math.Float32bits(v)&0x7f80_0000 + 0x0080_0000) & 0x8000_0000
}

// Finite reports whether no value of v is NaN or infinite.
func Finite(v []float32) bool {
	n, ok := finiteHead(v)
	odd := uint32(0)
	for _, x := range v[n:] {
		odd |= NotFinite(x)
	}
	return ok && odd == 0
}
