package tensor

import "fmt"

// kBlock rows of B are packed at a time: a panel of 256 × 32 floats is 32 KiB
// and stays in the first-level cache. Chains go on across blocks.
const kBlock = 256

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
	c.check()
	a.check()
	b.check()
	p := &t.panels
	for k0 := 0; k0 < kk || k0 == 0; k0 += kBlock {
		k := min(kBlock, kk-k0)
		p.reset(k, c.Cols)
		t.Split(p.count(), 1, func(_, lo, hi int) {
			if bT {
				p.loadT(b.Sub(0, k0, c.Cols, k), lo, hi)
			} else {
				p.load(b.Sub(k0, 0, k, c.Cols), lo, hi)
			}
		})
		l := left{a.Data, a.Stride, 1}
		if aT {
			l = left{a.Data, 1, a.Stride}
		}
		if k > 0 {
			l.data = l.data[k0*l.cs:]
		}
		t.Split(c.Rows, 8, func(_, lo, hi int) {
			p.mul(c, l, lo, hi, k, 0, add || k0 > 0)
		})
	}
}
