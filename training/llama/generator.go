package llama

import "codeberg.org/althing/althing/training/tensor"

// Generator is a model laid out for decoding: its weights are packed once, so
// that one token costs one pass over them. It keeps the weights as they were
// when it was made, takes no more memory than they did (with a tied embedding),
// and may be used by many goroutines.
type Generator struct {
	config  Config
	threads int
	embed   tensor.Matrix // where the output matrix is another
	norm    []float32
	head    columns
	layers  []generatorLayer
	rotary  rotary
}

type generatorLayer struct {
	norm1, norm2               []float32
	q, k, v, o, gate, up, down columns
}

// NewGenerator packs the weights of m for decoding on one thread.
func NewGenerator(m *Model) *Generator { return NewParallelGenerator(m, 1) }

// worthThreads is the number of parameters from which a second thread saves
// more than waking it costs, about 5 µs four times a layer.
const worthThreads = 2 << 20

// NewParallelGenerator packs the weights of m for decoding one text on several
// threads: each reads its share of every matrix, so that together they have
// the bandwidth of the memory. Threads change no bit. A small model gets one.
func NewParallelGenerator(m *Model, threads int) *Generator {
	if threads < 1 || m.Params.Len() < worthThreads {
		threads = 1
	}
	w := view(m.Config, m.Params)
	g := &Generator{config: m.Config, threads: threads, norm: clone(w.norm), rotary: newRotary(m.Config),
		layers: make([]generatorLayer, m.Config.Layers), head: split(w.head, threads)}
	if !m.Config.Tied {
		g.embed = tensor.Mat(clone(w.embed.Data), w.embed.Rows, w.embed.Cols)
	}
	for l := range g.layers {
		from, to := &w.layers[l], &g.layers[l]
		to.norm1, to.norm2 = clone(from.norm1), clone(from.norm2)
		to.q, to.k, to.v = split(from.q, threads), split(from.k, threads), split(from.v, threads)
		to.o, to.down = split(from.o, threads), split(from.down, threads)
		to.gate, to.up = split(from.gate, threads), split(from.up, threads)
	}
	return g
}

func clone(x []float32) []float32 { return append([]float32(nil), x...) }

// embedding copies the embedding of a token to x.
func (g *Generator) embedding(x []float32, token int) {
	if !g.config.Tied {
		copy(x, g.embed.Row(token))
		return
	}
	g.head.column(x, token)
}

// columns is a weight (output × input), transposed and packed in one part of
// its outputs per thread.
type columns struct {
	at    []int // first output of each part, and the end
	parts []tensor.Panels
}

// partGrain is the number of columns that the kernels compute together.
const partGrain = 32

func split(w tensor.Matrix, threads int) columns {
	blocks := (w.Rows + partGrain - 1) / partGrain
	c := columns{parts: make([]tensor.Panels, threads)}
	for i := range threads + 1 {
		c.at = append(c.at, min(blocks*i/threads*partGrain, w.Rows))
	}
	for i := range c.parts {
		if lo, hi := c.at[i], c.at[i+1]; lo < hi {
			c.parts[i].LoadT(w.Sub(lo, 0, hi-lo, w.Cols))
		}
	}
	return c
}

func (c *columns) column(dst []float32, j int) {
	for i := range c.parts {
		if j < c.at[i+1] {
			c.parts[i].Column(dst, j-c.at[i])
			return
		}
	}
}

// product is y = x·wᵀ for some x.
type product struct {
	y tensor.Matrix
	w *columns
}

// apply computes products that share x. Workers meet once after all of them.
func apply(team *tensor.Team, x tensor.Matrix, products ...product) {
	team.Split(team.Size(), 1, func(_, lo, hi int) {
		for worker := lo; worker < hi; worker++ {
			for _, p := range products {
				if from, to := p.w.at[worker], p.w.at[worker+1]; from < to {
					p.w.parts[worker].Mul(p.y.Sub(0, from, p.y.Rows, to-from), x, 0, false)
				}
			}
		}
	})
}
