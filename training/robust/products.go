package robust

import (
	"fmt"
	"sync"

	"codeberg.org/althing/althing/training/fedavg"
)

// Products is the matrix of inner products ⟨Δ_i, Δ_j⟩ of n vectors, gathered a
// range of coordinates at a time. It tells all cosines, and all distances as
// ‖Δ_i‖² + ‖Δ_j‖² − 2⟨Δ_i, Δ_j⟩, for a fraction of what Distances costs: one
// multiplication and addition for each pair and coordinate, done for
// four by four vectors at a time that stay in the caches. It takes 4 bytes per ordered
// pair. Of vectors that hardly differ such a distance has lost digits, which is
// why Krum and Bulyan do not use it (package comment).
type Products struct {
	n     int
	sum   []float64 // quads of 4 × 4 products, of panels i ≥ j
	cells []float64 // the same of several blocks, before they are added in order
	room  sync.Pool // *[]float64, packed panels
	end   bool
}

// Vectors are packed in panels of four: for each step of eight coordinates the
// eight of each of the four, in float64.
const (
	four  = 4
	step  = 8
	half  = Block / 2   // coordinates of which two panels fit the nearest cache
	panel = four * half // float64 of a panel over half a block
)

// group is the number of panels that stay in the middle cache together; of no
// more vectors than that, every half block is a task of its own.
const group = 16

// NewProducts returns the products of n vectors over no coordinates yet.
func NewProducts(n int) *Products {
	panels := (n + four - 1) / four
	return &Products{n: n, sum: make([]float64, panels*(panels+1)/2*four*four)}
}

// At returns ⟨Δ_i, Δ_j⟩ over the coordinates so far. It is not finite where
// i = j and a value of that vector is not.
func (p *Products) At(i, j int) float64 {
	if i < j {
		i, j = j, i
	}
	return p.sum[quadAt(i/four, j/four)+i%four*four+j%four]
}

// quadAt is the place of the quad of two panels, i ≥ j.
func quadAt(i, j int) int { return (i*(i+1)/2 + j) * four * four }

// Distances returns the squared distances that follow from the products.
func (p *Products) Distances() *Distances {
	d := NewDistances(p.n)
	for i := range p.n {
		for j := range i {
			far := max(0, p.At(i, i)+p.At(j, j)-float64(2*p.At(i, j)))
			d.sum[i*p.n+j], d.sum[j*p.n+i] = far, far
		}
	}
	return d
}

// Add adds the products over one range of coordinates; part holds the n vectors
// within it. Ranges come in ascending order and are multiples of Block long,
// except the last.
func (p *Products) Add(part [][]float32) error {
	if len(part) != p.n || p.end {
		return fmt.Errorf("products of %d vectors: %d given, or after the last range", p.n, len(part))
	}
	if p.n == 0 {
		return nil
	}
	length := len(part[0])
	for i, u := range part {
		if len(u) != length {
			return fmt.Errorf("products: vector %d has %d coordinates, the first %d", i, len(u), length)
		}
	}
	p.end = length%Block != 0
	panels := (p.n + four - 1) / four
	if panels <= group {
		p.byBlock(part, panels, length)
		return nil
	}
	packed, free := p.pack(panels)
	defer free()
	for at := 0; at < length; at += half {
		p.byQuad(part, panels, at, min(at+half, length), packed)
	}
	return nil
}

// byBlock gives each thread half blocks of its own, whose quads are added in order
// afterwards.
func (p *Products) byBlock(part [][]float32, panels, length int) {
	size, blocks := len(p.sum), (length+half-1)/half
	if len(p.cells) < blocks*size {
		p.cells = make([]float64, blocks*size)
	}
	fedavg.Split(blocks, 1, func(lo, hi int) {
		packed, free := p.pack(panels)
		defer free()
		for b := lo; b < hi; b++ {
			from, to := b*half, min(b*half+half, length)
			steps := (to - from + step - 1) / step
			for i := range panels {
				p.packPanel(packed[i*panel:][:steps*four*step], part, i, from, to)
			}
			for i := range panels {
				for j := range i + 1 {
					quad((*[16]float64)(p.cells[b*size+quadAt(i, j):]), packed[i*panel:][:steps*four*step], packed[j*panel:][:steps*four*step])
				}
			}
		}
	})
	for b := range blocks {
		for k, v := range p.cells[b*size:][:size] {
			p.sum[k] += v
		}
	}
}

