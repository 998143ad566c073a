package compress

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// masked calls f with the k indices that the seed draws of d, ascending. Every
// set of k has the same chance (Fan, Muller, Rezucha 1962, Knuth's Algorithm
// S): index i is taken with probability (still wanted)/(still to come), decided
// by the upper word of a 64-bit product, off by less than d·2⁻⁶⁴.
func masked(d, k int, chance splitmix, f func(i int)) {
	for i := 0; k > 0; i++ {
		if draw, _ := bits.Mul64(chance.at(i), uint64(d-i)); draw < uint64(k) {
			f(i)
			k--
		}
	}
}

// appendMasked writes the k drawn parameters as they are; both sides draw the
// same indices, which therefore cost nothing.
func appendMasked(b []byte, k int, p []float32, chance splitmix) []byte {
	masked(len(p), k, chance, func(i int) { b = binary.LittleEndian.AppendUint32(b, math.Float32bits(p[i])) })
	return b
}

// readMasked scales by d/k, so that each parameter's expectation is its value.
func readMasked(dst []float32, body []byte, k int, chance splitmix) (err error) {
	clear(dst)
	d := float64(len(dst))
	masked(len(dst), k, chance, func(i int) {
		v := math.Float32frombits(binary.LittleEndian.Uint32(body))
		body = body[4:]
		scaled := float32(float64(float64(v)*d) / float64(k))
		if err == nil && !finite(scaled) {
			err = notFinite(i, v)
		}
		dst[i] = scaled
	})
	return err
}
