package tensor

import "fmt"

// Blocks of a product. A panel of 32 columns and kBlock rows of B (16 KiB)
// stays in the first-level cache, which two threads of a core may share, while
// the tiles of at most rowBlock rows of A (96 KiB a kBlock) come from the
// second level. Chains go on across blocks, so none of this changes a bit.
const (
	kBlock   = 128
	rowBlock = 96
	// maxPacked bounds the elements of B that are packed at once.
	maxPacked = 1 << 22
)

// MulNN sets c (M × N) to a (M × K) · b (K × N), or adds to it.
func (t *Team) MulNN(c, a, b Matrix, add bool) {
	shapes("NN", c, a.Rows, a.Cols, b.Rows, b.Cols)
	t.multiply(c, a, b, false, false, a.Cols, add)
}

// MulNT sets c (M × N) to a (M × K) · bᵀ with b (N × K), or adds to it: a
// linear layer whose weight is stored output × input.
func (t *Team) MulNT(c, a, b Matrix, add bool) {
	shapes("NT", c, a.Rows, a.Cols, b.Cols, b.Rows)
	t.multiply(c, a, b, false, true, a.Cols, add)
}

// MulTN sets c (M × N) to aᵀ · b with a (K × M) and b (K × N), or adds to it:
// the gradient of that weight.
func (t *Team) MulTN(c, a, b Matrix, add bool) {
	shapes("TN", c, a.Cols, a.Rows, b.Rows, b.Cols)
	t.multiply(c, a, b, true, false, a.Rows, add)
}

func shapes(op string, c Matrix, m, ka, kb, n int) {
	if c.Rows != m || c.Cols != n || ka != kb {
		panic(fmt.Sprintf("tensor: product %s of %d × %d and %d × %d into %d × %d", op, m, ka, kb, n, c.Rows, c.Cols))
	}
}

func (t *Team) multiply(c, a, b Matrix, aT, bT bool, kk int, add bool) {
	a.check()
	b.check()
	columns := max(panelWidth, maxPacked/max(kk, 1)/panelWidth*panelWidth)
	for j := 0; j < c.Cols; j += columns {
		w := min(columns, c.Cols-j)
		if bT {
			t.PackT(&t.panels, b.Sub(j, 0, w, kk))
		} else {
			t.Pack(&t.panels, b.Sub(0, j, kk, w))
		}
		if part := c.Sub(0, j, c.Rows, w); aT {
			t.MulPackedT(part, a, &t.panels, add)
		} else {
			t.MulPacked(part, a, &t.panels, add)
		}
	}
}

// Pack is p.Load(b) on all threads. What is packed once serves every product
// with the same right side: the gradients of all weights that read one
// activation.
func (t *Team) Pack(p *Panels, b Matrix) {
	b.check()
	p.reset(b.Rows, b.Cols)
	t.Split(p.count(), 1, func(_, lo, hi int) { p.load(b, lo, hi) })
}

// PackT is p.LoadT(b) on all threads.
func (t *Team) PackT(p *Panels, b Matrix) {
	b.check()
	p.reset(b.Cols, b.Rows)
	t.Split(p.count(), 1, func(_, lo, hi int) { p.loadT(b, lo, hi) })
}

// MulPacked sets c to a times what p holds, or adds to it.
func (t *Team) MulPacked(c, a Matrix, p *Panels, add bool) {
	c.check()
	a.check()
	p.fits(c, a.Rows, a.Cols, 0)
	t.mulPacked(c, left{a.Data, a.Stride, 1}, a.Cols, p, add)
}

// MulPackedT is MulPacked with the transpose of a on the left.
func (t *Team) MulPackedT(c, a Matrix, p *Panels, add bool) {
	c.check()
	a.check()
	p.fits(c, a.Cols, a.Rows, 0)
	t.mulPacked(c, left{a.Data, 1, a.Stride}, a.Rows, p, add)
}

func (t *Team) mulPacked(c Matrix, a left, kk int, p *Panels, add bool) {
	if c.Cols == 0 {
		return
	}
	blocks := (c.Rows + rowBlock - 1) / rowBlock
	blocks = (blocks + t.threads - 1) / t.threads * t.threads
	rows := (c.Rows + blocks*4 - 1) / (blocks * 4) * 4
	t.Split(c.Rows, max(rows, 4), func(worker, lo, hi int) {
		for i := lo; i < hi; i += rows {
			t.mulBlock(worker, c, a, i, min(i+rows, hi), kk, p, add)
		}
	})
}

// mulBlock computes rows lo to hi of c, a kBlock of the chains at a time. The
// columns of a transposed left side are packed into tiles first.
func (t *Team) mulBlock(worker int, c Matrix, a left, lo, hi, kk int, p *Panels, add bool) {
	if a.cs == 1 || kk == 0 {
		p.mul(c, a, lo, hi, kk, 0, add)
		return
	}
	if t.packed[worker] == nil {
		t.packed[worker] = make([]float32, (rowBlock+12)*kBlock)
	}
	tiles := t.packed[worker]
	for k0 := 0; k0 < kk; k0 += kBlock {
		k := min(kBlock, kk-k0)
		packColumns(tiles, a.data[k0*a.cs:], a.cs, lo, hi, k)
		p.mulTiles(c, tiles, lo, hi, k, k0, add || k0 > 0)
	}
}
