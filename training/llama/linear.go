package llama

import "codeberg.org/althing/althing/training/tensor"

// linearForward sets y (N × out) = x (N × in) · wᵀ, w output × input.
func linearForward(team *tensor.Team, y, x, w tensor.Matrix) { team.MulNT(y, x, w, false) }

// packed are the weights of one layer as products read them, packed once for
// all rows of a pass, and the layer's adapters. One set serves all layers in
// turn.
type packed struct {
	panels   [Projections]tensor.Panels
	adapters [Projections]*LowRank
}

// forward packs a layer for y = x·wᵀ over n rows.
func (p *packed) forward(team *tensor.Team, w *layerWeights, adapters [Projections]*LowRank, n int) {
	p.adapters = adapters
	for i, m := range w.all() {
		team.PackT(&p.panels[i], m)
		adapters[i].begin(team, n)
	}
}

// backward packs a layer for dx = dy·w.
func (p *packed) backward(team *tensor.Team, w *layerWeights, adapters [Projections]*LowRank) {
	p.adapters = adapters
	for i, m := range w.all() {
		team.Pack(&p.panels[i], m)
		adapters[i].turn(team)
	}
}

func (w *layerWeights) all() [Projections]tensor.Matrix {
	return [...]tensor.Matrix{Query: w.q, Key: w.k, Value: w.v, Output: w.o, Gate: w.gate, Up: w.up, Down: w.down}
}

// apply sets y to a projection of x, rows lo to hi of the pass.
func (p *packed) apply(i Projection, y, x tensor.Matrix, lo, hi int) {
	p.panels[i].Mul(y, x, 0, false)
	p.adapters[i].forward(y, x, lo, hi)
}

// turn sets dx to the gradient of a projection's input from that of its
// output, or adds to dx.
func (p *packed) turn(i Projection, dx, dy tensor.Matrix, lo, hi int, add bool) {
	p.panels[i].Mul(dx, dy, 0, add)
	p.adapters[i].backward(dx, dy, lo, hi)
}

// blockRows are the rows that go through a whole chain of row-wise operations
// together, so that what one leaves is still in the cache for the next. The
// gradients of gains are summed by these blocks, which makes the number a
// constant of arith/1, independent of threads.
const blockRows = 128

// inBlocks calls f for every block of rows below n.
func inBlocks(team *tensor.Team, n int, f func(worker, lo, hi int)) {
	team.Split(n, blockRows, func(worker, lo, hi int) {
		for ; lo < hi; lo += blockRows {
			f(worker, lo, min(lo+blockRows, hi))
		}
	})
}

// rows views rows lo to hi.
func rows(m tensor.Matrix, lo, hi int) tensor.Matrix { return m.Sub(lo, 0, hi-lo, m.Cols) }
