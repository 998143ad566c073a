package robust

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// BenchmarkRules is the table of docs/performance.md; testdata/numpy_peer.py
// prints the same for numpy.
func BenchmarkRules(b *testing.B) {
	const dim = 1_000_000
	r := rand.New(rand.NewPCG(1, 2))
	all := make([][]float32, 50)
	for i := range all {
		all[i] = make([]float32, dim)
		for k := range all[i] {
			all[i][k] = float32(int32(r.Uint32())) / (1 << 31)
		}
	}
	dst := make([]float32, dim)
	for _, n := range []int{10, 50} {
		f := (n - 3) / 4
		c := Memory(all[:n])
		ones := slices.Repeat([]int64{1}, n)
		for _, rule := range []struct {
			name string
			run  func() error
		}{
			{"median", func() error { return Median(dst, c, f) }},
			{"trimmed", func() error { return TrimmedMean(dst, c, f) }},
			{"krum", func() error { _, err := Krum(dst, c, f); return err }},
			{"bulyan", func() error { _, err := Bulyan(dst, c, f); return err }},
			{"geometric_3", func() error { _, err := GeometricMedian(dst, c, ones, f, 1e-6, 3); return err }},
			{"centered_3", func() error { _, err := CenteredClip(dst, c, nil, f, 100, 3); return err }},
		} {
			b.Run(fmt.Sprintf("%s/%dx1M", rule.name, n), func(b *testing.B) {
				b.SetBytes(int64(4 * dim * n))
				for b.Loop() {
					if err := rule.run(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
