package eval

import (
	"bytes"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func near(got, want, tolerance float64) bool { return math.Abs(got-want) <= tolerance }

func TestExposure(t *testing.T) {
	for _, tt := range []struct {
		name       string
		secret     float64
		references []float64
		rank       int
		bits, p    float64
	}{
		{"first of four", 1, []float64{2, 3, 4}, 1, 2, 0.25},
		{"last of four", 9, []float64{2, 3, 4}, 4, 0, 1},
		{"a reference wins a tie", 2, []float64{2, 3, 4}, 2, 1, 0.5},
		{"all the same", 2, []float64{2, 2, 2}, 4, 0, 1},
	} {
		got, err := ExposureOf(tt.secret, tt.references)
		if want := (Exposure{tt.rank, len(tt.references), tt.bits, tt.p}); err != nil || got != want {
			t.Errorf("%s: ExposureOf = %+v %v, want %+v", tt.name, got, err, want)
		}
	}
	if _, err := ExposureOf(math.NaN(), []float64{1}); err == nil {
		t.Error("a loss of NaN was taken")
	}
	if _, err := ExposureOf(1, nil); err == nil {
		t.Error("no references were taken")
	}
}

func TestCanaryScoresPrefixAndTail(t *testing.T) {
	score := func(text []byte) float64 {
		if !bytes.HasPrefix(text, []byte("pin ")) {
			t.Errorf("scored %q without its prefix", text)
		}
		return float64(text[4])
	}
	c := Canary{Prefix: []byte("pin "), Secret: []byte("3"), References: [][]byte{[]byte("1"), []byte("5"), []byte("7")}}
	if got, err := c.Measure(score); err != nil || got.Rank != 2 {
		t.Errorf("Measure = %+v %v, want rank 2", got, err)
	}
}

// The table of the protocol: mean exposure of m canaries above which a model
// remembers, below which it is over-unlearned.
func TestExposureBandIsTheTable(t *testing.T) {
	ms := []int{1, 2, 4, 8, 10, 16, 20, 32, 50}
	high05 := []float64{4.32, 3.42, 2.80, 2.37, 2.27, 2.08, 2.01, 1.89, 1.79}
	high01 := []float64{6.64, 4.79, 3.62, 2.89, 2.71, 2.41, 2.30, 2.10, 1.96}
	low05 := []float64{.07, .26, .49, .72, .78, .90, .96, 1.05, 1.12}
	for i, m := range ms {
		low, high := ExposureBand(m, .05)
		_, higher := ExposureBand(m, .01)
		if !near(high, high05[i], .006) || !near(higher, high01[i], .006) || !near(low, low05[i], .006) {
			t.Errorf("m=%d: band %.3f to %.3f, at .01 %.3f; want %.2f, %.2f, %.2f", m, low, high, higher, low05[i], high05[i], high01[i])
		}
	}
}

func TestFisherTails(t *testing.T) {
	for _, p := range []float64{1, .5, .01, 1e-9} {
		remembered, forgotten := Fisher([]Exposure{{P: p}})
		if !near(remembered, p, 1e-12) || !near(forgotten, 1-p, 1e-12) {
			t.Errorf("Fisher of one canary at p=%g = %g %g", p, remembered, forgotten)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		x, m := rapid.Float64Range(1e-3, 300).Draw(t, "x"), rapid.IntRange(1, 80).Draw(t, "m")
		upper, lower := chiSquareTails(x, m)
		if !near(upper+lower, 1, 1e-9) {
			t.Fatalf("tails of x=%g, m=%d: %g + %g, want 1", x, m, upper, lower)
		}
	})
	if upper, lower := chiSquareTails(5000, 50); upper > 1e-300 || !near(lower, 1, 1e-9) {
		t.Errorf("tails far out: %g %g, want 0 and 1", upper, lower)
	}
}

// The largest distance between the distribution of ps and the uniform one; the
// critical value of Kolmogorov and Smirnov at 1 % for 1,000 draws is .0515.
func distanceFromUniform(ps []float64) float64 {
	slices.Sort(ps)
	d := 0.0
	for i, p := range ps {
		d = max(d, math.Abs(p-float64(i)/float64(len(ps))), math.Abs(p-float64(i+1)/float64(len(ps))))
	}
	return d
}

func TestFisherIsUniformWhenNothingIsRemembered(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	remembered, forgotten := make([]float64, 1000), make([]float64, 1000)
	for i := range remembered {
		canaries := make([]Exposure, 16)
		for j := range canaries {
			canaries[j].P = float64(1+r.IntN(1024)) / 1024
		}
		remembered[i], forgotten[i] = Fisher(canaries)
	}
	if d := distanceFromUniform(remembered); d > .0515 {
		t.Errorf("P(remembered) is %.3f from uniform, want at most .0515", d)
	}
	if d := distanceFromUniform(forgotten); d > .0515 {
		t.Errorf("P(forgotten) is %.3f from uniform, want at most .0515", d)
	}
}

func TestCoinFlipThresholdsAreTheTable(t *testing.T) {
	for _, tt := range []struct{ n, at05, at01 int }{{32, 22, 24}, {48, 31, 33}, {64, 40, 42}, {128, 74, 78}, {256, 142, 148}} {
		low, high := CoinFlipBand(tt.n, .05)
		_, higher := CoinFlipBand(tt.n, .01)
		if high+1 != tt.at05 || higher+1 != tt.at01 || low != tt.n-high {
			t.Errorf("n=%d: reject from %d and %d (low %d), want %d and %d", tt.n, high+1, higher+1, low, tt.at05, tt.at01)
		}
	}
	if p, _, _ := (CoinFlips{Won: 40, Pairs: 64}).P(); !near(p, .0300, .00005) {
		t.Errorf("P(40 of 64 or more) = %.5f, want .0300", p)
	}
}

func TestBinomialIsExact(t *testing.T) {
	for _, n := range []int{1, 7, 64, 300} {
		for k := 0; k <= n; k += 1 + n/13 {
			sum := new(big.Int)
			for i := k; i <= n; i++ {
				sum.Add(sum, new(big.Int).Binomial(int64(n), int64(i)))
			}
			want, _ := new(big.Rat).SetFrac(sum, new(big.Int).Lsh(big.NewInt(1), uint(n))).Float64()
			if got := binomialAtLeast(n, k); !near(got, want, 1e-11*want) {
				t.Errorf("P(Bin(%d) ≥ %d) = %g, want %g", n, k, got, want)
			}
		}
	}
}

func TestCoinFlipsAreTwoSided(t *testing.T) {
	remembered, forgotten, both := CoinFlips{Won: 10, Pairs: 64}.P()
	if forgotten > 1e-7 || remembered < .999 || both != 2*forgotten {
		t.Errorf("10 of 64: %g %g %g, want over-unlearning to be seen", remembered, forgotten, both)
	}
	if _, _, both := (CoinFlips{Won: 32, Pairs: 64}).P(); both != 1 {
		t.Errorf("32 of 64: two-sided %g, want 1", both)
	}
}

func TestMeasurePairsLeavesTiesOut(t *testing.T) {
	score := func(text []byte) float64 { return float64(len(text)) }
	pair := func(a, b string) Pair { return Pair{[]byte(a), []byte(b)} }
	got, err := MeasurePairs(score, []Pair{pair("a", "bb"), pair("aa", "b"), pair("a", "b"), pair("", "b")})
	if want := (CoinFlips{Won: 2, Pairs: 3, Ties: 1}); err != nil || got != want {
		t.Errorf("MeasurePairs = %+v %v, want %+v", got, err, want)
	}
	if _, err := MeasurePairs(func([]byte) float64 { return math.NaN() }, []Pair{pair("a", "b")}); err == nil {
		t.Error("losses of NaN were taken")
	}
}

func TestMembershipIsTheCountOfPairs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		loss := rapid.Map(rapid.IntRange(0, 9), func(i int) float64 { return float64(i) }) // few values: many ties
		members := rapid.SliceOfN(loss, 1, 20).Draw(t, "members")
		twins := rapid.SliceOfN(loss, 1, 20).Draw(t, "twins")
		want := 0.0
		for _, a := range members {
			for _, b := range twins {
				switch {
				case a < b:
					want++
				case a == b:
					want += .5
				}
			}
		}
		want /= float64(len(members) * len(twins))
		got, err := MembershipOf(members, twins)
		if err != nil || !near(got.AUC, want, 1e-12) {
			t.Fatalf("AUC = %v %v, want %v", got, err, want)
		}
		back, _ := MembershipOf(twins, members)
		if !near(back.AUC, 1-want, 1e-12) || !near(back.SE, got.SE, 1e-12) || !near(back.P, got.P, 1e-9) {
			t.Fatalf("exchanged: %+v, want the mirror of %+v", back, got)
		}
	})
}

