package fedavg

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

// slowMean is Algorithm 1 read aloud: for each parameter, the sum over the
// cohort in order, then one division.
func slowMean(updates [][]float32, weights []int64) []float32 {
	mean := make([]float32, len(updates[0]))
	for i := range mean {
		sum, total := 0.0, 0.0
		for k, u := range updates {
			product := float64(weights[k]) * float64(u[i])
			sum = sum + product
			total += float64(weights[k])
		}
		mean[i] = float32(sum / total)
	}
	return mean
}

func bitsOf(v []float32) []uint32 {
	out := make([]uint32, len(v))
	for i, x := range v {
		out[i] = math.Float32bits(x)
	}
	return out
}

func mean(t interface{ Fatal(...any) }, updates [][]float32, weights []int64) []float32 {
	m := NewMean(len(updates[0]))
	for k, u := range updates {
		if err := m.Add(u, weights[k]); err != nil {
			t.Fatal(err)
		}
	}
	dst := make([]float32, len(updates[0]))
	if err := m.Into(dst); err != nil {
		t.Fatal(err)
	}
	return dst
}

func TestMeanWeighsByExamples(t *testing.T) {
	got := mean(t, [][]float32{{1, -2, 0}, {4, 1, 3}}, []int64{1, 3})
	if want := []float32{3.25, 0.25, 2.25}; !slices.Equal(got, want) {
		t.Errorf("mean = %v, want %v", got, want)
	}
}

func TestMeanIsTheReferenceToTheBit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k, dim := rapid.IntRange(1, 6).Draw(t, "k"), rapid.IntRange(1, 40).Draw(t, "dim")
		updates := rapid.SliceOfN(rapid.SliceOfN(rapid.Float32Range(-1e30, 1e30), dim, dim), k, k).Draw(t, "updates")
		weights := rapid.SliceOfN(rapid.Int64Range(1, 1<<40), k, k).Draw(t, "weights")
		got, want := mean(t, updates, weights), slowMean(updates, weights)
		if !slices.Equal(bitsOf(got), bitsOf(want)) {
			t.Fatalf("mean = %v, want %v", got, want)
		}
	})
}

func TestMeanInPartsIsTheReferenceToTheBit(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	updates, weights := make([][]float32, 5), []int64{3, 1, 4, 1, 5}
	for k := range updates {
		updates[k] = make([]float32, 300_001)
		for i := range updates[k] {
			updates[k][i] = float32(r.NormFloat64())
		}
	}
	if !slices.Equal(bitsOf(mean(t, updates, weights)), bitsOf(slowMean(updates, weights))) {
		t.Error("the mean of 300,001 parameters differs from the reference")
	}
}

func TestMeanOfEqualUpdatesIsTheUpdate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u := rapid.SliceOfN(rapid.Float32Range(-1e6, 1e6), 1, 20).Draw(t, "update")
		weights := rapid.SliceOfN(rapid.Int64Range(1, 1<<20), 1, 5).Draw(t, "weights")
		updates := make([][]float32, len(weights))
		for k := range updates {
			updates[k] = u
		}
		for i, got := range mean(t, updates, weights) {
			if got != u[i] {
				t.Fatalf("element %d = %v, want %v", i, got, u[i])
			}
		}
	})
}

func TestMeanRefuses(t *testing.T) {
	m := NewMean(2)
	if err := m.Into(make([]float32, 2)); !errors.Is(err, ErrEmpty) {
		t.Errorf("Into without updates: %v, want ErrEmpty", err)
	}
	for _, tt := range []struct {
		name   string
		update []float32
		weight int64
	}{
		{"short", []float32{1}, 1}, {"long", []float32{1, 2, 3}, 1},
		{"no weight", []float32{1, 2}, 0}, {"negative", []float32{1, 2}, -1}, {"beyond 2^53", []float32{1, 2}, 1<<53 + 1},
	} {
		if m.Add(tt.update, tt.weight) == nil {
			t.Errorf("%s: Add(%v, %d) = nil", tt.name, tt.update, tt.weight)
		}
	}
	if err := m.Add([]float32{1, 2}, 1<<53); err != nil {
		t.Error(err)
	}
	if m.Add([]float32{1, 2}, 1) == nil {
		t.Error("a sum beyond 2^53 was taken")
	}
	if m.Into(make([]float32, 3)) == nil || m.Total() != 1<<53 {
		t.Errorf("a long dst was taken, or total %d is wrong", m.Total())
	}
}

