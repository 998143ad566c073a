package torch

import (
	"fmt"
	"math"
)

// Tolerance is how far two honest updates of the same work may lie apart when
// not both are from the builtin engine: the L2 norm of their difference by the
// larger of their norms. Different orders of addition differ by about 1e-7 per
// operation; AdamW divides by the root of a tiny second moment in its first
// steps and so turns noise into steps. Measured were 1e-6 to 2e-5 over 20 to
// 200 steps on processors (docs/gpu.md); the bound is fifty times that.
const Tolerance = 0.001

// Agreement is how near two updates are.
type Agreement struct {
	Distance float64 // ‖a - b‖ / max(‖a‖, ‖b‖); 0 for equal ones
	Cosine   float64 // of the angle between them; 1 for equal ones
}

// Within reports whether the updates are the same work.
func (a Agreement) Within() bool { return a.Distance <= Tolerance }

// String says the agreement and what it was compared with.
func (a Agreement) String() string {
	word := "within"
	if !a.Within() {
		word = "outside"
	}
	return fmt.Sprintf("distance %.1e, %s the tolerance of %g for work that is not computed bit for bit", a.Distance, word, Tolerance)
}

// Compare measures a replay against an update of the same layout. Sums are in
// binary64 and in order.
func Compare(update, replay []float32) (Agreement, error) {
	if len(update) != len(replay) || len(update) == 0 {
		return Agreement{}, fmt.Errorf("compare a replay: %d values against %d", len(update), len(replay))
	}
	var aa, bb, ab, dd float64
	for i, x := range update {
		a, b := float64(x), float64(replay[i])
		d := a - b
		aa, bb, ab, dd = aa+float64(a*a), bb+float64(b*b), ab+float64(a*b), dd+float64(d*d)
	}
	if math.IsNaN(dd) || math.IsInf(aa+bb+dd, 0) {
		return Agreement{}, fmt.Errorf("compare a replay: a value is not finite")
	}
	if dd == 0 {
		return Agreement{0, 1}, nil
	}
	a := Agreement{Distance: math.Sqrt(dd / max(aa, bb))}
	if aa > 0 && bb > 0 {
		a.Cosine = ab / math.Sqrt(float64(aa*bb))
	}
	return a, nil
}
