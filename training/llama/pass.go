package llama

import (
	"fmt"

	"codeberg.org/althing/althing/training/tensor"
)

// pass computes a model forward over B × T tokens and holds what a backward
// pass reads. With keep false all layers share one set of activations, enough
// for a loss or logits.
type pass struct {
	model    *Model
	team     *tensor.Team
	keep     bool
	rotary   rotary
	attn     attention
	adapters Adapters // nil unless they are trained

	capacity, tableSize int // rows and attention tables allocated
	layers              []activations
	x, n, logits        tensor.Matrix // last residual, its norm, N × V
	r                   []float32     // N factors of the last norm
	nll                 []float32     // N
	packed              packed
	block               []tensor.Matrix // blockRows × C scratch per thread
}

// activations of one layer, each N rows.
type activations struct {
	x, n1, q, k, v, o, mid, n2 tensor.Matrix // q and k after rotation, o before Wo, mid between the two halves
	a, u, h                    tensor.Matrix // gate, up, their SwiGLU
	r1, r2                     []float32     // N
	p                          []float32     // B·H tables of probabilities, see attention
}

func newPass(m *Model, threads int, keep bool) pass {
	c := m.Config
	team := tensor.Threads(threads)
	block := make([]tensor.Matrix, team.Size())
	for i := range block {
		block[i] = tensor.Mat(make([]float32, blockRows*c.Hidden), blockRows, c.Hidden)
	}
	return pass{
		block: block, model: m, team: team, keep: keep, rotary: newRotary(c),
		attn: attention{heads: c.Heads, groups: c.KVHeads, dim: c.HeadDim(), work: make([]attentionWork, team.Size())},
	}
}

// check refuses tokens that are no rows × time array of the vocabulary.
func (f *pass) check(tokens []int32, time int) error {
	c := f.model.Config
	if time < 1 || time > c.Context || len(tokens) == 0 || len(tokens)%time != 0 {
		return fmt.Errorf("arrange %d tokens in sequences of %d: want whole sequences of 1 to %d", len(tokens), time, c.Context)
	}
	for i, t := range tokens {
		if t < 0 || int(t) >= c.Vocab {
			return fmt.Errorf("read token %d: %d is not in a vocabulary of %d", i, t, c.Vocab)
		}
	}
	return nil
}

// resize makes all buffers fit n rows in sequences of time. What was allocated
// for more serves fewer: texts of many lengths come one after another.
func (f *pass) resize(n, time int) {
	f.attn.batch, f.attn.time = n/time, time
	tables := n / time * f.model.Config.Heads * tableSize(time)
	if n > f.capacity || tables > f.tableSize {
		f.allocate(max(n, f.capacity), max(tables, f.tableSize))
	}
	if n == f.x.Rows {
		return
	}
	for l := range f.layers {
		a := &f.layers[l]
		shorten(n, &a.x, &a.n1, &a.q, &a.k, &a.v, &a.o, &a.mid, &a.n2, &a.a, &a.u, &a.h)
	}
	shorten(n, &f.x, &f.n, &f.logits)
	f.nll = f.nll[:n]
}

// shorten leaves n rows of matrices that were allocated for more.
func shorten(n int, matrices ...*tensor.Matrix) {
	for _, m := range matrices {
		m.Rows, m.Data = n, m.Data[:n*m.Cols]
	}
}

// allocate makes buffers for n rows and so many probabilities.
func (f *pass) allocate(n, tables int) {
	c := f.model.Config
	f.capacity, f.tableSize = n, tables
	mat := func(cols int) tensor.Matrix { return tensor.Mat(make([]float32, n*cols), n, cols) }
	kv := c.KVHeads * c.HeadDim()
	sets := c.Layers
	if !f.keep {
		sets = 1
	}
	kept := make([]activations, sets)
	for i := range kept {
		kept[i] = activations{
			x: mat(c.Hidden), n1: mat(c.Hidden), q: mat(c.Hidden), k: mat(kv), v: mat(kv), o: mat(c.Hidden),
			mid: mat(c.Hidden), n2: mat(c.Hidden), a: mat(c.Intermediate), u: mat(c.Intermediate), h: mat(c.Intermediate),
			r1: make([]float32, n), r2: make([]float32, n), p: make([]float32, tables),
		}
	}
	f.layers = make([]activations, c.Layers)
	for l := range f.layers {
		f.layers[l] = kept[l%sets]
	}
	f.x, f.n, f.logits = mat(c.Hidden), mat(c.Hidden), mat(c.Vocab)
	f.r, f.nll = make([]float32, n), make([]float32, n)
}

// forward leaves the logits of every position in f.logits.
func (f *pass) forward(tokens []int32) {
	w, eps := &f.model.w, float32(f.model.Config.NormEps)
	embedForward(f.layers[0].x, w.embed, tokens)
	for l := range f.layers {
		a, lw, next := &f.layers[l], &w.layers[l], f.x
		if l+1 < len(f.layers) {
			next = f.layers[l+1].x
		}
		f.packed.forward(f.team, lw, f.adapters.of(l), f.x.Rows)
		inBlocks(f.team, f.x.Rows, func(_, lo, hi int) { f.attentionInput(a, lw, lo, hi, eps) })
		f.attn.forward(f.team, a.o, a.q, a.k, a.v, a.p)
		inBlocks(f.team, f.x.Rows, func(worker, lo, hi int) {
			f.restOfLayer(rows(next, lo, hi), a, lw, rows(f.block[worker], 0, hi-lo), lo, hi, eps)
		})
	}
	inBlocks(f.team, f.x.Rows, func(_, lo, hi int) {
		normForward(rows(f.n, lo, hi), rows(f.x, lo, hi), w.norm, f.r[lo:hi], eps)
	})
	linearForward(f.team, f.logits, f.n, w.head)
}

// attentionInput computes rotated queries, rotated keys and values of rows lo
// to hi.
func (f *pass) attentionInput(a *activations, w *layerWeights, lo, hi int, eps float32) {
	n, q, k := rows(a.n1, lo, hi), rows(a.q, lo, hi), rows(a.k, lo, hi)
	normForward(n, rows(a.x, lo, hi), w.norm1, a.r1[lo:hi], eps)
	f.packed.apply(Query, q, n, lo, hi)
	f.packed.apply(Key, k, n, lo, hi)
	f.packed.apply(Value, rows(a.v, lo, hi), n, lo, hi)
	f.rotary.rows(q, lo, f.attn.time, 1)
	f.rotary.rows(k, lo, f.attn.time, 1)
}

// restOfLayer computes rows lo to hi of the next layer's input from the output
// of attention; t is scratch of their shape.
func (f *pass) restOfLayer(next tensor.Matrix, a *activations, w *layerWeights, t tensor.Matrix, lo, hi int, eps float32) {
	mid, n := rows(a.mid, lo, hi), rows(a.n2, lo, hi)
	gate, up, h := rows(a.a, lo, hi), rows(a.u, lo, hi), rows(a.h, lo, hi)
	f.packed.apply(Output, t, rows(a.o, lo, hi), lo, hi)
	residual(mid, rows(a.x, lo, hi), t)
	normForward(n, mid, w.norm2, a.r2[lo:hi], eps)
	f.packed.apply(Gate, gate, n, lo, hi)
	f.packed.apply(Up, up, n, lo, hi)
	swigluForward(h, gate, up)
	f.packed.apply(Down, t, h, lo, hi)
	residual(next, mid, t)
}

// residual sets y = x + t.
func residual(y, x, t tensor.Matrix) {
	for i := range y.Rows {
		tensor.Sum2(y.Row(i), x.Row(i), t.Row(i))
	}
}
