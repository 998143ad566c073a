package checks

import (
	"math"

	"codeberg.org/althing/althing/training/fedavg"
	"codeberg.org/althing/althing/training/robust"
)

// measured are the numbers of a round from which the findings are made.
type measured struct {
	Round
	squares   []float64 // ‖u‖² of each
	norms     []float64
	distances *robust.Distances
	middle    float64     // ‖median‖²
	product   []float64   // ⟨u, median⟩
	layers    [][]float64 // [layer][update] share of ‖u‖²
	rowScore  []float64   // largest z of a row of each update
	rowAt     []row
	sparse    []float64 // share of ‖u‖² in the largest hundredth of the coordinates
	sketches  []Sketch
	krum      []float64 // score over the median score; nil where n is too small
	byzantine int       // that Krum's score was computed for

	normZ, sparseZ []float64
	layerZ         [][]float64
}

type row struct{ layer, number int }

// measure reads the cohort three times: for norms and distances, for the
// coordinate-wise median, and for everything that is laid beside those.
func measure(c robust.Cohort, r Round) (*measured, error) {
	n, dim := c.Size()
	m := &measured{Round: r, squares: make([]float64, n), distances: robust.NewDistances(n)}
	err := c.Each(func(_ int, part [][]float32) error {
		fedavg.Split(n, 1, func(lo, hi int) {
			for i := lo; i < hi; i++ {
				for at := 0; at < len(part[i]); at += robust.Block {
					m.squares[i] += energy(part[i][at:min(at+robust.Block, len(part[i]))])
				}
			}
		})
		return m.distances.Add(part)
	})
	if err != nil {
		return nil, err
	}
	m.norms = make([]float64, n)
	for i, s := range m.squares {
		m.norms[i] = math.Sqrt(s)
	}
	middle := make([]float32, dim)
	if err := robust.Median(middle, c, 0); err != nil {
		return nil, err
	}
	if err := m.beside(c, middle); err != nil {
		return nil, err
	}
	return m, m.compare()
}

// energy is Σ v² in four lanes, which a processor adds at once.
func energy(v []float32) float64 {
	var lane [4]float64
	i := 0
	for ; i+4 <= len(v); i += 4 {
		a, b, c, d := float64(v[i]), float64(v[i+1]), float64(v[i+2]), float64(v[i+3])
		lane[0] += float64(a * a)
		lane[1] += float64(b * b)
		lane[2] += float64(c * c)
		lane[3] += float64(d * d)
	}
	for ; i < len(v); i++ {
		a := float64(v[i])
		lane[i&3] += float64(a * a)
	}
	return float64(lane[0]+lane[2]) + float64(lane[1]+lane[3])
}

// along is Σ u·v in the same four lanes.
func along(u, v []float32) float64 {
	var lane [4]float64
	v = v[:len(u)]
	i := 0
	for ; i+4 <= len(u); i += 4 {
		lane[0] += float64(float64(u[i]) * float64(v[i]))
		lane[1] += float64(float64(u[i+1]) * float64(v[i+1]))
		lane[2] += float64(float64(u[i+2]) * float64(v[i+2]))
		lane[3] += float64(float64(u[i+3]) * float64(v[i+3]))
	}
	for ; i < len(u); i++ {
		lane[i&3] += float64(float64(u[i]) * float64(v[i]))
	}
	return float64(lane[0]+lane[2]) + float64(lane[1]+lane[3])
}

// segment is a part of a range that lies in one layer, and in one row where
// rows are looked at.
type segment struct {
	layer, row int // row −1 where rows are not looked at
	from, to   int // within the range
	ends       bool
}

// cut returns the segments of the range that begins at from.
func (m *measured) cut(from, length int) []segment {
	var list []segment
	start := 0
	for l, layer := range m.Layers {
		end := start + layer.Len
		for at := max(from, start); at < min(from+length, end); {
			s := segment{layer: l, row: -1, from: at - from, to: min(from+length, end) - from}
			if layer.Cols > 0 {
				s.row = (at - start) / layer.Cols
				next := start + (s.row+1)*layer.Cols
				s.to, s.ends = min(s.to, next-from), next <= from+length
			}
			list = append(list, s)
			at = from + s.to
		}
		start = end
	}
	return list
}

