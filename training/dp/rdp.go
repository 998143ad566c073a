package dp

import (
	"fmt"
	"math"

	"codeberg.org/althing/althing/training/tensor"
)

// The orders α at which privacy is accounted. Whole ones, because there the
// formula of the sampled Gaussian is a finite sum.
const (
	lowest  = 2
	highest = 256
)

// WhenTheyLike is the sampling rate to account with when members choose
// themselves when to take part: no amplification.
const WhenTheyLike = 1.0

// RDP returns ε(α) of one round: the Rényi divergence of order alpha of the
// Gaussian mechanism with noise multiplier z on a Poisson sample of rate q
// (Mironov, Talwar, Zhang 2019, Section 3.3):
//
//	1/(α−1) · log Σ_k C(α,k) (1−q)^(α−k) q^k exp((k²−k)/(2z²))
//
// which is α/(2z²) for q = 1 and 0 for q = 0. It is summed in logarithms from
// tensor, so that a verifier has the same bits on any processor.
func RDP(q, z float64, alpha int) (float64, error) {
	if !(q >= 0 && q <= 1) || !(z >= 1e-3 && z <= 1e6) || alpha < lowest || alpha > highest {
		return 0, fmt.Errorf("account: rate %g, noise %g, order %d: want a rate of 0 to 1, noise of 0.001 to 1e6, an order of %d to %d", q, z, alpha, lowest, highest)
	}
	return rdp(q, z, alpha), nil
}

func rdp(q, z float64, alpha int) float64 {
	switch q {
	case 0:
		return 0
	case 1:
		return float64(alpha) / float64(2*float64(z*z))
	}
	logQ, logRest, logChoose := tensor.Log64(q), tensor.Log64(1-q), 0.0
	var terms [highest + 1]float64
	most := math.Inf(-1)
	for k := 0; k <= alpha; k++ {
		if k > 0 {
			logChoose += tensor.Log64(float64(alpha-k+1) / float64(k))
		}
		moment := float64(k*k-k) / float64(2*float64(z*z))
		terms[k] = logChoose + float64(float64(alpha-k)*logRest) + float64(float64(k)*logQ) + moment
		most = max(most, terms[k])
	}
	sum := 0.0
	for _, t := range terms[:alpha+1] {
		sum += tensor.Exp64(t - most)
	}
	return max(0, (most+tensor.Log64(sum))/float64(alpha-1))
}

// Rounds are rounds of one kind that a member's update was in.
type Rounds struct {
	Rate  float64 // q; WhenTheyLike unless the community can promise less
	Noise float64 // z, the noise on the sum divided by the clip norm; see Effective
	Count int
}

// Account is what one member has spent: ε(α) at every order. The zero value
// has spent nothing. It is rebuilt from the rounds a member took part in, so
// that nothing but counts need be kept.
type Account struct{ spent [highest + 1]float64 }

// Add spends rounds. Rényi divergences of one order add up, whatever later
// rounds made of earlier results (Mironov 2017, Proposition 1).
func (a *Account) Add(r Rounds) error {
	if _, err := RDP(r.Rate, r.Noise, lowest); err != nil {
		return err
	}
	if r.Count < 0 || r.Count > 1e9 {
		return fmt.Errorf("account: %d rounds", r.Count)
	}
	if r.Count == 0 {
		return nil
	}
	for alpha := lowest; alpha <= highest; alpha++ {
		a.spent[alpha] += float64(float64(r.Count) * rdp(r.Rate, r.Noise, alpha))
	}
	return nil
}

// AccountOf adds up all rounds of a member.
func AccountOf(rounds ...Rounds) (Account, error) {
	var a Account
	for _, r := range rounds {
		if err := a.Add(r); err != nil {
			return Account{}, err
		}
	}
	return a, nil
}

// Improved returns ε for δ by the conversion of Balle et al. (2020, Theorem
// 21) and Canonne, Kamath, Steinke (2020, Proposition 12), and the order that
// gave it:
//
//	ε = min over α of ε(α) + log((α−1)/α) − (log δ + log α)/(α−1)
//
// A member who has spent nothing has ε = 0 and order 0.
func (a Account) Improved(delta float64) (epsilon float64, alpha int) {
	return a.least(func(alpha float64) float64 {
		return tensor.Log64((alpha-1)/alpha) - (tensor.Log64(delta)+tensor.Log64(alpha))/(alpha-1)
	})
}

// Classic returns ε for δ by Mironov (2017, Proposition 3), which older
// accounts used and which is a little larger: ε(α) + log(1/δ)/(α−1).
func (a Account) Classic(delta float64) (epsilon float64, alpha int) {
	return a.least(func(alpha float64) float64 { return -tensor.Log64(delta) / (alpha - 1) })
}

func (a Account) least(conversion func(alpha float64) float64) (epsilon float64, alpha int) {
	if a == (Account{}) {
		return 0, 0
	}
	epsilon = math.Inf(1)
	for order := lowest; order <= highest; order++ {
		if e := a.spent[order] + conversion(float64(order)); e < epsilon {
			epsilon, alpha = e, order
		}
	}
	return max(0, epsilon), alpha
}
