package checks

import "math"

// sizes counts coordinates by their size: the exponent and the first three bits
// of the fraction of a float32, so that a class is at most an eighth wide.
type sizes [2048]uint32

// top is the share of the energy in the largest hundredth of the coordinates
// (Neurotoxin hides where others do not move: Zhang et al. 2022), each
// coordinate taken at the middle of its class.
func (s *sizes) top() float64 {
	total, count := 0.0, uint64(0)
	for class, n := range s {
		count += uint64(n)
		total += float64(float64(n) * middleSquare(class))
	}
	if total == 0 {
		return 0
	}
	left, sum := float64(count)/100, 0.0
	for class := len(s) - 1; class > 0 && left > 0; class-- {
		taken := min(left, float64(s[class]))
		left -= taken
		sum += float64(taken * middleSquare(class))
	}
	return sum / total
}

// middleSquare is the square of the middle of a class; class 0 is nothing, and
// of the classes from 2040 on, of what is not finite, there is nothing.
func middleSquare(class int) float64 {
	if class == 0 || class >= 2040 {
		return 0
	}
	v := float64(math.Float32frombits(uint32(class)<<20 | 1<<19))
	return float64(v * v)
}
