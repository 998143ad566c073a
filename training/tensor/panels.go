package tensor

import "fmt"

// panelWidth is the number of columns of one panel: two AVX-512 registers.
const panelWidth = 32

// Panels hold the right-hand matrix B (K × N) of a product as the kernels read
// it: panels of 32 columns, each panel K rows of 32 floats, the last padded
// with zeros. One load serves many products (a weight that many tokens meet,
// the keys of a head that all query blocks meet).
type Panels struct {
	k, n int
	data []float32
}

func (p *Panels) reset(k, n int) {
	p.k, p.n = k, n
	need := (n + panelWidth - 1) / panelWidth * panelWidth * k
	if cap(p.data) < need {
		p.data = make([]float32, need)
	}
	p.data = p.data[:need]
}

// Load takes b (K × N).
func (p *Panels) Load(b Matrix) {
	b.check()
	p.reset(b.Rows, b.Cols)
	p.load(b, 0, p.count())
}

// LoadT takes the transpose of b (N × K): B[k][n] = b[n][k].
func (p *Panels) LoadT(b Matrix) {
	b.check()
	p.reset(b.Cols, b.Rows)
	p.loadT(b, 0, p.count())
}

func (p *Panels) count() int { return (p.n + panelWidth - 1) / panelWidth }

// load fills panels lo to hi.
func (p *Panels) load(b Matrix, lo, hi int) {
	for q := lo; q < hi; q++ {
		dst := p.data[q*p.k*panelWidth : (q+1)*p.k*panelWidth]
		w := min(panelWidth, p.n-q*panelWidth)
		if w == panelWidth && packPanel(p.k, dst, b.Data[q*panelWidth:], b.Stride) {
			continue
		}
		for k := range p.k {
			row := dst[k*panelWidth : (k+1)*panelWidth]
			src := b.Data[k*b.Stride+q*panelWidth:]
			clear(row[copy(row, src[:w]):])
		}
	}
}

// loadT fills panels lo to hi from the transpose.
func (p *Panels) loadT(b Matrix, lo, hi int) {
	for q := lo; q < hi; q++ {
		dst := p.data[q*p.k*panelWidth : (q+1)*p.k*panelWidth]
		w := min(panelWidth, p.n-q*panelWidth)
		if w < panelWidth {
			clear(dst)
		}
		for j := 0; j < w; {
			n, done, at := 1, 0, (q*panelWidth+j)*b.Stride
			if j+8 <= w {
				n, done = 8, packTransposed(p.k, dst[j:], b.Data[at:], b.Stride)
			}
			for r := range n {
				for k, v := range b.Row(q*panelWidth + j + r)[done:] {
					dst[(done+k)*panelWidth+j+r] = v
				}
			}
			j += n
		}
	}
}

// left is the left-hand matrix by strides, so that A and its transpose are
// read in place: element (i, l) is data[i*rs + l*cs].
type left struct {
	data   []float32
	rs, cs int
}

// Mul sets c (M × n) to a (M × kk) times rows k0 to k0+kk of B and its first n
// columns, or adds to c if add.
func (p *Panels) Mul(c, a Matrix, k0 int, add bool) {
	c.check()
	a.check()
	p.fits(c, a.Rows, a.Cols, k0)
	p.mul(c, left{a.Data, a.Stride, 1}, 0, c.Rows, a.Cols, k0, add)
}

// MulT is Mul with the transpose of a (kk × M) on the left.
func (p *Panels) MulT(c, a Matrix, k0 int, add bool) {
	c.check()
	a.check()
	p.fits(c, a.Cols, a.Rows, k0)
	p.mul(c, left{a.Data, 1, a.Stride}, 0, c.Rows, a.Rows, k0, add)
}

func (p *Panels) fits(c Matrix, m, kk, k0 int) {
	if c.Rows != m || c.Cols > p.n || k0 < 0 || k0+kk > p.k {
		panic(fmt.Sprintf("tensor: %d × %d from %d × %d at %d of %d × %d panels", c.Rows, c.Cols, m, kk, k0, p.k, p.n))
	}
}

// mul computes rows lo to hi of c, kBlock steps of the chains at a time.
func (p *Panels) mul(c Matrix, a left, lo, hi, kk, k0 int, add bool) {
	for ; kk > kBlock; kk -= kBlock {
		p.mulPart(c, a, lo, hi, kBlock, k0, add)
		a.data, k0, add = a.data[kBlock*a.cs:], k0+kBlock, true
	}
	p.mulPart(c, a, lo, hi, kk, k0, add)
}

