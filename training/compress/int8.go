package compress

import (
	"encoding/binary"
	"fmt"
	"math"
)

// block is how many parameters share a scale in Int8. One large element
// coarsens only its block.
const block = 256

// scaleOf returns s: max|x|/127, rounded up to 17 significant bits. Up, so
// that no x/s passes 127 and no rounding is cut off, which would be a bias; 17
// bits, so that q·s with |q| ≤ 127 is exact in float32 and decoding rounds
// nothing.
func scaleOf(most float32) float32 {
	if most == 0 {
		return 0
	}
	s := float32(float64(most) / 127)
	for float64(s)*127 < float64(most) { // products of 24 and 7 bits are exact in binary64
		s = math.Float32frombits(math.Float32bits(s) + 1)
	}
	if s < 0x1p-126 {
		return s // a multiple of 2⁻¹⁴⁹, and so is every q·s
	}
	const low = 1<<7 - 1
	return math.Float32frombits((math.Float32bits(s) + low) &^ low)
}

// appendBlocks writes for each block its scale s and q = ⌊x/s + u⌋ with u
// uniform in [0, 1), so that E q = x/s (up to the 2⁻³² in which u is counted).
func appendBlocks(b []byte, values []float32, chance splitmix) []byte {
	for from := 0; from < len(values); from += block {
		part := values[from:min(from+block, len(values))]
		most := float32(0)
		for _, v := range part {
			most = max(most, v, -v)
		}
		scale := scaleOf(most)
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(scale))
		if scale == 0 {
			b = append(b, make([]byte, len(part))...)
			continue
		}
		for i, v := range part {
			u := float64(chance.at(from+i)>>32) * 0x1p-32
			ratio := float64(v) / float64(scale)
			b = append(b, byte(int(ratio+u+128)-128)) // the floor: cut off above zero
		}
	}
	return b
}

func readBlocks(dst []float32, body []byte) error {
	for from := 0; from < len(dst); from += block {
		part := dst[from:min(from+block, len(dst))]
		bits := binary.LittleEndian.Uint32(body)
		scale := math.Float32frombits(bits)
		if bits > math.Float32bits(largest) {
			return fmt.Errorf("scale %v of the block at element %d: %w", scale, from, ErrNotFinite)
		}
		for i := range part {
			q := int8(body[4+i])
			if q == -128 || scale == 0 && q != 0 {
				return fmt.Errorf("element %d is %d with scale %v: %w", from+i, q, scale, ErrFormat)
			}
			part[i] = float32(float64(q) * float64(scale))
		}
		body = body[4+len(part):]
	}
	return nil
}
