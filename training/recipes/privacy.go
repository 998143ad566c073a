package recipes

import (
	"math"
	"strconv"

	"codeberg.org/althing/althing/training/protocol"
)

// Epsilon is the ε of a member who took part in so many rounds, at the δ of
// the privacy part, as a decimal string rounded up to three digits, "0" for
// none. No discount for sampling is claimed: cohorts are drawn in public and
// nodes choose when to appear. Each round is one Gaussian mechanism with noise
// multiplier z, whose Rényi divergence of order α is α/2z² (Mironov 2017) and
// adds up; the conversion is that of Canonne, Kamath and Steinke (2020).
func Epsilon(p protocol.Privacy, rounds int) string {
	if rounds <= 0 {
		return "0"
	}
	return strconv.FormatFloat(math.Ceil(epsilon(p, rounds)*1000-1e-9)/1000, 'f', 3, 64)
}

func epsilon(p protocol.Privacy, rounds int) float64 {
	z, delta := protocol.Number(p.Noise, math.NaN()), protocol.Number(p.Delta, math.NaN())
	best := math.Inf(1)
	for order := 2; order <= 256; order++ {
		a := float64(order)
		e := float64(rounds)*a/(2*z*z) + math.Log((a-1)/a) - (math.Log(delta)+math.Log(a))/(a-1)
		best = math.Min(best, math.Max(e, 0))
	}
	return best
}

// RoundsUnder is in how many rounds one member may take part before ε would be
// above the ceiling; 0 if not even in one.
func RoundsUnder(p protocol.Privacy) int {
	ceiling := protocol.Number(p.Ceiling, 0)
	most := 0
	for most < 10_000 && epsilon(p, most+1) <= ceiling {
		most++
	}
	return most
}
