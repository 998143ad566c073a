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
	t                   tensor.Matrix // N × C scratch
	r                   []float32     // N factors of the last norm
	nll                 []float32     // N
}

// activations of one layer, each N rows.
type activations struct {
	x, n1, q, k, v, o, mid, n2 tensor.Matrix // q and k after rotation, o before Wo, mid between the two halves
	a, u, h                    tensor.Matrix // gate, up, their SwiGLU
	r1, r2                     []float32     // N
	p                          []float32     // B·H·T·T probabilities
}

func newPass(m *Model, threads int, keep bool) pass {
	c := m.Config
	team := tensor.Threads(threads)
	return pass{
		model: m, team: team, keep: keep, rotary: newRotary(c),
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

// resize makes all buffers fit n rows in sequences of time.
func (f *pass) resize(n, time int) {
	c := f.model.Config
	f.attn.batch, f.attn.time = n/time, time
	tables := n / time * c.Heads * time * time
	if n == f.capacity && tables == f.tableSize {
		return
	}
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
	f.x, f.n, f.t, f.logits = mat(c.Hidden), mat(c.Hidden), mat(c.Hidden), mat(c.Vocab)
	f.r, f.nll = make([]float32, n), make([]float32, n)
}

// forward leaves the logits of every position in f.logits.
func (f *pass) forward(tokens []int32) {
	w, eps, time := &f.model.w, float32(f.model.Config.NormEps), f.attn.time
	embedForward(f.layers[0].x, w.embed, tokens)
	for l := range f.layers {
		a, lw, next := &f.layers[l], &w.layers[l], f.x
		if l+1 < len(f.layers) {
			next = f.layers[l+1].x
		}
		normForward(f.team, a.n1, a.x, lw.norm1, a.r1, eps)
		f.linear(l, Query, a.q, a.n1, lw.q)
		f.linear(l, Key, a.k, a.n1, lw.k)
		f.linear(l, Value, a.v, a.n1, lw.v)
		f.rotary.rows(f.team, a.q, time, 1)
		f.rotary.rows(f.team, a.k, time, 1)
		f.attn.forward(f.team, a.o, a.q, a.k, a.v, a.p)
		f.linear(l, Output, f.t, a.o, lw.o)
		residual(f.team, a.mid, a.x, f.t)
		normForward(f.team, a.n2, a.mid, lw.norm2, a.r2, eps)
		f.linear(l, Gate, a.a, a.n2, lw.gate)
		f.linear(l, Up, a.u, a.n2, lw.up)
		swigluForward(f.team, a.h, a.a, a.u)
		f.linear(l, Down, f.t, a.h, lw.down)
		residual(f.team, next, a.mid, f.t)
	}
	normForward(f.team, f.n, f.x, w.norm, f.r, eps)
	linearForward(f.team, f.logits, f.n, w.head)
}

// linear sets y to a projection of x, with its adapter if it has one.
func (f *pass) linear(layer int, p Projection, y, x, w tensor.Matrix) {
	linearForward(f.team, y, x, w)
	f.adapters.at(layer, p).forward(f.team, y, x)
}

// residual sets y = x + t.
func residual(team *tensor.Team, y, x, t tensor.Matrix) {
	team.Split(y.Rows, 1, func(_, lo, hi int) {
		for i := lo; i < hi; i++ {
			tensor.Sum2(y.Row(i), x.Row(i), t.Row(i))
		}
	})
}
