package checks

import (
	"encoding/binary"
	"fmt"
	"testing"

	"codeberg.org/althing/althing/training/robust"
)

// crowd makes updates that share a direction, by a generator that is quick.
func crowd(n, dim int) [][]float32 {
	common := make([]float32, dim)
	x := uint64(88172645463325252)
	next := func() float32 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		return float32(int32(x)) / (1 << 37)
	}
	for i := range common {
		common[i] = next()
	}
	list := make([][]float32, n)
	for k := range list {
		list[k] = make([]float32, dim)
		for i := range list[k] {
			list[k][i] = common[i] + next()
		}
	}
	return list
}

// BenchmarkRun is the line on checks of docs/performance.md.
func BenchmarkRun(b *testing.B) {
	for _, size := range []struct{ n, dim int }{{10, 1 << 20}, {50, 1 << 20}, {2000, 33 << 10}, {2000, 100 << 10}} {
		updates := crowd(size.n, size.dim)
		in := Round{Updates: make([]Update, size.n), Layers: []Layer{{"embed", 256 * 128, 128}, {"rest", size.dim - 256*128, 0}}, Limits: usual}
		for i := range in.Updates {
			in.Updates[i].Owner = int64(i)
			binary.LittleEndian.PutUint64(in.Updates[i].Digest[:], uint64(i)+1)
		}
		b.Run(fmt.Sprintf("%dx%d", size.n, size.dim), func(b *testing.B) {
			b.SetBytes(4 * int64(size.n) * int64(size.dim))
			for b.Loop() {
				if _, err := Run(robust.Memory(updates), in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
