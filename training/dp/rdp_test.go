package dp

import (
	"fmt"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

// vectors are published settings: MNIST of Abadi et al. (2016) in the form of
// TensorFlow Privacy's tutorial first.
var vectors = []struct {
	q, z       float64
	rounds     int
	delta      float64
	improved   string
	improvedAt int
	classic    string
	classicAt  int
	rdp8       string
	rdp8Format string
	shown      string
}{
	{256.0 / 60000, 1.1, 14062, 1e-5, "2.5970", 8, "3.0091", 9, "9.8341062e-05", "%.7e", "2.597"},
	{0.01, 1.0, 1000, 1e-5, "2.1078", 8, "2.5383", 8, "8.9364391e-04", "%.7e", "2.108"},
	{0.1, 1.0, 100, 1e-5, "7.9729", 3, "8.9277", 3, "1.3783614", "%.7f", "7.973"},
	{0.05, 0.8, 200, 1e-6, "9.9053", 3, "10.8600", 3, "2.8266937", "%.7f", "9.906"},
	{0.3, 2.0, 30, 1e-4, "3.9906", 5, "4.6161", 5, "0.16085874", "%.8f", "3.991"},
	{1, 5.0, 50, 1e-5, "7.0879", 4, "7.8376", 4, "0.16", "%.2f", "7.088"},
}

func TestAccountMeetsTheVectors(t *testing.T) {
	for _, v := range vectors {
		a, err := AccountOf(Rounds{v.q, v.z, v.rounds})
		if err != nil {
			t.Fatal(err)
		}
		if e, alpha := a.Improved(v.delta); fmt.Sprintf("%.4f", e) != v.improved || alpha != v.improvedAt {
			t.Errorf("q %g, z %g, %d rounds: improved ε %.4f at %d, want %s at %d", v.q, v.z, v.rounds, e, alpha, v.improved, v.improvedAt)
		}
		if e, alpha := a.Classic(v.delta); fmt.Sprintf("%.4f", e) != v.classic || alpha != v.classicAt {
			t.Errorf("q %g, z %g, %d rounds: classic ε %.4f at %d, want %s at %d", v.q, v.z, v.rounds, e, alpha, v.classic, v.classicAt)
		}
		if e, err := RDP(v.q, v.z, 8); err != nil || fmt.Sprintf(v.rdp8Format, e) != v.rdp8 {
			t.Errorf("RDP(%g, %g, 8) = "+v.rdp8Format+", %v, want %s", v.q, v.z, e, err, v.rdp8)
		}
		c := Ceiling{Epsilon: 1, Delta: v.delta}
		if got := c.Spent(a).String(); got != v.shown {
			t.Errorf("q %g, z %g, %d rounds: shown as %s, want %s", v.q, v.z, v.rounds, got, v.shown)
		}
	}
}

// TestRDPIsTheSum compares the logarithms with the formula in exact binomials
// and 300 bits, the exponentials being those of the standard library.
func TestRDPIsTheSum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := rapid.Float64Range(1e-4, 0.9).Draw(t, "q")
		z := rapid.Float64Range(0.7, 20).Draw(t, "z")
		alpha := rapid.IntRange(2, 25).Draw(t, "alpha") // exponents up to 600, which Exp still holds
		sum := new(big.Float).SetPrec(300)
		for k := 0; k <= alpha; k++ {
			term := new(big.Float).SetPrec(300).SetInt(new(big.Int).Binomial(int64(alpha), int64(k)))
			for range alpha - k {
				term.Mul(term, big.NewFloat(1-q))
			}
			for range k {
				term.Mul(term, big.NewFloat(q))
			}
			term.Mul(term, big.NewFloat(math.Exp(float64(k*k-k)/(2*z*z))))
			sum.Add(sum, term)
		}
		var mantissa big.Float
		exponent := sum.MantExp(&mantissa)
		m, _ := mantissa.Float64()
		want := (math.Log(m) + float64(exponent)*math.Ln2) / float64(alpha-1)
		got, err := RDP(q, z, alpha)
		if err != nil || math.Abs(got-want) > 1e-9*math.Abs(want)+1e-11 {
			t.Fatalf("RDP(%g, %g, %d) = %v, %v, want %v", q, z, alpha, got, err, want)
		}
	})
}

