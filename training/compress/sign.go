package compress

import (
	"fmt"
	"math"
)

// appendSigns writes the header with the scale (‖p‖₁/d) and one bit per
// parameter, set where p < 0, lowest bit first (Karimireddy et al. 2019,
// Algorithm 1). The residual becomes p − sent.
//
// All is counted on a grid g, a power of two with max|p| < 2²⁴·g: p is rounded
// to whole multiples of g, the scale is the mean of their magnitudes rounded
// to a whole multiple, and so the difference is a whole multiple below 2²⁴ and
// exact in float32. Without the grid 10⁻¹⁰ − 1 would be −1 and the 10⁻¹⁰ lost.
func appendSigns(b []byte, h Header, p, residual []float32) []byte {
	most := float32(0)
	for _, v := range p {
		most = max(most, v, -v)
	}
	_, exponent := math.Frexp(float64(most)) // most < 2^exponent
	grid := math.Ldexp(1, max(exponent-24, -149))
	perGrid := 1 / grid
	sum := uint64(0) // at most 2²⁴·2³¹
	for i, v := range p {
		steps := math.RoundToEven(float64(v) * perGrid) // the product is exact, and 2²⁴ fits in float32 too
		residual[i] = float32(steps)
		sum += uint64(math.Abs(steps))
	}
	d := uint64(len(p))
	mean := float64((sum + d/2) / d)
	h.Scale = float32(mean * grid)
	b = h.append(b)
	bits := byte(0)
	for i, steps := range residual {
		negative := negatives(steps)
		bits |= byte(negative << (i & 7))
		residual[i] = float32((float64(steps) - signed(mean, negative)) * grid)
		if i&7 == 7 || i == len(p)-1 {
			b = append(b, bits)
			bits = 0
		}
	}
	return b
}

// negatives is 1 for a whole number below 0 and 0 for zeros of either sign;
// like signed it has no branch, because signs are what a processor cannot
// predict.
func negatives(v float32) uint32 { return uint32(int32(v)) >> 31 }

func signed(mean float64, negative uint32) float64 {
	return math.Float64frombits(math.Float64bits(mean) | uint64(negative)<<63)
}

func readSigns(dst []float32, body []byte, scale float32) error {
	if spare := len(dst) & 7; spare != 0 && body[len(body)-1]>>spare != 0 {
		return fmt.Errorf("bits after the last element are set: %w", ErrFormat)
	}
	bits := math.Float32bits(scale)
	for i := range dst {
		negative := uint32(body[i>>3]>>(i&7)) & 1
		dst[i] = math.Float32frombits(bits | negative<<31)
	}
	return nil
}
