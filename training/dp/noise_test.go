package dp

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// fixed is a stream of bytes that a test can repeat.
func fixed(seed byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte{seed}) }

func draw(t testing.TB, n int, sigma uint64, seed byte) []int64 {
	v := make([]int64, n)
	if err := addNoise(v, sigma, fixed(seed)); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestGaussianHasItsDistribution compares counts with exp(−y²/2σ²) by χ². The
// bound is the mean of χ² and 6 of its deviations.
func TestGaussianHasItsDistribution(t *testing.T) {
	const n = 200_000
	for _, sigma := range []uint64{1, 2, 5} {
		counts := map[int64]int{}
		for _, y := range draw(t, n, sigma, byte(sigma)) {
			counts[y]++
		}
		all := 0.0
		weight := func(y int64) float64 { return math.Exp(-float64(y*y) / float64(2*sigma*sigma)) }
		for y := int64(-100); y <= 100; y++ {
			all += weight(y)
		}
		chi, cells, tail := 0.0, 0.0, float64(n)
		tailSeen := n
		for y := int64(-100); y <= 100; y++ {
			want := n * weight(y) / all
			if want < 20 {
				continue
			}
			chi += (float64(counts[y]) - want) * (float64(counts[y]) - want) / want
			cells++
			tail -= want
			tailSeen -= counts[y]
		}
		if limit := cells + 6*math.Sqrt(2*cells); chi > limit {
			t.Errorf("σ = %d: χ² = %.1f over %v values, want at most %.1f", sigma, chi, cells, limit)
		}
		if off := math.Abs(float64(tailSeen) - tail); off > 6*math.Sqrt(tail)+1 {
			t.Errorf("σ = %d: %d in the tails, want about %.0f", sigma, tailSeen, tail)
		}
	}
}

func TestGaussianOnTheGridIsNormal(t *testing.T) {
	const n = 200_000
	var mean, square, fourth float64
	within := 0
	for _, y := range draw(t, n, sigma, 9) {
		x := float64(y) / sigma
		mean += x / n
		square += x * x / n
		fourth += x * x * x * x / n
		if math.Abs(x) < 0.6744897501960817 { // half of a normal distribution
			within++
		}
	}
	for _, m := range []struct {
		name            string
		got, want, dev1 float64
	}{
		{"mean", mean, 0, 1}, {"variance", square, 1, math.Sqrt2}, {"fourth moment", fourth, 3, math.Sqrt(96)}, {"share within the quartiles", float64(within) / n, 0.5, 0.5},
	} {
		if off := math.Abs(m.got - m.want); off > 5*m.dev1/math.Sqrt(n) {
			t.Errorf("%s of %d draws = %v, want %v ± %v", m.name, n, m.got, m.want, 5*m.dev1/math.Sqrt(n))
		}
	}
}

func TestCoinsAreExact(t *testing.T) {
	const n = 200_000
	c := coins{fixed(3)}
	for _, tt := range []struct{ a, b uint64 }{{0, 5}, {1, 3}, {5, 7}, {1, 1}, {7, 3}, {1 << 50, 1<<51 + 1}} {
		shares, exponentials := 0, 0
		for range n {
			if c.share(tt.a, tt.b) {
				shares++
			}
			if c.exponential(tt.a, tt.b) {
				exponentials++
			}
		}
		p := float64(tt.a) / float64(tt.b)
		for _, k := range []struct {
			name string
			got  int
			want float64
		}{{"share", shares, min(1, p)}, {"exponential", exponentials, math.Exp(-p)}} {
			if off := math.Abs(float64(k.got)/n - k.want); off > 5*math.Sqrt(k.want*(1-k.want)/n) {
				t.Errorf("%s(%d, %d) is true in %v of the cases, want %v", k.name, tt.a, tt.b, float64(k.got)/n, k.want)
			}
		}
	}
	counts := [3]int{}
	for range n {
		counts[c.below(3)]++
	}
	for i, k := range counts {
		if math.Abs(float64(k)-n/3.0) > 5*math.Sqrt(n*2/9.0) {
			t.Errorf("below(3) is %d in %d of %d cases", i, k, n)
		}
	}
}

func TestNoiseNeedsItsBytesAndNothingElse(t *testing.T) {
	a, b := draw(t, 40_000, sigma, 1), draw(t, 40_000, sigma, 1)
	if !slices.Equal(a, b) {
		t.Error("equal random bytes gave different noise")
	}
	if c := draw(t, 40_000, sigma, 2); slices.Equal(a[:8], c[:8]) || slices.Equal(a[:8], a[stripe:stripe+8]) {
		t.Error("other bytes, or another stripe, gave equal noise")
	}
	if err := addNoise(make([]int64, 3), sigma, strings.NewReader("too short")); err == nil {
		t.Error("noise was made of nine bytes")
	}
}

// TestBitsAreTheSameEverywhere pins what a verifier computes again: the sum's
// noise for given bytes, a clip norm and the digits behind an ε.
func TestBitsAreTheSameEverywhere(t *testing.T) {
	noise := draw(t, 5, sigma, 7)
	clip, err := Adaptive{Quantile: 0.5, Rate: 0.2, CountNoise: 5}.NextClip(0.37, 61, 100, 100, fixed(7))
	if err != nil {
		t.Fatal(err)
	}
	a, err := AccountOf(Rounds{0.037, 1.3, 71})
	epsilon, _ := a.Improved(1e-6)
	got := fmt.Sprintf("%d %s %x", noise, DecimalOf(clip), math.Float64bits(epsilon))
	if want := "[745976 -377902 -560560 1361772 -12854] 0.359383 3ffd66c1636e1a56"; err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

// TestMemberMovesTheSumByTheSensitivity is the promise on which all rests: in
// whole steps, no update of any shape adds more than 2²⁰/z.
func TestMemberMovesTheSumByTheSensitivity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		update := rapid.SliceOfN(rapid.Float32Range(-1e30, 1e30), 1, 50).Draw(t, "update")
		if rapid.Bool().Draw(t, "small") {
			for i := range update {
				update[i] /= 1e30
			}
		}
		clip, noise := rapid.Float64Range(1e-6, 1e6).Draw(t, "clip"), rapid.Float64Range(0.01, 100).Draw(t, "noise")
		s, err := NewSum(len(update), clip, noise)
		if err != nil {
			t.Fatal(err)
		}
		within, err := s.Add(update)
		if err != nil {
			t.Fatal(err)
		}
		squares, norm := int64(0), 0.0
		for i, steps := range s.total {
			squares += steps * steps
			norm += float64(update[i]) * float64(update[i])
		}
		if most := sigma / noise; float64(squares) > most*most {
			t.Fatalf("%v with clip norm %v and noise %v moves the sum by √%d steps, want at most %v", update, clip, noise, squares, most)
		}
		norm = math.Sqrt(norm)
		if within != (norm <= clip) {
			t.Fatalf("norm %v is within %v: %v", norm, clip, within)
		}
		factor := min(1, clip/norm)
		for i, steps := range s.total {
			want := float64(update[i]) * factor
			if got := float64(steps) * s.grid; math.Abs(got) > math.Abs(want)*(1+1e-9) || math.Abs(got-want) > s.grid+1e-5*math.Abs(want) {
				t.Fatalf("element %d is %v on the grid, want %v", i, got, want)
			}
		}
	})
}