func TestClip(t *testing.T) {
	u := []float32{3, 4}
	if before := Clip(u, 5); before != 5 || u[0] != 3 {
		t.Errorf("Clip at its norm = %v %v, want it left", before, u)
	}
	if before := Clip(u, 0); before != 5 || u[0] != 3 {
		t.Errorf("Clip at 0 = %v %v, want it left", before, u)
	}
	if before := Clip(u, 2.5); before != 5 || u[0] != 1.5 || u[1] != 2 {
		t.Errorf("Clip to 2.5 = %v %v, want [1.5 2]", before, u)
	}
}

func TestClipNeverLeavesMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u := rapid.SliceOfN(rapid.Float32Range(-1e20, 1e20), 1, 50).Draw(t, "update")
		limit := rapid.Float64Range(1e-3, 1e15).Draw(t, "limit")
		old := slices.Clone(u)
		before := Clip(u, limit)
		if got := Norm(u); got > limit {
			t.Fatalf("norm %v after Clip to %v", got, limit)
		}
		if before > limit {
			if got := Norm(u); got < limit*(1-1e-5) {
				t.Fatalf("norm %v after Clip to %v: too much was taken", got, limit)
			}
		} else if !slices.Equal(u, old) {
			t.Fatalf("%v changed to %v within the limit %v", old, u, limit)
		}
	})
}

func TestCapWeights(t *testing.T) {
	for _, tt := range []struct {
		weights  []int64
		num, den int64
		want     []int64
	}{
		{[]int64{1, 2, 3}, 1, 2, []int64{1, 2, 3}},                      // 3 of 6 is a half
		{[]int64{1, 2, 9}, 1, 2, []int64{1, 2, 3}},                      // 3 of 6
		{[]int64{10, 10, 10, 1_000_000}, 2, 4, []int64{10, 10, 10, 30}}, // 30 of 60
		{[]int64{1, 5, 7}, 1, 3, []int64{1, 1, 1}},
		{[]int64{1, 100, 200, 300}, 2, 5, []int64{1, 100, 200, 200}}, // 200 of 501; 201 of 503 is too much
		{[]int64{5, 0, 9}, 1, 2, []int64{5, 0, 5}},
		{[]int64{7}, 1, 1, []int64{7}},
		{[]int64{1 << 52, 1 << 51}, 1, 2, []int64{1 << 51, 1 << 51}},
	} {
		got, err := CapWeights(tt.weights, tt.num, tt.den)
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("CapWeights(%v, %d/%d) = %v %v, want %v", tt.weights, tt.num, tt.den, got, err, tt.want)
		}
	}
}

func TestCapWeightsRefuses(t *testing.T) {
	for _, tt := range []struct {
		weights  []int64
		num, den int64
	}{
		{[]int64{1, 1}, 1, 3}, {[]int64{1, 0, 0}, 1, 2}, {nil, 1, 1}, {[]int64{1, -1}, 1, 1}, {[]int64{1}, 0, 1},
		{[]int64{1}, 2, 1}, {[]int64{1}, 1, 1 << 40}, {[]int64{1 << 53, 1}, 1, 1},
	} {
		if got, err := CapWeights(tt.weights, tt.num, tt.den); err == nil {
			t.Errorf("CapWeights(%v, %d/%d) = %v, want an error", tt.weights, tt.num, tt.den, got)
		}
	}
}

func TestCapWeightsObeysAndIsTight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.Int64Range(1, 1<<44), 1, 8).Draw(t, "weights")
		den := rapid.Int64Range(1, 100).Draw(t, "den")
		num := rapid.Int64Range((den+int64(len(weights))-1)/int64(len(weights)), den).Draw(t, "num")
		got, err := CapWeights(weights, num, den)
		if err != nil {
			t.Fatal(err)
		}
		level := slices.Max(got)
		obeys := func(c int64) bool {
			sum := new(big.Int)
			for _, w := range weights {
				sum.Add(sum, big.NewInt(min(w, c)))
			}
			left := new(big.Int).Mul(big.NewInt(den), big.NewInt(c))
			return left.Cmp(sum.Mul(sum, big.NewInt(num))) <= 0
		}
		if !obeys(level) {
			t.Fatalf("CapWeights(%v, %d/%d) = %v: the cap is broken", weights, num, den, got)
		}
		if level < slices.Max(weights) && obeys(level+1) {
			t.Fatalf("CapWeights(%v, %d/%d) = %v: %d would obey as well", weights, num, den, got, level+1)
		}
		for i, w := range weights {
			if got[i] != min(w, level) {
				t.Fatalf("member %d of %v has %d, want min(%d, %d)", i, weights, got[i], w, level)
			}
		}
	})
}

