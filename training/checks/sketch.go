package checks

import (
	"encoding/binary"
	"fmt"
	"math"

	"codeberg.org/althing/althing/training/fedavg"
)

// Places is the number of integers in a sketch: as many as keep the error of a
// cosine far below what a community lets a direction decide. With 256, one in
// 1,500 updates at right angles to the one before was held at a limit of −0.2.
const Places = 1024

// Sketch is a direction in few numbers: the count sketch of an update scaled to
// a length of 2^20. The zero sketch is that of an update of zeros.
type Sketch [Places]int32

// Size is the bytes of a sketch as Bytes writes it.
const Size = 4 * Places

// Bytes writes the integers, little-endian.
func (s *Sketch) Bytes() []byte {
	b := make([]byte, 0, Size)
	for _, v := range s {
		b = binary.LittleEndian.AppendUint32(b, uint32(v))
	}
	return b
}

// ParseSketch reads what Bytes wrote.
func ParseSketch(b []byte) (*Sketch, error) {
	if len(b) != Size {
		return nil, fmt.Errorf("a sketch has %d bytes, this %d", Size, len(b))
	}
	s := new(Sketch)
	for i := range s {
		s[i] = int32(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return s, nil
}

// Cosine estimates the cosine between the two vectors, with a standard error of
// about 1/32; of vectors of the same direction it is 1 but for rounding.
func (s *Sketch) Cosine(t *Sketch) float64 {
	var product, a, b int64
	for i := range s {
		x, y := int64(s[i]), int64(t[i])
		product, a, b = product+x*y, a+x*x, b+y*y
	}
	return cosine(float64(product), float64(a), float64(b))
}

// Sketcher makes sketches of vectors that come range by range in order.
type Sketcher struct {
	key uint64
	sum [Places]float64
}

// NewSketcher begins a vector. Sketches of one seed can be compared.
func NewSketcher(seed [32]byte) *Sketcher {
	return &Sketcher{key: binary.LittleEndian.Uint64(seed[:8])}
}

// Add adds times·part, the coordinates of the vector from one on. Sketches are
// linear: adding a second vector adds it.
func (s *Sketcher) Add(from int, part []float32, times float64) {
	var places [1 << 15]uint32 // of a range, found on all processors
	for at := 0; at < len(part); at += len(places) {
		v := part[at:min(at+len(places), len(part))]
		fedavg.Split(len(v), 1<<12, func(lo, hi int) {
			for i := lo; i < hi; i++ {
				places[i] = spot(s.key, from+at+i)
			}
		})
		for i, x := range v {
			place := places[i]
			s.sum[place&(Places-1)] += float64(times * signed(x, place))
		}
	}
}

// spot is the place of a coordinate in the lower ten bits and its sign in the
// highest, by SplitMix64 (Steele, Lea, Flood 2014) at position i.
func spot(key uint64, i int) uint32 {
	z := key + uint64(i+1)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	z ^= z >> 31
	return uint32(z)&(Places-1) | uint32(z>>32)&(1<<31)
}

// signed is v, or −v where the highest bit of place is set.
func signed(v float32, place uint32) float64 {
	return float64(math.Float32frombits(math.Float32bits(v) ^ place&(1<<31)))
}

// Sketch scales what was added to a length of 2^20.
func (s *Sketcher) Sketch() Sketch {
	total := 0.0
	for _, v := range s.sum {
		total += float64(v * v)
	}
	var out Sketch
	if total == 0 {
		return out
	}
	scale := (1 << 20) / math.Sqrt(total)
	for i, v := range s.sum {
		out[i] = int32(math.RoundToEven(float64(v * scale)))
	}
	return out
}
