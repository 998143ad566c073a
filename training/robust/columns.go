package robust

import (
	"math"
	"sync"

	"codeberg.org/althing/althing/training/fedavg"
)

// tile is the number of coordinates that are sorted together: 50 updates of
// a tile fill half of the nearest cache.
const tile = 128

// columns sorts the values of each coordinate over the updates of the given
// places and hands tiles of sorted rows to combine, which fills its part of
// dst: rows within wanted hold the values of those ranks, ascending, as keys.
func columns(dst []float32, c Cohort, places []int, wanted wires, combine func(dst []float32, sorted [][]int32)) error {
	s := newSorter(places, wanted)
	return walk(c, func(from int, part [][]float32) error {
		s.each(dst[from:from+len(part[0])], part, combine)
		return nil
	})
}

// sorter sorts columns by one network, a tile of them at a time.
type sorter struct {
	places []int
	net    []pair
	room   sync.Pool // *[]int32, keys of a tile
}

func newSorter(places []int, wanted wires) *sorter {
	return &sorter{places: places, net: network(len(places), wanted)}
}

// each hands the sorted tiles of one range to combine, on all processors.
func (s *sorter) each(dst []float32, part [][]float32, combine func(dst []float32, sorted [][]int32)) {
	fedavg.Split(len(dst), tile, func(lo, hi int) {
		v, ok := s.room.Get().(*[]int32)
		if !ok {
			fresh := make([]int32, len(s.places)*tile)
			v = &fresh
		}
		defer s.room.Put(v)
		keys, rows := *v, make([][]int32, len(s.places))
		for ; lo < hi; lo += tile {
			end := min(lo+tile, hi)
			for r, i := range s.places {
				row := keys[r*tile:][:tile]
				fill(row, part[i][lo:end])
				rows[r] = row[:end-lo]
			}
			exchange(keys, s.net)
			combine(dst[lo:end], rows)
		}
	})
}

// fill sets row to the keys of v and what is left of it to zero.
func fill(row []int32, v []float32) {
	row = row[:tile]
	v = v[:min(len(v), tile)]
	for k := keysHead(row, v); k < len(v); k++ {
		row[k] = key(v[k])
	}
	clear(row[len(v):])
}

// key maps a finite float32 to an integer of the same order, -0 before +0:
// the bits of a negative number are turned, all but the sign.
func key(v float32) int32 {
	b := int32(math.Float32bits(v))
	return b ^ int32(uint32(b>>31)>>1)
}

// value is the number of a key, in float64.
func value(k int32) float64 {
	return float64(math.Float32frombits(uint32(k ^ int32(uint32(k>>31)>>1))))
}

// exchange runs the comparators of a network over keys, rows of one tile each:
// afterwards row a of a pair holds the smaller of the two and row b the larger.
func exchange(keys []int32, net []pair) {
	if exchangeWide(keys, net) {
		return
	}
	for _, p := range net {
		low, high := keys[int(p.a)*tile:][:tile], keys[int(p.b)*tile:][:tile]
		for k, x := range low {
			y := high[k]
			low[k], high[k] = min(x, y), max(x, y)
		}
	}
}

// pair is a comparator between two wires, a < b.
type pair struct{ a, b uint32 }

// wires are ranks [from, to) of a sorted column.
type wires struct{ from, to int }

// network returns the comparators of Batcher's odd-even merge exchange (Knuth,
// The Art of Computer Programming, volume 3, section 5.2.2, Algorithm M) for n
// wires, without those on which none of the wanted ranks depends: to find a
// median one need not sort the ends. A network does the same steps whatever
// the values, so that a whole tile goes through it at once.
func network(n int, wanted wires) []pair {
	var all []pair
	top := 1
	for 2*top < n {
		top *= 2
	}
	for p := top; p > 0 && n > 1; p /= 2 {
		for q, r, d := top, 0, p; ; d, q, r = q-p, q/2, p {
			for i := 0; i+d < n; i++ {
				if i&p == r {
					all = append(all, pair{uint32(i), uint32(i + d)})
				}
			}
			if q == p {
				break
			}
		}
	}
	live := make([]bool, n)
	for i := wanted.from; i < wanted.to; i++ {
		live[i] = true
	}
	kept := len(all)
	for i := len(all) - 1; i >= 0; i-- {
		if p := all[i]; live[p.a] || live[p.b] {
			live[p.a], live[p.b] = true, true
			kept--
			all[kept] = p
		}
	}
	return all[kept:]
}
