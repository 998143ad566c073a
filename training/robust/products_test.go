package robust

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"pgregory.net/rapid"
)

// slowProduct is the order of the package comment read aloud.
func slowProduct(u, v []float32) float64 {
	total := 0.0
	for from := 0; from < len(u); from += half {
		var lane [8]float64
		for k := from; k < min(from+half, len(u)); k++ {
			lane[k%8] += float64(u[k]) * float64(v[k])
		}
		for l := range 4 {
			lane[l] += lane[l+4]
		}
		total += (lane[0] + lane[2]) + (lane[1] + lane[3])
	}
	return total
}

// kernels sets what the processor may use: 0 nothing, 1 AVX2, 2 AVX-512, as far
// as it has them, and returns what sets it back.
func kernels(level int) func() {
	was := [3]bool{wide, fused, wider}
	wide, fused, wider = was[0] && level > 0, was[1] && level > 0, was[2] && level > 1
	return func() { wide, fused, wider = was[0], was[1], was[2] }
}

// products of vectors in ranges of some blocks.
func productsOf(t interface{ Fatal(...any) }, updates [][]float32, blocks int) *Products {
	p := NewProducts(len(updates))
	for from := 0; from < len(updates[0]); from += blocks * Block {
		var part [][]float32
		for _, u := range updates {
			part = append(part, u[from:min(from+blocks*Block, len(u))])
		}
		if err := p.Add(part); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func TestProductsAreTheReferenceToTheBit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, dim := rapid.IntRange(1, 11).Draw(t, "n"), rapid.IntRange(1, 3*Block).Draw(t, "dim")
		updates := draw(rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)), n, dim)
		for _, u := range updates {
			copy(u, rapid.SliceOfN(rapid.SampledFrom([]float32{0, float32(math.Copysign(0, -1)), math.MaxFloat32, math.SmallestNonzeroFloat32}), 0, dim).Draw(t, "odd"))
		}
		defer kernels(rapid.IntRange(0, 2).Draw(t, "kernels"))()
		p := productsOf(t, updates, rapid.IntRange(1, 4).Draw(t, "blocks"))
		d := p.Distances()
		for i, u := range updates {
			for j, v := range updates {
				want := slowProduct(u, v)
				if got := p.At(i, j); math.Float64bits(got) != math.Float64bits(want) {
					t.Fatalf("product of %d and %d = %v, want %v", i, j, got, want)
				}
				far := max(0, slowProduct(u, u)+slowProduct(v, v)-2*want)
				if i == j {
					far = 0
				}
				if got := d.At(i, j); got != far {
					t.Fatalf("distance of %d and %d = %v, want %v", i, j, got, far)
				}
			}
		}
		own, with := Dots(updates[0][:min(dim, half)], updates[n-1][:min(dim, half)])
		if want, other := slowProduct(updates[0][:min(dim, half)], updates[0][:min(dim, half)]), slowProduct(updates[0][:min(dim, half)], updates[n-1][:min(dim, half)]); own != want || with != other {
			t.Fatalf("Dots = %v, %v; want %v, %v", own, with, want, other)
		}
	})
}

// More vectors than stay in a cache together take another road, in groups; it
// ends in the same bits whatever the kernel, the ranges and the processors.
func TestProductsOfManyVectors(t *testing.T) {
	const n, dim = 4*group*2 + 7, 2*Block + 19
	updates := draw(rand.New(rand.NewPCG(4, 4)), n, dim)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, tt := range []struct{ procs, kernels, blocks int }{{1, 0, 1}, {3, 1, 2}, {2, 2, 3}} {
		runtime.GOMAXPROCS(tt.procs)
		back := kernels(tt.kernels)
		p := productsOf(t, updates, tt.blocks)
		back()
		for i, u := range updates {
			for j := range i + 1 {
				if got, want := p.At(i, j), slowProduct(u, updates[j]); got != want || got != p.At(j, i) {
					t.Fatalf("%+v: product of %d and %d = %v, want %v", tt, i, j, got, want)
				}
			}
		}
	}
}

func TestMediansOfPiecesAreTheMedian(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "n")
		updates := draw(rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)), n, rapid.IntRange(1, 400).Draw(t, "dim"))
		for _, u := range updates {
			copy(u, rapid.SliceOfN(rapid.SampledFrom([]float32{0, float32(math.Copysign(0, -1)), math.MaxFloat32, -math.SmallestNonzeroFloat32}), 0, len(u)).Draw(t, "odd"))
		}
		got := make([]float32, len(updates[0]))
		defer kernels(rapid.IntRange(0, 2).Draw(t, "kernels"))()
		NewMedians(n).Of(got, updates)
		for k := range got {
			v := column(updates, k)
			if want := float32((v[(n-1)/2] + v[n/2]) / 2); math.Float32bits(got[k]) != math.Float32bits(want) {
				t.Fatalf("median of %v = %v, want %v", v, got[k], want)
			}
		}
	})
}

func TestProductsRefuse(t *testing.T) {
	p := NewProducts(2)
	if p.Add([][]float32{{1}}) == nil || p.Add([][]float32{{1}, {1, 2}}) == nil {
		t.Error("one vector of two, or two of different length, were taken")
	}
	if err := p.Add([][]float32{{1, 5}, {4, 1}}); err != nil || p.At(0, 1) != 9 || p.At(1, 0) != 9 || p.At(0, 0) != 26 {
		t.Errorf("product of (1,5) and (4,1) = %v and %v (%v), want 9", p.At(0, 1), p.At(1, 0), err)
	}
	if p.Add([][]float32{{1, 5}, {4, 1}}) == nil {
		t.Error("a range after the last was taken")
	}
	bad := productsOf(t, [][]float32{{1, float32(math.NaN())}, {1, 1}}, 1)
	if v := bad.At(0, 0); !math.IsNaN(v) {
		t.Errorf("the square of a vector with NaN is %v, want NaN", v)
	}
	if err := NewProducts(0).Add(nil); err != nil {
		t.Errorf("no vectors: %v", err)
	}
}

func BenchmarkProducts(b *testing.B) {
	for _, size := range []struct{ n, dim int }{{10, 1 << 20}, {50, 1 << 20}, {500, 32 * Block}, {2000, 4 * Block}} {
		updates := draw(rand.New(rand.NewPCG(4, 4)), size.n, size.dim)
		pairs := float64(size.n) * float64(size.n-1) / 2 * float64(size.dim)
		for _, how := range []struct {
			name string
			run  func() error
		}{
			{"products", func() error { productsOf(b, updates, max(1, 256/size.n)); return nil }},
			{"distances", func() error { _, err := Measure(Memory(updates)); return err }},
		} {
			b.Run(fmt.Sprintf("%s/%dx%d", how.name, size.n, size.dim), func(b *testing.B) {
				for b.Loop() {
					if err := how.run(); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(pairs*float64(b.N)/b.Elapsed().Seconds()/1e9, "Gpairs/s")
			})
		}
	}
}