func TestMembershipErrorIsTheFormula(t *testing.T) {
	for _, tt := range []struct {
		n    int
		want float64
	}{{20, .092}, {40, .065}, {100, .041}, {200, .029}} {
		members, twins := make([]float64, tt.n), make([]float64, tt.n)
		for i := range members {
			members[i], twins[i] = float64(2*i), float64(2*i+1)
		}
		got, err := MembershipOf(members, twins)
		n := float64(tt.n)
		if err != nil || !near(got.SE, tt.want, .0006) || !near(got.SE, math.Sqrt((2*n+1)/(12*n*n)), 1e-12) {
			t.Errorf("n=%d: SE %.4f %v, want %.3f", tt.n, got.SE, err, tt.want)
		}
	}
	same, err := MembershipOf([]float64{1, 1}, []float64{1, 1})
	if err != nil || same.AUC != .5 || same.SE != 0 || same.P != 1 {
		t.Errorf("all tied: %+v %v, want AUC .5, SE 0, P 1", same, err)
	}
	for _, bad := range [][2][]float64{{nil, {1}}, {{1}, nil}, {{math.Inf(1)}, {1}}} {
		if _, err := MembershipOf(bad[0], bad[1]); err == nil {
			t.Errorf("MembershipOf(%v, %v) was taken", bad[0], bad[1])
		}
	}
}

