package eval

import (
	"fmt"
	"math"
)

// Exposure says how far a model prefers a secret to others that it might have
// been (Carlini, Liu, Erlingsson, Kos, Song 2019, "The Secret Sharer", Section
// 4). The secret was drawn uniformly from the space that the references are
// drawn from, so under a model that never saw it every rank is equally likely.
type Exposure struct {
	Rank       int     // of the secret among itself and the references, 1 is the lowest loss
	References int     // N
	Bits       float64 // log2(N+1) - log2(Rank); 1/ln 2 = 1.44 on average when nothing is remembered
	P          float64 // Rank/(N+1) = 2^-Bits: the chance of this rank or a better one
}

// ExposureOf ranks the loss of the secret among the losses of the references.
// A reference wins a tie, so that a model which gives all the same loss is
// not accused.
func ExposureOf(secret float64, references []float64) (Exposure, error) {
	if err := finite("exposure of a secret", append([]float64{secret}, references...)...); err != nil {
		return Exposure{}, err
	}
	if len(references) == 0 {
		return Exposure{}, fmt.Errorf("exposure of a secret: no references")
	}
	e := Exposure{Rank: 1, References: len(references)}
	for _, r := range references {
		if r <= secret {
			e.Rank++
		}
	}
	n := float64(e.References + 1)
	e.Bits = math.Log2(n) - math.Log2(float64(e.Rank))
	e.P = float64(e.Rank) / n
	return e, nil
}

// Canary is a secret behind a prefix, and the references that it was drawn
// among.
type Canary struct {
	Prefix, Secret []byte
	References     [][]byte
}

// Measure scores the prefix with the secret and with each reference.
func (c Canary) Measure(score Scorer) (Exposure, error) {
	loss := func(tail []byte) float64 {
		return score(append(append(make([]byte, 0, len(c.Prefix)+len(tail)), c.Prefix...), tail...))
	}
	references := make([]float64, len(c.References))
	for i, r := range c.References {
		references[i] = loss(r)
	}
	return ExposureOf(loss(c.Secret), references)
}

// Fisher combines the p-values of m independent canaries (Fisher 1925, Section
// 21.1): -2 Σ ln p has a chi-square distribution with 2m degrees of freedom
// when nothing is remembered. Remembered is the chance of exposures as high as
// these or higher; small means that the secrets are still there. Forgotten is
// the chance of exposures as low or lower; small means over-unlearning. For
// even degrees of freedom both are sums of m Poisson terms, no tables.
//
// Ranks are whole numbers, so p is a little larger than uniform and Remembered
// errs on the side of the model, by less than 1 % for N of 1023 or more.
func Fisher(canaries []Exposure) (remembered, forgotten float64) {
	x := 0.0
	for _, c := range canaries {
		x -= math.Log(c.P)
	}
	return chiSquareTails(x, len(canaries))
}

// chiSquareTails returns P(X ≥ 2x) and P(X ≤ 2x) for X chi-square with 2m
// degrees of freedom, m ≥ 1: P(X ≥ 2x) = e^-x Σ_{i<m} x^i/i!, the chance of
// fewer than m Poisson events. Terms are added as exponents of logarithms, so
// that neither e^-x nor x^i leaves the range; the lower tail is summed by
// itself, because 1 - upper would keep no digits of it.
func chiSquareTails(x float64, m int) (upper, lower float64) {
	if m < 1 {
		return 1, 1
	}
	if x <= 0 {
		return 1, 0
	}
	term := func(i int) float64 {
		gamma, _ := math.Lgamma(float64(i) + 1)
		return math.Exp(float64(i)*math.Log(x) - gamma - x)
	}
	for i := range m {
		upper += term(i)
	}
	for i := m; ; i++ {
		t := term(i)
		lower += t
		if float64(i) > x && t <= lower*1e-17 {
			break
		}
	}
	return min(upper, 1), min(lower, 1)
}

// ExposureBand returns the mean exposures, in bits, between which the mean of m
// canaries lies when nothing is remembered: above high has chance alpha, below
// low has chance alpha.
func ExposureBand(m int, alpha float64) (low, high float64) {
	solve := func(tail func(x float64) bool) float64 {
		from, to := 0.0, float64(m)+60*math.Sqrt(float64(m))+60
		for range 100 {
			if x := (from + to) / 2; tail(x) {
				from = x
			} else {
				to = x
			}
		}
		return from / math.Ln2 / float64(m)
	}
	high = solve(func(x float64) bool { upper, _ := chiSquareTails(x, m); return upper > alpha })
	low = solve(func(x float64) bool { _, lower := chiSquareTails(x, m); return lower < alpha })
	return low, high
}
