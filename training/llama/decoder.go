package llama

import (
	"fmt"

	"codeberg.org/althing/althing/training/tensor"
)

// Generator is a model laid out for decoding: its weights are packed once, so
// that one token costs one pass over them. It keeps the weights as they were
// when it was made and may be used by many goroutines.
type Generator struct {
	config Config
	embed  tensor.Matrix
	norm   []float32
	head   tensor.Panels
	layers []generatorLayer
	rotary rotary
}

type generatorLayer struct {
	norm1, norm2               []float32
	q, k, v, o, gate, up, down tensor.Panels
}

// NewGenerator packs the weights of m.
func NewGenerator(m *Model) *Generator {
	w := view(m.Config, m.Params.Clone())
	g := &Generator{config: m.Config, embed: w.embed, norm: w.norm, rotary: newRotary(m.Config),
		layers: make([]generatorLayer, m.Config.Layers)}
	g.head.LoadT(w.head)
	for l := range g.layers {
		from, to := &w.layers[l], &g.layers[l]
		to.norm1, to.norm2 = from.norm1, from.norm2
		to.q.LoadT(from.q)
		to.k.LoadT(from.k)
		to.v.LoadT(from.v)
		to.o.LoadT(from.o)
		to.gate.LoadT(from.gate)
		to.up.LoadT(from.up)
		to.down.LoadT(from.down)
	}
	return g
}

// Decoder continues one text. It caches keys and values of at most Context
// tokens and belongs to one goroutine.
type Decoder struct {
	g     *Generator
	at    int     // tokens in the cache
	cache []cache // by layer
	x, n, t, q, k, v,
	a, u, p, logits []float32
}

// cache holds a layer's keys (D × T) and values (T × D) by key/value group.
type cache struct{ keys, values []*tensor.Panels }

// Decoder returns a decoder with an empty cache.
func (g *Generator) Decoder() *Decoder {
	c := g.config
	d := &Decoder{g: g, cache: make([]cache, c.Layers)}
	for l := range d.cache {
		for range c.KVHeads {
			d.cache[l].keys = append(d.cache[l].keys, tensor.NewPanels(c.HeadDim(), c.Context))
			d.cache[l].values = append(d.cache[l].values, tensor.NewPanels(c.Context, c.HeadDim()))
		}
	}
	vec := func(n int) []float32 { return make([]float32, n) }
	kv := c.KVHeads * c.HeadDim()
	d.x, d.n, d.t, d.q, d.k, d.v = vec(c.Hidden), vec(c.Hidden), vec(c.Hidden), vec(c.Hidden), vec(kv), vec(kv)
	d.a, d.u, d.p, d.logits = vec(c.Intermediate), vec(c.Intermediate), vec(c.Context), vec(c.Vocab)
	return d
}

// Len returns the number of tokens in the cache.
func (d *Decoder) Len() int { return d.at }

// Reset empties the cache.
func (d *Decoder) Reset() { d.at = 0 }

// Next appends a token and returns the logits of its successor, to be read
// until the next call. They equal those of a forward pass over the same tokens
// bit for bit: every element is the same chain, and what the forward pass adds
// beyond the diagonal of a block are products with 0, which can change a sum
// only from -0 to +0.
func (d *Decoder) Next(token int32) ([]float32, error) {
	g, c := d.g, d.g.config
	if token < 0 || int(token) >= c.Vocab {
		return nil, fmt.Errorf("decode token %d: the vocabulary has %d", token, c.Vocab)
	}
	if d.at == c.Context {
		return nil, fmt.Errorf("decode token %d: the context of %d tokens is full", token, c.Context)
	}
	eps := float32(c.NormEps)
	copy(d.x, g.embed.Row(int(token)))
	for l := range g.layers {
		w := &g.layers[l]
		normRow(d.n, d.x, w.norm1, eps)
		apply(d.q, d.n, &w.q)
		apply(d.k, d.n, &w.k)
		apply(d.v, d.n, &w.v)
		g.rotary.row(d.q, d.at, 1)
		g.rotary.row(d.k, d.at, 1)
		d.attend(&d.cache[l])
		apply(d.t, d.n, &w.o)
		tensor.Add(d.x, d.t)
		normRow(d.n, d.x, w.norm2, eps)
		apply(d.a, d.n, &w.gate)
		apply(d.u, d.n, &w.up)
		tensor.SwiGLU(d.a, d.a, d.u)
		apply(d.t, d.a, &w.down)
		tensor.Add(d.x, d.t)
	}
	d.at++
	normRow(d.n, d.x, g.norm, eps)
	apply(d.logits, d.n, &g.head)
	return d.logits, nil
}

// attend adds the token's key and value to the cache and leaves the heads'
// outputs, joined, in d.n.
func (d *Decoder) attend(kv *cache) {
	c, width := d.g.config, d.g.config.HeadDim()
	scale := attention{dim: width}.scale()
	for g := range c.KVHeads {
		kv.keys[g].SetColumn(d.at, d.k[g*width:(g+1)*width])
		kv.values[g].SetRow(d.at, d.v[g*width:(g+1)*width])
	}
	p := d.p[:d.at+1]
	for h := range c.Heads {
		g := h / (c.Heads / c.KVHeads)
		apply(p, d.q[h*width:(h+1)*width], kv.keys[g])
		tensor.Softmax(p, p, scale)
		apply(d.n[h*width:(h+1)*width], p, kv.values[g])
	}
}

// apply sets y = x·B, one row.
func apply(y, x []float32, b *tensor.Panels) {
	b.Mul(tensor.Mat(y, 1, len(y)), tensor.Mat(x, 1, len(x)), 0, false)
}
