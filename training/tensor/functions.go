package tensor

import "math"

// Exp64 returns eˣ in binary64 with an error of a few units in the last place:
// x = n·ln 2 + r with |r| ≤ ln 2 / 2, then the Taylor series to degree 14.
// math.Exp differs between processors; this does not.
func Exp64(x float64) float64 {
	const (
		ln2hi = 6.93147180369123816490e-01 // 33 bits, so that n·ln2hi is exact
		ln2lo = 1.90821492927058770002e-10
	)
	switch {
	case x != x:
		return x
	case x > 709:
		return math.Inf(1)
	case x < -708:
		return 0
	}
	n := math.Floor(float64(x*1.44269504088896338700) + 0.5)
	r := x - float64(n*ln2hi) - float64(n*ln2lo)
	y := 1.0
	for i := 14; i > 0; i-- {
		y = 1 + float64(y*r)/float64(i)
	}
	return math.Ldexp(y, int(n))
}

// Log64 returns the natural logarithm in binary64: x = m·2ⁿ with
// √½ ≤ m < √2, then ln m = 2·atanh((m-1)/(m+1)) as a series of 12 terms. It is
// -Inf at 0 and NaN below.
func Log64(x float64) float64 {
	const (
		ln2hi = 6.93147180369123816490e-01
		ln2lo = 1.90821492927058770002e-10
	)
	switch {
	case x < 0 || x != x:
		return math.NaN()
	case x == 0:
		return math.Inf(-1)
	case math.IsInf(x, 1):
		return x
	}
	m, e := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m, e = 2*m, e-1
	}
	s := (m - 1) / (m + 1)
	q := float64(s * s)
	y := 0.0
	for i := 23; i > 0; i -= 2 {
		y = float64(y*q) + 1/float64(i)
	}
	n := float64(e)
	return float64(n*ln2hi) + (float64(2*float64(s*y)) + float64(n*ln2lo))
}

// Sin64 returns the sine of x radians, |x| ≤ 2²⁰, in binary64.
func Sin64(x float64) float64 { return sine(x, 0) }

// Cos64 returns the cosine of x radians, |x| ≤ 2²⁰, in binary64.
func Cos64(x float64) float64 { return sine(x, 1) }

// sine returns sin(x + quarter·π/2): x is reduced by multiples of π/2 in three
// parts of 33 bits (Cody and Waite 1980), then the Taylor series of sine or
// cosine on |r| ≤ π/4.
func sine(x float64, quarter int) float64 {
	const (
		twoOverPi = 6.36619772367581382433e-01
		pio2a     = 1.57079632673412561417e+00
		pio2b     = 6.07710050630396597660e-11
		pio2c     = 2.02226624879595063154e-21
	)
	n := math.Floor(float64(x*twoOverPi) + 0.5)
	r := x - float64(n*pio2a) - float64(n*pio2b) - float64(n*pio2c)
	q := float64(r * r)
	quadrant := (int(n) + quarter) & 3
	last, y := 19, 1.0
	if quadrant&1 == 1 {
		last = 18
	}
	for i := last; i > 1; i -= 2 {
		y = 1 - float64(y*q)/float64(i*(i-1))
	}
	if quadrant&1 == 0 {
		y = float64(y * r)
	}
	if quadrant&2 != 0 {
		y = -y
	}
	return y
}