func (p *Panels) mulPart(c Matrix, a left, lo, hi, kk, k0 int, add bool) {
	if kk == 0 {
		for i := lo; i < hi && !add; i++ {
			clear(c.Row(i))
		}
		return
	}
	level, plus := level.Load(), addFlag(add)
	for j := 0; j < c.Cols; j += panelWidth {
		b := p.data[j*p.k+k0*panelWidth:]
		w := min(panelWidth, c.Cols-j)
		for i := lo; i < hi; {
			n := tileRows(hi - i)
			if n == 12 && a.cs != 1 {
				n = 8 // the wide tile reads rows or packed columns
			}
			tile(level, n, kk, a.data[i*a.rs:], a.rs, a.cs, b, c, i, j, w, plus)
			i += n
		}
	}
}

// mulTiles is mul with columns that packColumns arranged.
func (p *Panels) mulTiles(c Matrix, tiles []float32, lo, hi, kk, k0 int, add bool) {
	level, plus := level.Load(), addFlag(add)
	for j := 0; j < c.Cols; j += panelWidth {
		b := p.data[j*p.k+k0*panelWidth:]
		w := min(panelWidth, c.Cols-j)
		at := 0
		for i := lo; i < hi; {
			n := tileRows(hi - i)
			tile(level, n, kk, tiles[at:], 1, n, b, c, i, j, w, plus)
			i, at = i+n, at+n*kk
		}
	}
}

func addFlag(add bool) int {
	if add {
		return 1
	}
	return 0
}

// tileRows is how many of the rows that are left one tile computes: two tiles
// of 8 are faster than one of 12 and four single rows.
func tileRows(left int) int {
	switch {
	case left >= 12 && left != 16:
		return 12
	case left >= 8:
		return 8
	}
	return 1
}

// tile computes n rows (12, 8 or 1) and w columns of c at (i, j).
func tile(level int32, n, kk int, a []float32, rs, cs int, b []float32, c Matrix, i, j, w, plus int) {
	if at := i*c.Stride + j; w == panelWidth && n == 12 {
		tile12x32(level, kk, a, rs, cs, b, c.Data[at:], c.Stride, plus)
		return
	} else if w == panelWidth && n == 8 {
		tile8x32(level, kk, a, rs, cs, b, c.Data[at:], c.Stride, plus)
		return
	}
	var edge [12 * panelWidth]float32 // a tile that is wider than what is left of c
	for r := 0; r < n && plus != 0; r++ {
		copy(edge[r*panelWidth:], c.Data[(i+r)*c.Stride+j:][:w])
	}
	switch n {
	case 12:
		tile12x32(level, kk, a, rs, cs, b, edge[:], panelWidth, plus)
	case 8:
		tile8x32(level, kk, a, rs, cs, b, edge[:], panelWidth, plus)
	default:
		tile1x32(level, kk, a, cs, b, edge[:], plus)
	}
	for r := range n {
		copy(c.Data[(i+r)*c.Stride+j:][:w], edge[r*panelWidth:])
	}
}

// packColumns arranges columns lo to hi of k rows of a, rows stride apart, as
// the tiles of tileRows read them: for each tile its columns row by row. It
// reads row by row, because that is how a lies in memory.
func packColumns(tiles, a []float32, stride, lo, hi, k int) {
	done := packTiles(k, hi-lo, tiles, a[lo:], stride) * 12
	lo, tiles = lo+done, tiles[done*k:]
	if lo == hi {
		return
	}
	for l := range k {
		src := a[l*stride+lo : l*stride+hi]
		for at := 0; len(src) > 0; {
			n := tileRows(len(src))
			copy(tiles[at+l*n:], src[:n])
			src, at = src[n:], at+n*k
		}
	}
}

// NewPanels returns zeroed panels of a K × N matrix that grows by SetRow or
// SetColumn, as the keys and values of a decoder do.
func NewPanels(k, n int) *Panels {
	p := &Panels{}
	p.reset(k, n)
	return p
}

// SetRow writes row k of B.
func (p *Panels) SetRow(k int, x []float32) {
	for j, v := range x[:p.n] {
		p.data[(j/panelWidth*p.k+k)*panelWidth+j%panelWidth] = v
	}
}

// SetColumn writes column j of B.
func (p *Panels) SetColumn(j int, x []float32) {
	at := j/panelWidth*p.k*panelWidth + j%panelWidth
	for k, v := range x[:p.k] {
		p.data[at+k*panelWidth] = v
	}
}
