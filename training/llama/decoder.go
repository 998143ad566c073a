package llama

import (
	"fmt"

	"codeberg.org/althing/althing/training/tensor"
)

// readRows are the tokens of a prompt that are read together: one pass over
// the weights for all of them.
const readRows = 32

// Decoder continues one text. It caches keys and values of at most Context
// tokens and belongs to one goroutine.
type Decoder struct {
	g                      *Generator
	team                   *tensor.Team
	at                     int     // tokens in the cache
	cache                  []cache // by layer
	rows                   int     // that the buffers hold
	x, n, t, q, k, v, a, u []float32
	logits                 []float32
	p                      [][]float32 // scores of one head, by worker
}

// Decoder returns a decoder with an empty cache.
func (g *Generator) Decoder() *Decoder {
	c := g.config
	d := &Decoder{g: g, team: tensor.Threads(g.threads), cache: make([]cache, c.Layers),
		logits: make([]float32, c.Vocab), p: make([][]float32, g.threads)}
	for l := range d.cache {
		d.cache[l] = newCache(c)
	}
	for w := range d.p {
		d.p[w] = make([]float32, c.Context)
	}
	d.resize(1)
	return d
}

func (d *Decoder) resize(rows int) {
	c := d.g.config
	d.rows = rows
	vec := func(n int) []float32 { return make([]float32, rows*n) }
	kv := c.KVHeads * c.HeadDim()
	d.x, d.n, d.t, d.q, d.k, d.v = vec(c.Hidden), vec(c.Hidden), vec(c.Hidden), vec(c.Hidden), vec(kv), vec(kv)
	d.a, d.u = vec(c.Intermediate), vec(c.Intermediate)
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
func (d *Decoder) Next(token int32) ([]float32, error) { return d.Read([]int32{token}) }

// Read appends tokens and returns the logits of the successor of the last. Many
// together cost far less than one by one and give the same bits.
func (d *Decoder) Read(tokens []int32) ([]float32, error) {
	c := d.g.config
	if len(tokens) == 0 || len(tokens) > c.Context-d.at {
		return nil, fmt.Errorf("decode %d tokens: %d of the context of %d are used", len(tokens), d.at, c.Context)
	}
	for _, token := range tokens {
		if token < 0 || int(token) >= c.Vocab {
			return nil, fmt.Errorf("decode token %d: the vocabulary has %d", token, c.Vocab)
		}
	}
	var last []float32
	for len(tokens) > 0 {
		part := tokens[:min(readRows, len(tokens))]
		if len(part) > d.rows {
			d.resize(readRows)
		}
		x := d.forward(part)
		last, tokens = x.Row(len(part)-1), tokens[len(part):]
	}
	n := d.n[:c.Hidden]
	normRow(n, last, d.g.norm, float32(c.NormEps))
	apply(d.team, tensor.Mat(n, 1, c.Hidden), product{tensor.Mat(d.logits, 1, c.Vocab), &d.g.head})
	return d.logits, nil
}

// forward appends at most d.rows tokens and returns their last residuals.
func (d *Decoder) forward(tokens []int32) (x tensor.Matrix) {
	g, c, m := d.g, d.g.config, len(tokens)
	kv, eps := c.KVHeads*c.HeadDim(), float32(c.NormEps)
	x, n, t := tensor.Mat(d.x, m, c.Hidden), tensor.Mat(d.n, m, c.Hidden), tensor.Mat(d.t, m, c.Hidden)
	q, k, v := tensor.Mat(d.q, m, c.Hidden), tensor.Mat(d.k, m, kv), tensor.Mat(d.v, m, kv)
	a, u := tensor.Mat(d.a, m, c.Intermediate), tensor.Mat(d.u, m, c.Intermediate)
	for i, token := range tokens {
		g.embedding(x.Row(i), int(token))
	}
	for l := range g.layers {
		w := &g.layers[l]
		for i := range m {
			normRow(n.Row(i), x.Row(i), w.norm1, eps)
		}
		apply(d.team, n, product{q, &w.q}, product{k, &w.k}, product{v, &w.v})
		for i := range m {
			g.rotary.row(q.Row(i), d.at+i, 1)
			g.rotary.row(k.Row(i), d.at+i, 1)
		}
		d.attend(&d.cache[l], n, q, k, v)
		apply(d.team, n, product{t, &w.o})
		for i := range m {
			tensor.Add(x.Row(i), t.Row(i))
			normRow(n.Row(i), x.Row(i), w.norm2, eps)
		}
		apply(d.team, n, product{a, &w.gate}, product{u, &w.up})
		for i := range m {
			tensor.SwiGLU(a.Row(i), a.Row(i), u.Row(i))
		}
		apply(d.team, a, product{t, &w.down})
		for i := range m {
			tensor.Add(x.Row(i), t.Row(i))
		}
	}
	d.at += m
	return x
}

// attend adds the tokens' keys and values to the cache and leaves the heads'
// outputs, joined, in o. Threads split the key/value groups.
func (d *Decoder) attend(kv *cache, o, q, k, v tensor.Matrix) {
	c, width := d.g.config, d.g.config.HeadDim()
	scale, shared := attention{dim: width}.scale(), c.Heads/c.KVHeads
	d.team.Split(c.KVHeads, 1, func(worker, lo, hi int) {
		for group := lo; group < hi; group++ {
			for i := range o.Rows {
				kv.put(group, d.at+i, k.Row(i)[group*width:(group+1)*width], v.Row(i)[group*width:(group+1)*width])
				for h := group * shared; h < (group+1)*shared; h++ {
					kv.attend(o.Row(i)[h*width:(h+1)*width], q.Row(i)[h*width:(h+1)*width], d.p[worker], group, d.at+i+1, scale)
				}
			}
		}
	})
}
