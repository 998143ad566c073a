package compress

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

var every = []Settings{
	{Codec: None}, {Codec: BF16}, {Codec: Int8, Seed: 7}, {Codec: Sign}, {Codec: TopK, Share: 20}, {Codec: Mask, Share: 100, Seed: 7},
}

func normal(seed uint64, n int, scale float64) []float32 {
	r := rand.New(rand.NewPCG(seed, 1))
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(r.NormFloat64() * scale)
	}
	return v
}

func residualOf(s Settings, n int) []float32 {
	if s.Codec.Feedback() {
		return make([]float32, n)
	}
	return nil
}

func through(t interface{ Fatalf(string, ...any) }, update, residual []float32, s Settings) []float32 {
	data, err := Encode(update, residual, s)
	if err != nil {
		t.Fatalf("Encode(%v): %v", s, err)
	}
	dst := make([]float32, len(update))
	if err := Decode(dst, data, s); err != nil {
		t.Fatalf("Decode(%v): %v", s, err)
	}
	return dst
}

// sameBits compares what == cannot: signs of zero.
func sameBits(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) })
}

func drawUpdate(t *rapid.T) []float32 {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) float32 {
		exponent := rapid.IntRange(-149, 90).Draw(t, "exponent")
		if rapid.Bool().Draw(t, "near") {
			exponent = rapid.IntRange(-12, 0).Draw(t, "exponent")
		}
		return float32(math.Ldexp(rapid.Float64Range(-1, 1).Draw(t, "x"), exponent))
	}), 1, 700).Draw(t, "update")
}

func drawSettings(t *rapid.T) Settings {
	s := Settings{Codec: Codec(rapid.IntRange(1, 6).Draw(t, "codec"))}
	if s.Codec.shared() {
		s.Share = rapid.IntRange(1, 999).Draw(t, "share")
	}
	if s.Codec.seeded() {
		s.Seed = rapid.Uint64().Draw(t, "seed")
	}
	return s
}

// TestWorkedExample writes each codec's bytes out, so that another
// implementation can be written against them and ours cannot drift.
func TestWorkedExample(t *testing.T) {
	update := []float32{1, -2, 0.5, 0.25, 0, -0.125, 3, -1}
	for _, tt := range []struct {
		s    Settings
		want string // after magic and version
		sent []float32
	}{
		{Settings{Codec: None}, "01 0000 0800000000000000 0800000000000000 0000000000000000 00000000 0000803f000000c00000003f0000803e00000000000000be00004040000080bf", update},
		{Settings{Codec: BF16}, "02 0000 0800000000000000 0800000000000000 0000000000000000 00000000 803f00c0003f803e000000be404080bf", update},
		{Settings{Codec: Int8, Seed: 1}, "", nil},
		{Settings{Codec: Sign}, "04 0000 0800000000000000 0800000000000000 0000000000000000 00007c3f a2", []float32{0.984375, -0.984375, 0.984375, 0.984375, 0.984375, -0.984375, 0.984375, -0.984375}},
		{Settings{Codec: TopK, Share: 250}, "05 fa00 0800000000000000 0200000000000000 0000000000000000 00000000 01 04 000000c0 00004040", []float32{0, -2, 0, 0, 0, 0, 3, 0}},
	} {
		data, err := Encode(update, residualOf(tt.s, 8), tt.s)
		if err != nil {
			t.Fatal(err)
		}
		if tt.want != "" {
			if want := spaceless(tt.want); hex.EncodeToString(data[5:]) != want {
				t.Errorf("Encode(%v) = %x, want %s", tt.s, data[5:], want)
			}
		}
		got := through(t, update, residualOf(tt.s, 8), tt.s)
		if tt.sent != nil && !slices.Equal(got, tt.sent) {
			t.Errorf("%v sends %v, want %v", tt.s, got, tt.sent)
		}
	}
}

func spaceless(s string) string {
	return string(slices.DeleteFunc([]byte(s), func(b byte) bool { return b == ' ' }))
}

func TestEncodingIsTheSameEverywhere(t *testing.T) {
	update := normal(3, 1000, 1e-3)
	for i, s := range every {
		data, err := Encode(update, residualOf(s, len(update)), s)
		if err != nil {
			t.Fatal(err)
		}
		dst := make([]float32, len(update))
		if err := Decode(dst, data, s); err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprintf("%x %s", sum(data), ValuesDigest(dst).Hex()[:16])
		if want := goldenDigests[i]; got != want {
			t.Errorf("%v: bytes and values have digests %s, want %s", s, got, want)
		}
	}
}

func TestExactCodecsKeepEveryBit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		update := drawUpdate(t)
		if got := through(t, update, nil, Settings{Codec: None}); !sameBits(got, update) {
			t.Fatalf("none: %v became %v", update, got)
		}
		for i, got := range through(t, update, nil, Settings{Codec: BF16}) {
			if d := math.Abs(float64(got) - float64(update[i])); d > math.Abs(float64(update[i]))*0x1p-8+0x1p-134 {
				t.Fatalf("bf16: %v became %v", update[i], got)
			}
		}
	})
}

func TestFeedbackLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		update := drawUpdate(t)
		residual := make([]float32, len(update))
		for i := range residual {
			residual[i] = update[(i+1)%len(update)] / 2
		}
		p := make([]float32, len(update))
		for i := range p {
			p[i] = update[i] + residual[i]
		}
		most := 0.0
		for _, v := range p {
			most = max(most, math.Abs(float64(v)))
		}
		for _, s := range []Settings{{Codec: Sign}, {Codec: TopK, Share: rapid.IntRange(1, 999).Draw(t, "share")}} {
			kept := slices.Clone(residual)
			sent := through(t, update, kept, s)
			for i := range p {
				// A binary64 sum of two float32 that lie within 2²⁹ of each other is exact.
				total := float64(sent[i]) + float64(kept[i])
				if total != float64(float32(total)) {
					t.Fatalf("%v: %v + %v is no float32", s, sent[i], kept[i])
				}
				off := math.Abs(total - float64(p[i]))
				if s.Codec == TopK && off != 0 || off > most*0x1p-24+0x1p-150 {
					t.Fatalf("%v: sent %v + kept %v, want %v", s, sent[i], kept[i], p[i])
				}
			}
		}
	})
}

// TestFeedbackCatchesUp is what error feedback is for: over many rounds of one
// constant update, what was sent in all differs from what should have been by
// no more than the residual, which stays bounded. Without it the largest
// element, 3.1, would stay 2.3 off under Sign, and most others would never be
// sent under TopK.
func TestFeedbackCatchesUp(t *testing.T) {
	update := normal(5, 512, 1)
	for _, s := range []Settings{{Codec: Sign}, {Codec: TopK, Share: 50}} {
		const rounds = 3000
		residual := make([]float32, len(update))
		total := make([]float64, len(update))
		for range rounds {
			for i, v := range through(t, update, residual, s) {
				total[i] += float64(v)
			}
		}
		worst := 0.0
		for i, u := range update {
			worst = max(worst, math.Abs(total[i]/rounds-float64(u)))
			if off := math.Abs(total[i] + float64(residual[i]) - rounds*float64(u)); off > 1e-1 {
				t.Errorf("%v: element %d: %v sent and %v kept of %v", s, i, total[i], residual[i], rounds*float64(u))
			}
		}
		if worst > 0.25 {
			t.Errorf("%v: after %d rounds an element is %v off on average, want at most 0.25", s, rounds, worst)
		}
	}
}

// TestUnbiased bounds the mean over seeds. An int8 rounding lies within one
// step s of the truth, so by Hoeffding the mean of m leaves a band of
// s·√(ln(2N/10⁻⁹)/(2m)) for any of N elements with chance 10⁻⁹. A masked value
// is d/k·x or 0, a range of d/k·|x|.
func TestUnbiased(t *testing.T) {
	const m, n = 2000, 300
	update := normal(8, n, 1)
	update[0], update[1], update[2] = 100, 0, 1e-4 // a coarse scale for the first block
	step := []float64{100.01 / 127, float64(scaleOf(slices.Max(update[256:])))}
	for _, codec := range []Codec{Int8, Mask} {
		mean := make([]float64, n)
		for seed := range uint64(m) {
			s := Settings{Codec: codec, Seed: seed}
			if codec == Mask {
				s.Share = 100
			}
			for i, v := range through(t, update, nil, s) {
				mean[i] += float64(v) / m
			}
		}
		for i, x := range update {
			width := step[i/256] * 1.5
			if codec == Mask {
				width = 10 * math.Abs(float64(x))
			}
			bound := width*math.Sqrt(math.Log(2*n/1e-9)/(2*m)) + 1e-6
			if off := math.Abs(mean[i] - float64(x)); off > bound {
				t.Errorf("%v: mean of element %d over %d seeds is %v, want %v ± %v", codec, i, m, mean[i], x, bound)
			}
		}
	}
}

func TestInt8StaysWithinAStep(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		update := drawUpdate(t)
		s := Settings{Codec: Int8, Seed: rapid.Uint64().Draw(t, "seed")}
		got := through(t, update, nil, s)
		for from := 0; from < len(update); from += block {
			part := update[from:min(from+block, len(update))]
			most := float32(0)
			for _, v := range part {
				most = max(most, v, -v)
			}
			scale := float64(scaleOf(most))
			if most > 0 && (scale*127 < float64(most) || scale > float64(most)/127*(1+0x1p-15)+0x1p-149) {
				t.Fatalf("scale of %v is %v", most, scale)
			}
			for i, v := range part {
				if off := math.Abs(float64(got[from+i]) - float64(v)); off > scale {
					t.Fatalf("%v became %v with scale %v", v, got[from+i], scale)
				}
			}
		}
	})
}