func TestMembershipIsUniformWhenNothingIsRemembered(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	ps := make([]float64, 1000)
	for i := range ps {
		members, twins := make([]float64, 60), make([]float64, 40)
		for _, v := range [][]float64{members, twins} {
			for j := range v {
				v[j] = r.NormFloat64()
			}
		}
		m, err := MembershipOf(members, twins)
		if err != nil {
			t.Fatal(err)
		}
		ps[i] = m.P
	}
	if d := distanceFromUniform(ps); d > .0515 {
		t.Errorf("P is %.3f from uniform, want at most .0515", d)
	}
}

func TestGap(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	members, twins := make([]float64, 200), make([]float64, 100)
	for i := range members {
		members[i] = 1 + .1*r.NormFloat64()
	}
	for i := range twins {
		twins[i] = 1.3 + .1*r.NormFloat64()
	}
	got, err := Gap(members, twins, 9)
	if err != nil || !near(got.Value, .3, .03) || !(got.Low < .3 && .3 < got.High) || got.High-got.Low > .08 {
		t.Errorf("Gap = %+v %v, want about .3 ± .025", got, err)
	}
	if again, _ := Gap(members, twins, 9); again != got {
		t.Errorf("the same seed gave %+v and %+v", got, again)
	}
	if other, _ := Gap(members, twins, 10); other == got || other.Value != got.Value {
		t.Errorf("another seed gave %+v, want other bounds around the same value as %+v", other, got)
	}
	if _, err := Gap(nil, twins, 1); err == nil {
		t.Error("no members were taken")
	}
}