// byQuad packs half a block of all vectors and gives each thread quads of its own,
// group by group.
func (p *Products) byQuad(part [][]float32, panels, from, to int, packed []float64) {
	steps := (to - from + step - 1) / step
	fedavg.Split(panels, 1, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			p.packPanel(packed[i*panel:][:steps*four*step], part, i, from, to)
		}
	})
	groups := (panels + group - 1) / group
	fedavg.Split(groups*(groups+1)/2, 1, func(lo, hi int) {
		var out [16]float64
		for t := lo; t < hi; t++ {
			a, b := pairAt(t)
			for i := a * group; i < min(a*group+group, panels); i++ {
				for j := b * group; j < min(b*group+group, i+1); j++ {
					quad(&out, packed[i*panel:][:steps*four*step], packed[j*panel:][:steps*four*step])
					sum := (*[16]float64)(p.sum[quadAt(i, j):])
					for k, v := range out {
						sum[k] += v
					}
				}
			}
		}
	})
}

// pairAt is the t-th pair a ≥ b in the order (0,0), (1,0), (1,1), (2,0), ….
func pairAt(t int) (a, b int) {
	for t > a {
		a++
		t -= a
	}
	return a, t
}

// pack returns room for all panels of half a block, and what gives it back.
func (p *Products) pack(panels int) ([]float64, func()) {
	v, ok := p.room.Get().(*[]float64)
	if !ok {
		fresh := make([]float64, panels*panel)
		v = &fresh
	}
	return *v, func() { p.room.Put(v) }
}

// packPanel writes four vectors from from to to; what is beyond the range is
// zero and adds nothing, and what is beyond the last vector was never written.
func (p *Products) packPanel(dst []float64, part [][]float32, i, from, to int) {
	for r := range min(four, p.n-four*i) {
		u := part[four*i+r][from:to]
		for k := packHead(dst[step*r:], u); k < len(dst)/four; k++ {
			v := 0.0
			if k < len(u) {
				v = float64(u[k])
			}
			dst[k/step*four*step+step*r+k%step] = v
		}
	}
}

// quad sets out to the products of the four vectors of a with the four of b over
// half a block, in 8 lanes (package comment).
func quad(out *[16]float64, a, b []float64) {
	if quadWide(out, a, b) {
		return
	}
	for r := range four {
		for c := range four {
			var lane [step]float64
			for s := 0; s < len(a); s += four * step {
				x, y := (*[step]float64)(a[s+step*r:]), (*[step]float64)(b[s+step*c:])
				for l := range lane {
					lane[l] += float64(x[l] * y[l])
				}
			}
			out[four*r+c] = foldAll(&lane)
		}
	}
}

// fold adds the lanes l and l+4, each pair added already.
func fold(a, b, c, d float64) float64 { return float64(a+c) + float64(b+d) }

// Dots returns ‖v‖² and ⟨v, w⟩ of a part of two vectors, in 8 lanes over all of
// it that are added as those of Products.
func Dots(v, w []float32) (square, product float64) {
	var own, with [step]float64
	w = w[:len(v)]
	i := dotsHead(v, w, &own, &with)
	for ; i+step <= len(v); i += step {
		x, y := (*[step]float32)(v[i:]), (*[step]float32)(w[i:])
		for l := range own {
			own[l] += float64(float64(x[l]) * float64(x[l]))
			with[l] += float64(float64(x[l]) * float64(y[l]))
		}
	}
	for l, x := range v[i:] {
		own[l] += float64(float64(x) * float64(x))
		with[l] += float64(float64(x) * float64(w[i+l]))
	}
	return foldAll(&own), foldAll(&with)
}

func foldAll(l *[step]float64) float64 { return fold(l[0]+l[4], l[1]+l[5], l[2]+l[6], l[3]+l[7]) }