func TestTopKSendsTheLargest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		update := drawUpdate(t)
		for range rapid.IntRange(0, 3).Draw(t, "ties") {
			update = append(update, update[0], -update[0])
		}
		s := Settings{Codec: TopK, Share: rapid.IntRange(1, 999).Draw(t, "share")}
		order := make([]int, len(update))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int { return int(magnitude(update[b])) - int(magnitude(update[a])) })
		want := make([]float32, len(update))
		for _, i := range order[:s.kept(len(update))] {
			want[i] = update[i] + 0 // p: -0 and a residual of 0 make 0
		}
		if got := through(t, update, make([]float32, len(update)), s); !sameBits(got, want) {
			t.Fatalf("top %d of %v = %v, want %v", s.kept(len(update)), update, got, want)
		}
	})
}

func TestMaskDrawsEverySetAlike(t *testing.T) {
	counts := map[string]int{}
	const draws = 60_000
	for seed := range uint64(draws) {
		set := ""
		masked(5, 2, newSplitmix(seed), func(i int) { set += string(rune('0' + i)) })
		counts[set]++
	}
	chi := 0.0
	for _, c := range counts {
		d := float64(c) - draws/10
		chi += d * d / (draws / 10)
	}
	if len(counts) != 10 || chi > 27.9 { // 0.999 quantile of χ² with 9 degrees
		t.Errorf("sets of 2 of 5 were drawn %v (χ² %.1f), want about %d each", counts, chi, draws/10)
	}
}

func TestSizes(t *testing.T) {
	for _, tt := range []struct {
		s    Settings
		want int64 // for 1,000,000 parameters
	}{
		{Settings{Codec: None}, 36 + 4_000_000}, {Settings{Codec: BF16}, 36 + 2_000_000},
		{Settings{Codec: Int8}, 36 + 1_000_000 + 4*3907}, {Settings{Codec: Sign}, 36 + 125_000},
		{Settings{Codec: Mask, Share: 10}, 36 + 40_000},
		{Settings{Codec: TopK, Share: 10}, 36 + 40_000 + 10_000 + 7812 + 61},
	} {
		if got := tt.s.LargestBytes(1_000_000); got != tt.want {
			t.Errorf("LargestBytes(%v) = %d, want %d", tt.s, got, tt.want)
		}
	}
	if got := RawBytes(1_000_000); got != 4_000_000 {
		t.Errorf("RawBytes = %d", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		update, s := drawUpdate(t), drawSettings(t)
		data, err := Encode(update, residualOf(s, len(update)), s)
		if err != nil {
			t.Fatal(err)
		}
		limit := s.LargestBytes(len(update))
		if n := int64(len(data)); n > limit || s.Codec != TopK && n != limit || cap(data) != int(limit) {
			t.Fatalf("%v of %d parameters takes %d bytes of %d, want at most %d", s, len(update), n, cap(data), limit)
		}
	})
}

func TestRefused(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, s := range every {
		for _, bad := range [][]float32{{1, nan}, {inf}, {-inf, 2}} {
			if _, err := Encode(bad, residualOf(s, len(bad)), s); !errors.Is(err, ErrNotFinite) {
				t.Errorf("Encode(%v, %v) = %v, want ErrNotFinite", bad, s, err)
			}
		}
		if _, err := Encode([]float32{math.MaxFloat32}, residualOf(s, 1), s); (err == nil) != (s.Codec == None) {
			t.Errorf("Encode(MaxFloat32, %v) = %v", s, err)
		}
		if _, err := Encode(nil, residualOf(s, 0), s); err == nil {
			t.Errorf("Encode(nil, %v) was taken", s)
		}
		wrong := []float32{0}
		if s.Codec.Feedback() {
			wrong = nil
		}
		if _, err := Encode([]float32{1}, wrong, s); err == nil {
			t.Errorf("Encode(%v) with a residual of %d was taken", s, len(wrong))
		}
	}
	for _, s := range []Settings{
		{}, {Codec: 7}, {Codec: TopK}, {Codec: Mask, Share: 1000}, {Codec: TopK, Share: -1}, {Codec: None, Share: 5}, {Codec: Sign, Seed: 1},
	} {
		if s.Check() == nil {
			t.Errorf("Check(%+v) = nil", s)
		}
	}
	for _, name := range []string{"", "gzip", "None"} {
		if c, err := Parse(name); err == nil {
			t.Errorf("Parse(%q) = %v", name, c)
		}
	}
	for c := None; c <= Mask; c++ {
		if got, err := Parse(c.String()); err != nil || got != c {
			t.Errorf("Parse(%q) = %v, %v", c, got, err)
		}
	}
}
