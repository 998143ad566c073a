package llama

import (
	"math"

	"codeberg.org/althing/althing/training/tensor"
)

// queryRows are the queries of one block. Keys after the block's last query
// are left out of its products; within the block the mask is zeros.
const queryRows = 32

// attention is causal grouped-query attention over B sequences of T tokens:
// head h reads the key/value group h/(H/G). Blocks of queries go through
// scores, softmax and output one after another, so that only one block's
// scores are in the cache; the probabilities are kept for the backward pass,
// without the masked part.
type attention struct {
	batch, time, heads, groups, dim int
	work                            []attentionWork // one per thread
}

type attentionWork struct {
	keys, values, queries, out tensor.Panels
	ds                         []float32 // queryRows × T
}

func (t attention) scale() float32 { return 1 / float32(math.Sqrt(float64(t.dim))) }

// head views the T rows of sequence b and the D columns of head h.
func (t attention) head(x tensor.Matrix, b, h int) tensor.Matrix {
	return x.Sub(b*t.time, h*t.dim, t.time, t.dim)
}

// blockStart is where the block of queries beginning at from lies in a table
// of probabilities: block i has queryRows rows of (i+1)·queryRows keys, the
// last block fewer of both.
func blockStart(from int) int { return from * (from + queryRows) / 2 }

// tableSize is the number of probabilities kept for one head.
func tableSize(time int) int {
	from := (time - 1) / queryRows * queryRows
	return blockStart(from) + (time-from)*time
}

// block views the probabilities of queries from to to and keys before to.
func (t attention) block(p []float32, b, h, from, to int) tensor.Matrix {
	return tensor.Mat(p[(b*t.heads+h)*tableSize(t.time)+blockStart(from):], to-from, to)
}

// forward sets o = softmax(q·kᵀ/√D)·v and keeps the probabilities in p.
func (t attention) forward(team *tensor.Team, o, q, k, v tensor.Matrix, p []float32) {
	team.Split(t.batch*t.groups, 1, func(worker, lo, hi int) {
		w := &t.work[worker]
		for i := lo; i < hi; i++ {
			b, g := i/t.groups, i%t.groups
			w.keys.LoadT(t.head(k, b, g))
			w.values.Load(t.head(v, b, g))
			for h := g * t.heads / t.groups; h < (g+1)*t.heads/t.groups; h++ {
				for from := 0; from < t.time; from += queryRows {
					to := min(from+queryRows, t.time)
					t.blockForward(w, rows(t.head(o, b, h), from, to), rows(t.head(q, b, h), from, to), t.block(p, b, h, from, to))
				}
			}
		}
	})
}

func (t attention) blockForward(w *attentionWork, o, q, p tensor.Matrix) {
	scale, from := t.scale(), p.Cols-p.Rows
	w.keys.Mul(p, q, 0, false)
	for i := range p.Rows {
		row := p.Row(i)
		seen := row[:from+i+1]
		tensor.Softmax(seen, seen, scale)
		clear(row[from+i+1:])
	}
	w.values.Mul(o, p, 0, false)
}

// backward sets dq, dk and dv from do and what forward read and kept.
func (t attention) backward(team *tensor.Team, dq, dk, dv, do, q, k, v tensor.Matrix, p []float32) {
	team.Split(t.batch*t.groups, 1, func(worker, lo, hi int) {
		w := &t.work[worker]
		if len(w.ds) < queryRows*t.time {
			w.ds = make([]float32, queryRows*t.time)
		}
		for i := lo; i < hi; i++ {
			b, g := i/t.groups, i%t.groups
			w.keys.Load(t.head(k, b, g))
			w.values.LoadT(t.head(v, b, g))
			first := g * t.heads / t.groups
			for h := first; h < (g+1)*t.heads/t.groups; h++ {
				w.queries.Load(t.head(q, b, h))
				w.out.Load(t.head(do, b, h))
				for from := 0; from < t.time; from += queryRows {
					to := min(from+queryRows, t.time)
					ds := tensor.Mat(w.ds, to-from, to)
					table := t.block(p, b, h, from, to)
					t.scoresBackward(w, ds, rows(t.head(dq, b, h), from, to), rows(t.head(do, b, h), from, to), table)
					addKeys(&w.queries, t.head(dk, b, g), ds, h > first)
					addKeys(&w.out, t.head(dv, b, g), table, h > first)
				}
			}
		}
	})
}

// scoresBackward sets ds, the gradient of a block's q·kᵀ, and dq = ds·k.
func (t attention) scoresBackward(w *attentionWork, ds, dq, do, p tensor.Matrix) {
	scale, from := t.scale(), p.Cols-p.Rows
	w.values.Mul(ds, do, 0, false) // do·vᵀ
	for i := range p.Rows {
		row, seen := ds.Row(i), from+i+1
		tensor.SoftmaxGrad(row[:seen], p.Row(i)[:seen], row[:seen], scale)
		clear(row[seen:])
	}
	w.keys.Mul(dq, ds, 0, false)
}

// addKeys adds to dk the transpose of a block ds of queries times what these
// queries have in x: dk += dsᵀ·q, and dv += pᵀ·do. Blocks come in ascending
// order, so that each element is one chain over its queries; it begins with
// the block on the diagonal, or goes on from the head before.
func addKeys(x *tensor.Panels, dk, ds tensor.Matrix, goesOn bool) {
	from := ds.Cols - ds.Rows
	x.MulT(rows(dk, 0, from), ds.Sub(0, 0, ds.Rows, from), from, true)
	x.MulT(rows(dk, from, ds.Cols), ds.Sub(0, from, ds.Rows, ds.Rows), from, goesOn)
}