func TestReleaseIsTheMeanAndNoise(t *testing.T) {
	const d, members, clip, noise = 50_000, 10, 2.0, 0.7
	s, err := NewSum(d, clip, noise)
	if err != nil {
		t.Fatal(err)
	}
	update := make([]float32, d)
	for i := range update {
		update[i] = float32(i%5) * 0.003
	}
	for range members {
		if within, err := s.Add(update); err != nil || !within {
			t.Fatalf("Add = %v, %v", within, err)
		}
	}
	dst := make([]float32, d)
	if err := s.Release(dst, members, fixed(4)); err != nil {
		t.Fatal(err)
	}
	var mean, square float64
	for i, v := range dst {
		x := (float64(v) - float64(update[i])) * members / (clip * noise)
		mean += x / d
		square += x * x / d
	}
	if math.Abs(mean) > 5/math.Sqrt(d) || math.Abs(square-1) > 5*math.Sqrt(2.0/d) {
		t.Errorf("what was added has mean %v and variance %v in units of z·C, want 0 and 1", mean, square)
	}
	if err := s.Release(dst, members, fixed(5)); !errors.Is(err, ErrReleased) {
		t.Errorf("a second release: %v, want ErrReleased", err)
	}
	if _, err := s.Add(update); !errors.Is(err, ErrReleased) || s.Members() != members {
		t.Errorf("Add after the release: %v with %d members, want ErrReleased and %d", err, s.Members(), members)
	}
}

