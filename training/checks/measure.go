package checks

import (
	"fmt"
	"math"

	"codeberg.org/althing/althing/training/fedavg"
	"codeberg.org/althing/althing/training/robust"
)

// measured are the numbers of a round from which the findings are made.
type measured struct {
	Round
	all     []*one
	middle  float64 // ‖median‖²
	squares []float64
	norms   []float64
	rows    []row // of the layers whose rows are looked at

	typical   float64 // median of the norms
	pairs     pairs
	krum      []float64 // score over the median score; nil where n is too small, or too large
	byzantine int       // that Krum's score was computed for
	total     int64     // weight of the round

	normZ, sparseZ, sparse []float64
	layerZ                 [][]float64 // [layer][update]
}

type row struct{ layer, number int }

// one is what is measured of an update while the cohort is read.
type one struct {
	square  float64   // ‖u‖²
	product float64   // ⟨u, median⟩
	layers  []float64 // ‖·‖² of each layer
	rows    []float64 // ‖·‖² of each row, afterwards its z
	sizes   sizes
	sum     Sketcher
	sketch  Sketch
}

// exactly is the number of multiplications up to which every pair of updates is
// compared number by number; of larger rounds the sketches are compared. It
// bounds the time by less than a minute on one processor with AVX-512, and by
// some minutes without vectors: 2,000 updates of 275,000 parameters, 740 of two
// million.
const exactly = 1 << 39

// together is how many blocks of all updates are measured at a time: a megabyte.
func together(n int) int { return max(1, min(64, 256/n)) }