// floorRow and floorShare are the smallest units of a z-score: differences of a
// twentieth of an update's norm, or of its energy, are usual between texts.
const (
	floorRow   = 0.05
	floorShare = 0.05
	floorNorm  = 0.05 // of the median norm
)

// beside measures each update beside the median, by layers, rows and size.
func (m *measured) beside(c robust.Cohort, middle []float32) error {
	n := len(m.Updates)
	m.product, m.sparse = make([]float64, n), make([]float64, n)
	m.layers, m.rowScore, m.rowAt = make([][]float64, len(m.Layers)), make([]float64, n), make([]row, n)
	for l := range m.layers {
		m.layers[l] = make([]float64, n)
	}
	rows, sizes, sums := make([]float64, n), make([]sizes, n), make([]*Sketcher, n)
	for i := range sums {
		sums[i] = NewSketcher(m.Seed)
	}
	var places []uint64
	err := c.Each(func(from int, part [][]float32) error {
		length := len(part[0])
		centre, cuts := middle[from:from+length], m.cut(from, length)
		m.middle += along(centre, centre)
		if len(places) < length {
			places = make([]uint64, length)
		}
		fedavg.Split(length, robust.Block, func(lo, hi int) {
			for k := lo; k < hi; k++ {
				places[k] = spot(sums[0].key, from+k)
			}
		})
		energies := make([][]float64, n)
		fedavg.Split(n, 1, func(lo, hi int) {
			for i := lo; i < hi; i++ {
				m.product[i] += along(part[i], centre)
				sizes[i].add(part[i])
				sums[i].at(part[i], places)
				energies[i] = make([]float64, len(cuts))
				for s, cut := range cuts {
					energies[i][s] = energy(part[i][cut.from:cut.to])
				}
			}
		})
		for s, cut := range cuts {
			for i := range n {
				m.layers[cut.layer][i] += energies[i][s]
				rows[i] += energies[i][s]
			}
			if cut.row >= 0 && cut.ends {
				m.closeRow(rows, row{cut.layer, cut.row})
			}
			if cut.row < 0 || cut.ends {
				clear(rows)
			}
		}
		return nil
	})
	for i := range n {
		m.sparse[i] = sizes[i].top()
		m.sketches = append(m.sketches, sums[i].Sketch())
	}
	return err
}

// closeRow compares the norms of one row, each as a share of its update's norm.
func (m *measured) closeRow(squares []float64, at row) {
	part := make([]float64, len(squares))
	for i, s := range squares {
		if m.norms[i] > 0 {
			part[i] = math.Sqrt(s) / m.norms[i]
		}
	}
	for i, z := range scores(part, floorRow) {
		if z > m.rowScore[i] {
			m.rowScore[i], m.rowAt[i] = z, at
		}
	}
}

// at is Add of a range whose places are known.
func (s *Sketcher) at(part []float32, places []uint64) {
	places = places[:len(part)]
	for i, v := range part {
		s.sum[places[i]&(Places-1)] += signed(v, places[i])
	}
}

// sizes counts coordinates by their size: the exponent and the first three bits
// of the fraction of a float32, so that a class is at most an eighth wide.
type sizes [2048]uint32

func (s *sizes) add(part []float32) {
	for _, v := range part {
		s[math.Float32bits(v)<<1>>21]++
	}
}

// top is the share of the energy in the largest hundredth of the coordinates
// (Neurotoxin hides where others do not move: Zhang et al. 2022), each
// coordinate taken at the middle of its class.
func (s *sizes) top() float64 {
	total, count := 0.0, uint64(0)
	for class, n := range s {
		count += uint64(n)
		total += float64(float64(n) * middleSquare(class))
	}
	if total == 0 {
		return 0
	}
	left, sum := float64(count)/100, 0.0
	for class := len(s) - 1; class > 0 && left > 0; class-- {
		taken := min(left, float64(s[class]))
		left -= taken
		sum += float64(taken * middleSquare(class))
	}
	return sum / total
}

// middleSquare is the square of the middle of a class; class 0 is nothing, and
// of the classes from 2040 on, of what is not finite, there is nothing.
func middleSquare(class int) float64 {
	if class == 0 || class >= 2040 {
		return 0
	}
	v := float64(math.Float32frombits(uint32(class)<<20 | 1<<19))
	return float64(v * v)
}
