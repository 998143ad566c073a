package dp

import (
	"fmt"
	"io"
	"math"
	"strconv"

	"codeberg.org/althing/althing/training/tensor"
)

// Adaptive moves the clip norm towards a quantile of the members' norms, which
// it learns from a noisy count only (Andrew, Thakkar, McMahan, Ramaswamy 2021,
// Algorithm 1). The defaults of the paper are Quantile 0.5, Rate 0.2 and a
// noise of a twentieth of the expected members.
type Adaptive struct {
	Quantile   float64 // share of members who should be within the clip norm
	Rate       float64 // largest step of log C
	CountNoise float64 // σ_b: standard deviation of the noise on the count
}

// Effective returns z_Δ, the noise to put on the sum so that sum and count
// together cost what a noise of z alone would: (z⁻² − (2σ_b)⁻²)^(−1/2). Each
// member's bit is counted as ±½, so its sensitivity is ½. The sum is released
// with z_Δ; the account is kept with z.
func (a Adaptive) Effective(z float64) (float64, error) {
	if !(z > 0 && z < 2*a.CountNoise) {
		return 0, fmt.Errorf("noise %g needs a count noise above %g, not %g: the count alone would cost more", z, z/2, a.CountNoise)
	}
	inverse := 1/float64(z*z) - 1/float64(4*float64(a.CountNoise*a.CountNoise))
	return 1 / math.Sqrt(inverse), nil
}

// Check reports numbers that the method cannot work with.
func (a Adaptive) Check() error {
	if !(a.Quantile > 0 && a.Quantile < 1) || !(a.Rate > 0 && a.Rate <= 1) || !(a.CountNoise >= 0.1 && a.CountNoise <= 1e5) {
		return fmt.Errorf("adaptive clipping: quantile %g, rate %g, count noise %g", a.Quantile, a.Rate, a.CountNoise)
	}
	return nil
}

// NextClip returns the clip norm of the next round:
//
//	C · exp(−rate·(b̄ − quantile)),  b̄ = ½ + (Σ(b_i − ½) + noise)/expected
//
// from how many of the members were within. The noise is the discrete Gaussian
// on a grid, as on the sum; b̄ is held between 0 and 1, so that one unlucky
// draw moves the norm by no more than a full step. The result is rounded to
// six significant digits, so that DecimalOf writes it out in full.
func (a Adaptive) NextClip(clip float64, within, members, expected int, random io.Reader) (float64, error) {
	if err := a.Check(); err != nil {
		return 0, err
	}
	if !(clip > 0) || within < 0 || within > members || expected < 1 {
		return 0, fmt.Errorf("next clip norm after %g: %d within of %d, %d expected", clip, within, members, expected)
	}
	half := int64(sigma / float64(2*a.CountNoise)) // steps of one half, down: a little more noise than asked
	count := []int64{half * int64(2*within-members)}
	if err := addNoise(count, sigma, random); err != nil {
		return 0, err
	}
	mean := 0.5 + float64(count[0])/float64(2*half)/float64(expected)
	mean = min(1, max(0, mean))
	next := float64(clip * tensor.Exp64(-float64(a.Rate*(mean-a.Quantile))))
	return strconv.ParseFloat(DecimalOf(next), 64)
}

// DecimalOf writes a clip norm as entries of the log hold it: six significant
// digits, without an exponent.
func DecimalOf(clip float64) string {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(clip, 'e', 5, 64), 64)
	if err != nil {
		rounded = clip
	}
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}