func TestAverageIsAddAfterAddToTheBit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k, dim := rapid.IntRange(1, 6).Draw(t, "k"), rapid.SampledFrom([]int{1, 15, 16, 33, 4097, 140_001}).Draw(t, "dim")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		updates, weights := make([][]float32, k), make([]int64, k)
		for i := range updates {
			updates[i], weights[i] = make([]float32, dim), 1+r.Int64N(1<<40)
			for j := range updates[i] {
				updates[i][j] = float32(r.NormFloat64())
			}
		}
		m, got := NewMean(dim), make([]float32, dim)
		for i, u := range updates {
			if err := m.Add(u, weights[i]); err != nil {
				t.Fatal(err)
			}
		}
		if err := m.Into(got); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(bitsOf(got), bitsOf(slowMean(updates, weights))) {
			t.Fatalf("%d updates of %d parameters, one after the other, differ from the reference", k, dim)
		}
		clear(got)
		if err := Average(got, updates, weights); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(bitsOf(got), bitsOf(slowMean(updates, weights))) {
			t.Fatalf("Average of %d updates of %d parameters differs from the reference", k, dim)
		}
	})
}

func TestAverageRefuses(t *testing.T) {
	dst := make([]float32, 2)
	if Average(dst, [][]float32{{1, 2}, {1, 2, 3}}, []int64{1, 1}) == nil || Average(dst, [][]float32{{1, 2}}, nil) == nil || Average(dst, [][]float32{{1, 2}}, []int64{0}) == nil {
		t.Error("Average took a long update, updates without weights or a weight of nothing")
	}
	if err := Average(dst, nil, nil); !errors.Is(err, ErrEmpty) {
		t.Errorf("Average of nothing: %v, want ErrEmpty", err)
	}
}

func TestAccumulateVectorsAreThePortableBits(t *testing.T) {
	if !wide {
		t.Log("no vectors on this processor: only the portable path runs")
	}
	r := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{0, 1, 15, 16, 17, 64, 255} {
		u, w := make([]float32, n), r.NormFloat64()
		got, want := make([]float64, n), make([]float64, n)
		for i := range u {
			u[i], got[i] = float32(r.NormFloat64()), r.NormFloat64()
			product := w * float64(u[i])
			want[i] = got[i] + product
		}
		Accumulate(got, u, w)
		for i := range got {
			if math.Float64bits(got[i]) != math.Float64bits(want[i]) {
				t.Fatalf("%d values: element %d is %v, want %v", n, i, got[i], want[i])
			}
		}
	}
}

func TestDivideVectorsAreThePortableBits(t *testing.T) {
	defer func(vectors bool) { wide = vectors }(wide)
	r := rand.New(rand.NewPCG(5, 6))
	for _, n := range []int{0, 1, 7, 8, 9, 64, 255} {
		sum, got, want := make([]float64, n), make([]float32, n), make([]float32, n)
		for i := range sum {
			sum[i] = math.Ldexp(r.NormFloat64(), r.IntN(280)-140)
		}
		vectors := wide
		ok := divide(got, sum, 1234567)
		wide = false
		if plain := divide(want, sum, 1234567); plain != ok || !slices.Equal(bitsOf(got), bitsOf(want)) {
			t.Errorf("%d sums by vectors: %v, finite %v; plainly %v, %v", n, got, ok, want, plain)
		}
		wide = vectors
	}
}

func TestMeanRefusesWhatIsNotFinite(t *testing.T) {
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		for at := range 9 {
			update := make([]float32, 9)
			update[at] = float32(v)
			m := NewMean(9)
			for _, u := range [][]float32{make([]float32, 9), update} {
				if err := m.Add(u, 3); err != nil {
					t.Fatal(err)
				}
			}
			if err := m.Into(make([]float32, 9)); !errors.Is(err, ErrNotFinite) {
				t.Errorf("mean with %v at %d: %v, want ErrNotFinite", v, at, err)
			}
			if err := Average(make([]float32, 9), [][]float32{update}, []int64{3}); !errors.Is(err, ErrNotFinite) {
				t.Errorf("Average with %v at %d: %v, want ErrNotFinite", v, at, err)
			}
			if Finite(update) {
				t.Errorf("Finite(%v) = true", update)
			}
		}
	}
	if !Finite([]float32{math.MaxFloat32, -math.MaxFloat32, 0, math.SmallestNonzeroFloat32, 1}) {
		t.Error("the largest numbers are called not finite")
	}
}

