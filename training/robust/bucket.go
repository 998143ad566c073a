package robust

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"codeberg.org/althing/althing/training/fedavg"
)

// Bucketed shuffles a cohort, averages it in buckets of size updates and
// returns the averages as a cohort, for any rule of this package (Karimireddy,
// He, Jaggi 2022, Algorithm 1, "s-bucketing"): where honest nodes hold
// different data their averages differ less than they do, and f bad updates
// spoil at most f buckets. The last bucket may be smaller. The second result
// gives the places in each bucket, in the order of summation.
//
// The shuffle sorts places by SHA-256 over a label, the seed and the place (8
// bytes, big-endian), lowest first, so that anyone recomputes it from the
// seed, which must be one that nobody chose: the round's, from the log.
func Bucketed(c Cohort, size int, seed [32]byte) (Cohort, [][]int, error) {
	n, _ := c.Size()
	if size < 1 || n == 0 {
		return nil, nil, fmt.Errorf("buckets of %d among %d updates", size, n)
	}
	lots := make([][32]byte, n)
	for i := range lots {
		b := append([]byte("althing bucket v1\n"), seed[:]...)
		lots[i] = sha256.Sum256(binary.BigEndian.AppendUint64(b, uint64(i)))
	}
	order := places(n)
	slices.SortFunc(order, func(a, b int) int { return bytes.Compare(lots[a][:], lots[b][:]) })
	buckets := slices.Collect(slices.Chunk(order, size))
	for _, b := range buckets {
		slices.Sort(b)
	}
	return bucketed{c, buckets}, buckets, nil
}

type bucketed struct {
	from    Cohort
	buckets [][]int
}

func (b bucketed) Size() (n, dim int) {
	_, dim = b.from.Size()
	return len(b.buckets), dim
}

func (b bucketed) Each(visit func(from int, part [][]float32) error) error {
	means := make([][]float32, len(b.buckets))
	return walk(b.from, func(from int, part [][]float32) error {
		length := len(part[0])
		for i := range means {
			means[i] = room(means[i], length)
		}
		fedavg.Split(length, Block, func(lo, hi int) {
			var z [Block]float64
			for ; lo < hi; lo += Block {
				end := min(lo+Block, hi)
				sum := z[:end-lo]
				for i, bucket := range b.buckets {
					clear(sum)
					for _, place := range bucket {
						fedavg.Accumulate(sum, part[place][lo:end], 1)
					}
					for k, v := range sum {
						means[i][lo+k] = float32(v / float64(len(bucket)))
					}
				}
			}
		})
		return visit(from, means)
	})
}