// measure reads the cohort once. Up to limit multiplications it compares every
// pair of updates number by number.
func measure(c robust.Cohort, r Round, limit float64) (*measured, error) {
	n, dim := c.Size()
	m := &measured{Round: r, all: make([]*one, n)}
	for l, layer := range r.Layers {
		for k := 0; layer.Cols > 0 && k < layer.Len/layer.Cols; k++ {
			m.rows = append(m.rows, row{l, k})
		}
	}
	for i := range m.all {
		m.all[i] = &one{layers: make([]float64, len(r.Layers)), rows: make([]float64, len(m.rows)), sum: *NewSketcher(r.Seed)}
	}
	var products *robust.Products
	if float64(n)*float64(n-1)/2*float64(dim) <= limit {
		products = robust.NewProducts(n)
	}
	size := together(n) * robust.Block
	g := &gauge{measured: m, products: products, medians: robust.NewMedians(n), centre: make([]float32, size), places: make([]uint32, size)}
	err := robust.Walk(c, func(from int, part [][]float32) error {
		piece := make([][]float32, n)
		for at := 0; at < len(part[0]); at += size {
			for i, u := range part {
				piece[i] = u[at:min(at+size, len(u))]
			}
			if err := g.add(from+at, piece); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i, o := range m.all {
		if math.IsNaN(o.square) || math.IsInf(o.square, 0) {
			return nil, fmt.Errorf("update %d: %w", i, fedavg.ErrNotFinite)
		}
	}
	return m, m.compare(products)
}

// gauge is what measures one piece after the other.
type gauge struct {
	*measured
	products *robust.Products // nil where sketches are compared
	medians  *robust.Medians
	centre   []float32 // medians of the piece
	places   []uint32  // of its coordinates in sketches
	layer    int       // in which the next block begins
	start    int       // where that layer begins
	passed   int       // rows of the layers before it
}

// add measures one piece, of which part holds the updates.
func (g *gauge) add(from int, part [][]float32) error {
	length := len(part[0])
	centre, places := g.centre[:length], g.places[:length]
	g.medians.Of(centre, part)
	if g.products != nil {
		if err := g.products.Add(part); err != nil {
			return err
		}
	}
	key := g.all[0].sum.key
	fedavg.Split(length, robust.Block, func(lo, hi int) {
		for k := lo; k < hi; k++ {
			places[k] = spot(key, from+k)
		}
	})
	cuts := make([][]segment, 0, 64)
	for at := 0; at < length; at += robust.Block {
		end := min(at+robust.Block, length)
		cuts = append(cuts, g.cut(from+at, end-at))
		square, _ := robust.Dots(centre[at:end], centre[at:end])
		g.middle += square
	}
	fedavg.Split(len(part), 1, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			for b, at := 0, 0; at < length; b, at = b+1, at+robust.Block {
				end := min(at+robust.Block, length)
				g.all[i].add(part[i][at:end], centre[at:end], places[at:end], cuts[b])
			}
		}
	})
	return nil
}

// add measures one block of the update.
func (o *one) add(u, centre []float32, places []uint32, cuts []segment) {
	square, product := robust.Dots(u, centre)
	o.square += square
	o.product += product
	for _, c := range cuts {
		energy := square
		if len(cuts) > 1 {
			energy, _ = robust.Dots(u[c.from:c.to], u[c.from:c.to])
		}
		o.layers[c.layer] += energy
		if c.row >= 0 {
			o.rows[c.row] += energy
		}
	}
	places = places[:len(u)]
	for k, v := range u {
		bits, place := math.Float32bits(v), places[k]
		o.sizes[bits<<1>>21]++
		o.sum.sum[place&(Places-1)] += signed(v, place)
	}
}

// segment is a part of a block that lies in one layer, and in one row where
// rows are looked at.
type segment struct {
	layer, row int // row −1 where rows are not looked at
	from, to   int // within the block
}

// cut returns the segments of the block that begins at from; blocks come in order.
func (g *gauge) cut(from, length int) []segment {
	var list []segment
	for at := from; at < from+length; {
		layer := g.Layers[g.layer]
		if at >= g.start+layer.Len {
			g.start += layer.Len
			g.layer++
			if layer.Cols > 0 {
				g.passed += layer.Len / layer.Cols
			}
			continue
		}
		s := segment{layer: g.layer, row: -1, from: at - from, to: min(length, g.start+layer.Len-from)}
		if layer.Cols > 0 {
			k := (at - g.start) / layer.Cols
			s.row = g.passed + k
			s.to = min(s.to, g.start+(k+1)*layer.Cols-from)
		}
		list = append(list, s)
		at = from + s.to
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

// compare makes scores of what was measured.
func (m *measured) compare(products *robust.Products) error {
	n := len(m.all)
	m.squares, m.norms, m.sparse = make([]float64, n), make([]float64, n), make([]float64, n)
	for i, o := range m.all {
		m.squares[i], m.norms[i] = o.square, math.Sqrt(o.square)
		m.sparse[i] = o.sizes.top()
		o.sketch = o.sum.Sketch()
		m.total += m.Updates[i].Weight
	}
	m.typical = median(m.norms)
	m.normZ = scores(m.norms, floorNorm*m.typical)
	m.sparseZ = scores(m.sparse, floorShare)
	for l := range m.Layers {
		part := make([]float64, n)
		for i, o := range m.all {
			if o.square > 0 {
				part[i] = o.layers[l] / o.square
			}
		}
		m.layerZ = append(m.layerZ, scores(part, floorShare))
	}
	m.scoreRows()
	if err := m.comparePairs(products); err != nil {
		return err
	}
	return m.scoreKrum(products)
}

// scoreRows compares the norms of each row, each as a share of its update's
// norm, and leaves their z-scores in the place of the squares.
func (m *measured) scoreRows() {
	fedavg.Split(len(m.rows), 64, func(lo, hi int) {
		n := len(m.all)
		part, room := make([]float64, n), make([]float64, n)
		for r := lo; r < hi; r++ {
			for i, o := range m.all {
				part[i] = 0
				if m.norms[i] > 0 {
					part[i] = math.Sqrt(o.rows[r]) / m.norms[i]
				}
			}
			scoresIn(part, room, floorRow)
			for i, o := range m.all {
				o.rows[r] = part[i]
			}
		}
	})
}

// scoreKrum computes Krum's scores as far as there are distances.
func (m *measured) scoreKrum(products *robust.Products) error {
	n := len(m.all)
	m.byzantine = m.Byzantine
	if m.byzantine == 0 || n < 2*m.byzantine+3 {
		m.byzantine = (n - 3) / 2
	}
	if n < 3 || products == nil {
		return nil
	}
	list, err := robust.Scores(products.Distances(), m.byzantine)
	if err != nil {
		return err
	}
	middle := median(list)
	for _, s := range list {
		if middle > 0 {
			s /= middle
		}
		m.krum = append(m.krum, s)
	}
	return nil
}
