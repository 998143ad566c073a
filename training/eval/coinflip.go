package eval

import "math"

// CoinFlips is the result of a coin-flip watermark, in the line of data
// watermarks (Wei, Wang, Jia 2024) and STAMP (Rastogi et al. 2025). Before the
// first round a contributor wrote pairs of equally natural sentences and
// trained on the one that a secret fair coin chose. A model that carries
// nothing of them prefers the trained one in Binomial(Pairs, 1/2) of the pairs.
type CoinFlips struct {
	Won   int // pairs whose trained variant has the lower loss
	Pairs int // pairs with different losses
	Ties  int // pairs with equal losses, which tell nothing and are left out
}

// Pair holds the variant that the coin chose and the other one.
type Pair struct{ Trained, Other []byte }

// MeasurePairs scores both variants of each pair.
func MeasurePairs(score Scorer, pairs []Pair) (CoinFlips, error) {
	var c CoinFlips
	for _, p := range pairs {
		trained, other := score(p.Trained), score(p.Other)
		if err := finite("losses of a pair", trained, other); err != nil {
			return c, err
		}
		switch {
		case trained == other:
			c.Ties++
			continue
		case trained < other:
			c.Won++
		}
		c.Pairs++
	}
	return c, nil
}

// P returns the exact tails for a model that carries nothing: remembered is
// P(X ≥ Won), forgotten is P(X ≤ Won), and twoSided is twice the smaller, at
// most 1.
func (c CoinFlips) P() (remembered, forgotten, twoSided float64) {
	remembered = binomialAtLeast(c.Pairs, c.Won)
	forgotten = binomialAtLeast(c.Pairs, c.Pairs-c.Won) // by symmetry
	return remembered, forgotten, min(1, 2*min(remembered, forgotten))
}

// binomialAtLeast returns P(X ≥ k) for X of Binomial(n, 1/2), summed from the
// smallest term up.
func binomialAtLeast(n, k int) float64 {
	if k <= 0 {
		return 1
	}
	all, _ := math.Lgamma(float64(n) + 1)
	sum := 0.0
	for i := n; i >= k; i-- {
		a, _ := math.Lgamma(float64(i) + 1)
		b, _ := math.Lgamma(float64(n-i) + 1)
		sum += math.Exp(all - a - b - float64(n)*math.Ln2)
	}
	return min(sum, 1)
}

// CoinFlipBand returns between how many wins of n pairs a model that carries
// nothing stays: more than high has a chance of at most alpha, and so has less
// than low.
func CoinFlipBand(n int, alpha float64) (low, high int) {
	high = n
	for high > 0 && binomialAtLeast(n, high) <= alpha {
		high--
	}
	return n - high, high
}
