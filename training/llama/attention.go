package llama

import (
	"math"

	"codeberg.org/althing/althing/training/tensor"
)

// queryRows are the queries of one block. Keys after the block's last query
// are left out of its products; within the block the mask is zeros.
const queryRows = 32

// attention is causal grouped-query attention over B sequences of T tokens:
// head h reads the key/value group h/(H/G).
type attention struct {
	batch, time, heads, groups, dim int
	work                            []attentionWork // one per thread
}

type attentionWork struct {
	a, b tensor.Panels
	ds   []float32 // T × T
}

func (t attention) scale() float32 { return 1 / float32(math.Sqrt(float64(t.dim))) }

// head views the T rows of sequence b and the D columns of head h.
func (t attention) head(x tensor.Matrix, b, h int) tensor.Matrix {
	return x.Sub(b*t.time, h*t.dim, t.time, t.dim)
}

// table views the T × T probabilities of sequence b and head h in p.
func (t attention) table(p []float32, b, h int) tensor.Matrix {
	n := t.time * t.time
	return tensor.Mat(p[(b*t.heads+h)*n:], t.time, t.time)
}

// forward sets o = softmax(q·kᵀ/√D)·v and keeps the probabilities in p
// (B × H × T × T; above the diagonal only zeros within a block are written).
func (t attention) forward(team *tensor.Team, o, q, k, v tensor.Matrix, p []float32) {
	team.Split(t.batch*t.groups, 1, func(worker, lo, hi int) {
		w := &t.work[worker]
		for i := lo; i < hi; i++ {
			b, g := i/t.groups, i%t.groups
			w.a.LoadT(t.head(k, b, g))
			w.b.Load(t.head(v, b, g))
			for h := g * t.heads / t.groups; h < (g+1)*t.heads/t.groups; h++ {
				t.headForward(w, t.head(o, b, h), t.head(q, b, h), t.table(p, b, h))
			}
		}
	})
}

func (t attention) headForward(w *attentionWork, o, q, p tensor.Matrix) {
	scale := t.scale()
	for from := 0; from < t.time; from += queryRows {
		to := min(from+queryRows, t.time)
		block := p.Sub(from, 0, to-from, to)
		w.a.Mul(block, q.Sub(from, 0, to-from, t.dim), 0, false)
		for i := range to - from {
			row := block.Row(i)
			seen := row[:from+i+1]
			tensor.Softmax(seen, seen, scale)
			clear(row[from+i+1:])
		}
		w.b.Mul(o.Sub(from, 0, to-from, t.dim), block, 0, false)
	}
}

// backward sets dq, dk and dv from do and what forward read and kept.
func (t attention) backward(team *tensor.Team, dq, dk, dv, do, q, k, v tensor.Matrix, p []float32) {
	team.Split(t.batch*t.groups, 1, func(worker, lo, hi int) {
		w := &t.work[worker]
		if len(w.ds) < t.time*t.time {
			w.ds = make([]float32, t.time*t.time)
		}
		ds := tensor.Mat(w.ds, t.time, t.time)
		for i := lo; i < hi; i++ {
			b, g := i/t.groups, i%t.groups
			first := g * t.heads / t.groups
			for h := first; h < (g+1)*t.heads/t.groups; h++ {
				table, dout := t.table(p, b, h), t.head(do, b, h)
				w.a.LoadT(t.head(v, b, g))
				w.b.Load(t.head(k, b, g))
				t.scoresBackward(w, ds, t.head(dq, b, h), dout, table)
				w.a.Load(t.head(q, b, h))
				w.b.Load(dout)
				t.keysBackward(w, t.head(dk, b, g), t.head(dv, b, g), ds, table, h > first)
			}
		}
	})
}

// scoresBackward sets ds, the gradient of q·kᵀ, and dq = ds·k.
func (t attention) scoresBackward(w *attentionWork, ds, dq, do, p tensor.Matrix) {
	scale := t.scale()
	for from := 0; from < t.time; from += queryRows {
		to := min(from+queryRows, t.time)
		block := ds.Sub(from, 0, to-from, to)
		w.a.Mul(block, do.Sub(from, 0, to-from, t.dim), 0, false) // do·vᵀ
		for i := range to - from {
			row, seen := block.Row(i), from+i+1
			tensor.SoftmaxGrad(row[:seen], p.Row(from + i)[:seen], row[:seen], scale)
			clear(row[seen:])
		}
		w.b.Mul(dq.Sub(from, 0, to-from, t.dim), block, 0, false)
	}
}

// keysBackward sets dk = dsᵀ·q and dv = pᵀ·do, or adds to them for the second
// and later heads of a group. Queries before a block of keys do not see it.
func (t attention) keysBackward(w *attentionWork, dk, dv, ds, p tensor.Matrix, add bool) {
	for from := 0; from < t.time; from += queryRows {
		n, later := min(queryRows, t.time-from), t.time-from
		w.a.MulT(dk.Sub(from, 0, n, t.dim), ds.Sub(from, from, later, n), from, add)
		w.b.MulT(dv.Sub(from, 0, n, t.dim), p.Sub(from, from, later, n), from, add)
	}
}