func TestSumRefuses(t *testing.T) {
	for _, tt := range []struct {
		d           int
		clip, noise float64
	}{{0, 1, 1}, {1, 0, 1}, {1, math.NaN(), 1}, {1, 1, 0}, {1, 1, math.Inf(1)}} {
		if _, err := NewSum(tt.d, tt.clip, tt.noise); err == nil {
			t.Errorf("NewSum(%v) was made", tt)
		}
	}
	s, err := NewSum(2, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]float32{{1}, {1, 2, 3}, {1, float32(math.NaN())}, {float32(math.Inf(-1)), 0}} {
		if _, err := s.Add(bad); err == nil || s.Members() != 0 {
			t.Errorf("Add(%v) was taken", bad)
		}
	}
	if s.Release(make([]float32, 3), 1, fixed(1)) == nil || s.Release(make([]float32, 2), 0, fixed(1)) == nil {
		t.Error("a release to three places, or divided by zero, was made")
	}
	if err := s.Release(make([]float32, 2), 1, strings.NewReader("")); err == nil {
		t.Error("a release without random bytes was made")
	}
	if err := s.Release(make([]float32, 2), 1, fixed(1)); !errors.Is(err, ErrReleased) {
		t.Errorf("a release after one whose noise failed: %v, want ErrReleased", err)
	}
}

func TestEffectiveNoise(t *testing.T) {
	a := Adaptive{Quantile: 0.5, Rate: 0.2, CountNoise: 5}
	got, err := a.Effective(1)
	if want := 1 / math.Sqrt(1-0.01); err != nil || math.Abs(got-want) > 1e-12 {
		t.Errorf("Effective(1) = %v, %v, want %v", got, err, want)
	}
	// Sum and count together cost what one release with z would.
	if joint := 1/(got*got) + 1/(4*a.CountNoise*a.CountNoise); math.Abs(joint-1) > 1e-12 {
		t.Errorf("sum and count cost %v of 1", joint)
	}
	for _, z := range []float64{0, -1, 10, 11, math.NaN()} {
		if got, err := a.Effective(z); err == nil {
			t.Errorf("Effective(%v) = %v", z, got)
		}
	}
}

// TestClipFindsTheQuantile lets the clip norm look for the median of norms
// that lie between 1 and 2 and of norms a hundred times that.
func TestClipFindsTheQuantile(t *testing.T) {
	a := Adaptive{Quantile: 0.5, Rate: 0.2, CountNoise: 5}
	for _, start := range []float64{0.01, 100} {
		clip, random := start, fixed(6)
		average := 0.0
		for round := range 200 {
			within := 0
			for i := range 100 {
				if 1+float64(i)/100 <= clip {
					within++
				}
			}
			var err error
			if clip, err = a.NextClip(clip, within, 100, 100, random); err != nil {
				t.Fatal(err)
			}
			if round >= 100 {
				average += clip / 100
			}
		}
		if math.Abs(average-1.5) > 0.05 {
			t.Errorf("from %v the clip norm comes to %v, want 1.5", start, average)
		}
	}
	for _, tt := range []struct{ within, members, expected int }{{-1, 5, 5}, {6, 5, 5}, {1, 5, 0}} {
		if c, err := a.NextClip(1, tt.within, tt.members, tt.expected, fixed(1)); err == nil {
			t.Errorf("NextClip(%+v) = %v", tt, c)
		}
	}
	if c, err := (Adaptive{}).NextClip(1, 1, 2, 2, fixed(1)); err == nil {
		t.Errorf("NextClip without settings = %v", c)
	}
	if c, err := a.NextClip(1, 1, 2, 2, strings.NewReader("")); err == nil {
		t.Errorf("NextClip without random bytes = %v", c)
	}
}

func TestDecimalOfAClipNorm(t *testing.T) {
	for clip, want := range map[float64]string{1: "1", 0.1: "0.1", 1.23456789: "1.23457", 123456789: "123457000", 0.000012345678: "0.0000123457"} {
		if got := DecimalOf(clip); got != want {
			t.Errorf("DecimalOf(%v) = %s, want %s", clip, got, want)
		}
	}
}

func BenchmarkNoise(b *testing.B) {
	v := make([]int64, 1_000_000)
	random := fixed(1)
	for b.Loop() {
		if err := addNoise(v, sigma, random); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSum(b *testing.B) {
	update := make([]float32, 1_000_000)
	for i := range update {
		update[i] = float32(i%17-8) / 1e4
	}
	s, err := NewSum(len(update), 0.1, 1)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(4 * int64(len(update)))
	for b.Loop() {
		if _, err := s.Add(update); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAccount(b *testing.B) {
	for _, q := range []float64{1, 0.01} {
		b.Run(fmt.Sprintf("q=%g", q), func(b *testing.B) {
			for b.Loop() {
				a, err := AccountOf(Rounds{q, 1, 1000})
				if err != nil {
					b.Fatal(err)
				}
				a.Improved(1e-5)
			}
		})
	}
}