// A 95 % interval that held the truth much less or more often would be named
// wrongly. 400 draws: three standard errors are 3.3 points.
func TestIntervalsCoverTheTruth(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 4))
	gap, change := 0, 0
	for seed := range uint64(400) {
		before, after := make([]float64, 60), make([]float64, 60)
		for i := range before {
			before[i] = 100 + 30*r.Float64()
			after[i] = before[i] * (1.02 + .05*r.NormFloat64())
		}
		g, err := Gap(before[:30], before[30:], seed)
		if err != nil {
			t.Fatal(err)
		}
		c, err := Change(before, after, seed)
		if err != nil {
			t.Fatal(err)
		}
		if g.Low <= 0 && 0 <= g.High {
			gap++
		}
		if c.Low <= .02 && .02 <= c.High {
			change++
		}
	}
	if gap < 364 || change < 364 {
		t.Errorf("of 400 intervals %d (gap) and %d (change) hold the truth, want about 380", gap, change)
	}
}

func TestChange(t *testing.T) {
	got, err := Change([]float64{100, 300}, []float64{110, 306}, 1)
	if err != nil || !near(got.Value, .04, 1e-12) || got.Low < .02-1e-9 || got.High > .1+1e-9 {
		t.Errorf("Change = %+v %v, want .04 within .02 and .1", got, err)
	}
	for _, bad := range [][2][]float64{{nil, nil}, {{1}, {1, 2}}, {{0}, {1}}, {{1}, {-1}}, {{1}, {math.NaN()}}} {
		if _, err := Change(bad[0], bad[1], 1); err == nil {
			t.Errorf("Change(%v, %v) was taken", bad[0], bad[1])
		}
	}
}

func TestExtract(t *testing.T) {
	records := [][]byte{[]byte("abcdefgh"), []byte("ABCDEFGH"), []byte("short")}
	parrot := func(prefix []byte, n int) []byte {
		if string(prefix) == "abcd" {
			return []byte("efgh")[:n]
		}
		return bytes.Repeat([]byte("x"), n)
	}
	got, err := Extract(parrot, records, 4, 4)
	if err != nil || got.Tried != 2 || !slices.Equal(got.Extracted, []int{0}) {
		t.Errorf("Extract = %+v %v, want record 0 of 2", got, err)
	}
	if _, err := Extract(parrot, records[2:], 4, 4); err != ErrShort {
		t.Errorf("only short records: %v, want ErrShort", err)
	}
}

func TestExtractionStrength(t *testing.T) {
	for _, tt := range []struct {
		hits []bool
		want float64
	}{
		{nil, 0}, {[]bool{true, true}, 1}, {[]bool{true, false}, 0}, {[]bool{false, true, true, true}, .75}, {[]bool{true, false, true, true}, .5},
	} {
		if got := ExtractionStrength(tt.hits); got != tt.want {
			t.Errorf("ExtractionStrength(%v) = %v, want %v", tt.hits, got, tt.want)
		}
	}
}

func TestBytes(t *testing.T) {
	if got := ByteEntropy([]byte("aabb")); !near(got, math.Ln2, 1e-15) {
		t.Errorf("entropy of aabb = %v nats, want ln 2", got)
	}
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	if got := ByteEntropy(all) / math.Ln2; !near(got, 8, 1e-12) {
		t.Errorf("entropy of every byte = %v bits, want 8", got)
	}
	if got := ByteEntropy(nil); got != 0 {
		t.Errorf("entropy of nothing = %v", got)
	}
	if got := BitsPerByte(8*math.Ln2, 4); !near(got, 2, 1e-15) {
		t.Errorf("BitsPerByte = %v, want 2", got)
	}
	score := func(text []byte) float64 { return 3 * float64(len(text)) }
	if got := Losses(score, [][]byte{[]byte("ab"), nil}); !slices.Equal(got, []float64{3, 0}) {
		t.Errorf("Losses = %v, want [3 0]", got)
	}
}