func TestMoreIsDearer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := Rounds{rapid.Float64Range(0.001, 0.99).Draw(t, "q"), rapid.Float64Range(0.5, 30).Draw(t, "z"), rapid.IntRange(1, 500).Draw(t, "rounds")}
		delta := rapid.SampledFrom([]float64{1e-4, 1e-6, 1e-9}).Draw(t, "delta")
		epsilon := func(r Rounds) float64 {
			a, err := AccountOf(r)
			if err != nil {
				t.Fatal(err)
			}
			improved, _ := a.Improved(delta)
			if classic, _ := a.Classic(delta); classic < improved {
				t.Fatalf("%+v: classic ε %v is below improved %v", r, classic, improved)
			}
			return improved
		}
		base := epsilon(r)
		for name, other := range map[string]Rounds{
			"more rounds": {r.Rate, r.Noise, r.Count + 1}, "less noise": {r.Rate, r.Noise * 0.99, r.Count},
			"a higher rate": {min(1, r.Rate*1.01), r.Noise, r.Count}, "no sampling": {1, r.Noise, r.Count},
		} {
			if got := epsilon(other); got < base*(1-1e-12) {
				t.Fatalf("%s: ε %v of %+v is below %v of %+v", name, got, other, base, r)
			}
		}
		half, err := AccountOf(Rounds{r.Rate, r.Noise, r.Count / 2}, Rounds{r.Rate, r.Noise, r.Count - r.Count/2})
		if got, _ := half.Improved(delta); err != nil || math.Abs(got-base) > 1e-9*base {
			t.Fatalf("ε of %+v in two parts is %v, at once %v", r, got, base)
		}
	})
}

func TestNothingSpentIsNothing(t *testing.T) {
	var a Account
	if e, alpha := a.Improved(1e-5); e != 0 || alpha != 0 {
		t.Errorf("ε of nothing = %v at %d", e, alpha)
	}
	a, err := AccountOf(Rounds{1, 1, 0}, Rounds{0, 1, 10})
	if e, _ := a.Classic(1e-5); err != nil || e != 0 {
		t.Errorf("ε of no rounds, and of rounds that picked nobody, = %v, %v", e, err)
	}
	for _, bad := range []Rounds{{-0.1, 1, 1}, {1.1, 1, 1}, {1, 0, 1}, {1, 1, -1}, {math.NaN(), 1, 1}, {1, math.NaN(), 1}} {
		if _, err := AccountOf(bad); err == nil {
			t.Errorf("AccountOf(%+v) was taken", bad)
		}
	}
	for _, alpha := range []int{0, 1, 257} {
		if e, err := RDP(1, 1, alpha); err == nil {
			t.Errorf("RDP of order %d = %v", alpha, e)
		}
	}
}

func TestCeilingStopsDispatch(t *testing.T) {
	c := Ceiling{Epsilon: 7_087, Delta: 1e-5} // 50 rounds at z = 5 spend 7.088, 49 less
	one := Rounds{WhenTheyLike, 5, 1}
	var a Account
	for round := 1; ; round++ {
		if left := c.RoundsLeft(a, one, 1000); left != 50-round {
			t.Fatalf("before round %d there are %d left, want %d", round, left, 50-round)
		}
		if !c.Allows(a, one) {
			if round != 50 {
				t.Errorf("round %d is refused, want 50", round)
			}
			break
		}
		if err := a.Add(one); err != nil {
			t.Fatal(err)
		}
		if c.Spent(a) > c.Epsilon || c.Spent(a)+c.Left(a) != c.Epsilon {
			t.Fatalf("after round %d: %v spent, %v left of %v", round, c.Spent(a), c.Left(a), c.Epsilon)
		}
	}
	if c.Allows(Account{}, Rounds{1, math.NaN(), 1}) || (Ceiling{Epsilon: 1000}).Allows(Account{}, one) || (Ceiling{Delta: 1e-5}).Allows(Account{}, one) {
		t.Error("a round that cannot be accounted, or a ceiling without ε or δ, was allowed")
	}
}

func TestEpsilonIsRoundedUp(t *testing.T) {
	for _, tt := range []struct {
		epsilon float64
		want    string
	}{{0, "0.000"}, {-1, "0.000"}, {1e-9, "0.001"}, {1, "1.001"}, {0.9999, "1.000"}, {7.0879, "7.088"}, {1e300, "unlimited"}, {math.Inf(1), "unlimited"}, {math.NaN(), "unlimited"}} {
		if got := UpOf(tt.epsilon).String(); got != tt.want {
			t.Errorf("UpOf(%v) = %s, want %s", tt.epsilon, got, tt.want)
		}
	}
	for s, want := range map[string]Epsilon{"8": 8000, "0.5": 500, "10.125": 10125, "0.001": 1} {
		if got, err := ParseEpsilon(s); err != nil || got != want {
			t.Errorf("ParseEpsilon(%q) = %d, %v, want %d", s, got, err, want)
		}
	}
	for _, s := range []string{"", "0", "-1", "1e3", "1.", ".5", "1.0001", "+1", "1,5", "1000001", "NaN"} {
		if got, err := ParseEpsilon(s); err == nil {
			t.Errorf("ParseEpsilon(%q) = %v", s, got)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		e := rapid.Float64Range(0, 1e6).Draw(t, "epsilon")
		if up := UpOf(e); float64(up)/1000 < e || float64(up)/1000 > e*(1+1e-8)+0.0011 {
			t.Fatalf("UpOf(%v) = %v", e, up)
		}
	})
}