func TestSplitCoversEveryPlaceOnce(t *testing.T) {
	for _, tt := range []struct{ n, grain int }{{0, 4}, {1, 4}, {4, 4}, {5, 4}, {1000, 7}, {100, 1}, {63, 64}} {
		seen := make([]atomic.Int32, tt.n)
		Split(tt.n, tt.grain, func(from, to int) {
			if from%tt.grain != 0 || to%tt.grain != 0 && to != tt.n || from >= to {
				t.Errorf("Split(%d, %d) gave [%d, %d)", tt.n, tt.grain, from, to)
			}
			for i := from; i < to; i++ {
				seen[i].Add(1)
			}
		})
		for i := range seen {
			if n := seen[i].Load(); n != 1 {
				t.Errorf("Split(%d, %d) visited %d %d times", tt.n, tt.grain, i, n)
			}
		}
	}
}

func TestFiniteFindsOneValueAnywhere(t *testing.T) {
	for _, n := range []int{1, 15, 16, 17, 40} {
		for at := range n {
			for _, tt := range []struct {
				value float64
				want  bool
			}{{math.NaN(), false}, {math.Inf(1), false}, {math.Inf(-1), false}, {-math.MaxFloat32, true}, {math.MaxFloat32, true}} {
				v := make([]float32, n)
				v[at] = float32(tt.value)
				if got := Finite(v); got != tt.want {
					t.Fatalf("Finite of %d values with %v at %d = %v, want %v", n, tt.value, at, got, tt.want)
				}
			}
		}
	}
}

func TestMedianNorm(t *testing.T) {
	for _, tt := range []struct {
		norms []float64
		want  float64
	}{{[]float64{3}, 3}, {[]float64{9, 1}, 1}, {[]float64{5, 100, 1}, 5}, {[]float64{4, 2, 1, 1e300}, 2}} {
		if got, err := MedianNorm(tt.norms); err != nil || got != tt.want {
			t.Errorf("MedianNorm(%v) = %v %v, want %v", tt.norms, got, err, tt.want)
		}
	}
	for _, norms := range [][]float64{nil, {math.NaN()}, {1, math.Inf(1)}, {-1}} {
		if got, err := MedianNorm(norms); err == nil {
			t.Errorf("MedianNorm(%v) = %v, want an error", norms, got)
		}
	}
}

func TestMedianNormObeysTheMajority(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.IntRange(0, 5).Draw(t, "f")
		honest := rapid.SliceOfN(rapid.Float64Range(0, 10), f+1, f+6).Draw(t, "honest")
		lies := rapid.SliceOfN(rapid.Float64Range(0, 1e300), f, f).Draw(t, "lies")
		got, err := MedianNorm(append(slices.Clone(honest), lies...))
		if err != nil || got < slices.Min(honest) || got > slices.Max(honest) {
			t.Fatalf("MedianNorm(%v and %v) = %v %v, want a norm between honest ones", honest, lies, got, err)
		}
	})
}

func TestClipFactorIsTheFirstStepOfClip(t *testing.T) {
	for _, tt := range []struct{ norm, limit, want float64 }{{5, 10, 1}, {5, 5, 1}, {0, 0, 1}, {8, 2, 0.25}} {
		if got := ClipFactor(tt.norm, tt.limit); got != tt.want {
			t.Errorf("ClipFactor(%v, %v) = %v, want %v", tt.norm, tt.limit, got, tt.want)
		}
	}
}

func BenchmarkMean(b *testing.B) {
	const dim, cohort = 1 << 20, 10
	updates := make([][]float32, cohort)
	for k := range updates {
		updates[k] = make([]float32, dim)
		for i := range updates[k] {
			updates[k][i] = float32(i%17-8) / 16
		}
	}
	dst := make([]float32, dim)
	b.Run(fmt.Sprintf("%dx1M", cohort), func(b *testing.B) {
		b.SetBytes(4 * dim * cohort)
		m := NewMean(dim)
		for b.Loop() {
			clear(m.sum)
			m.total = 0
			for k := range updates {
				if err := m.Add(updates[k], int64(k)+1); err != nil {
					b.Fatal(err)
				}
			}
			if err := m.Into(dst); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run(fmt.Sprintf("%dx1M_in_memory", cohort), func(b *testing.B) {
		b.SetBytes(4 * dim * cohort)
		weights := []int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
		for b.Loop() {
			if err := Average(dst, updates, weights); err != nil {
				b.Fatal(err)
			}
		}
	})
}
