package llama

import (
	"fmt"

	"codeberg.org/althing/althing/training/tensor"
)

// Optimiser changes weights by a gradient of the same layout, which it may
// overwrite (clipping). Package optim has the usual ones.
type Optimiser interface {
	Update(weights, gradient *tensor.Params) error
}

// Trainer computes gradients of one model and owns the scratch memory for it,
// about 4·layers·(8C + 3F + H·T) bytes per token of a batch. It belongs to one
// goroutine.
type Trainer struct {
	pass
	// Part is how many sequences Gradient takes through the model at once, all
	// if it is 0. Fewer need less memory; the gradients of the parts are added
	// in order, so that the bits depend on Part as they do on the batch.
	Part int
	// Grad is the gradient of the last Backward, overwritten by the next.
	Grad *tensor.Params
	g    weights

	tokens             []int32 // of the last Forward
	time               int
	dx, do, dq, dk, dv tensor.Matrix
	da, du             tensor.Matrix
	part, row          []float32     // gradients of gains by block, and a row per thread
	sum                []float32     // of the gradients of parts
	input              tensor.Panels // what several weights read, packed once for their gradients
}

// NewTrainer returns a trainer for sequences of time tokens on threads
// threads. The number of threads changes no bit of any result.
func NewTrainer(m *Model, time, threads int) (*Trainer, error) {
	t, err := newTrainer(m, time, threads)
	if err != nil {
		return nil, err
	}
	t.Grad = m.Params.Zeros()
	t.g = view(m.Config, t.Grad)
	return t, nil
}

func newTrainer(m *Model, time, threads int) (*Trainer, error) {
	if time < 1 || time > m.Config.Context {
		return nil, fmt.Errorf("train on sequences of %d tokens: the model takes 1 to %d", time, m.Config.Context)
	}
	return &Trainer{pass: newPass(m, threads, true), time: time}, nil
}

// Forward returns the logits (N × V) of every position, to be read until the
// next call. tokens are whole sequences, one after another.
func (t *Trainer) Forward(tokens []int32) (tensor.Matrix, error) {
	if err := t.check(tokens, t.time); err != nil {
		return tensor.Matrix{}, err
	}
	t.resize(len(tokens), t.time)
	t.tokens = append(t.tokens[:0], tokens...)
	t.forward(tokens)
	return t.logits, nil
}

// Backward sets Grad from the gradient of the loss by the logits of the last
// Forward. A custom objective (ascent, distillation, a weight per sequence)
// needs no more than its own dlogits.
func (t *Trainer) Backward(dlogits tensor.Matrix) {
	c, w, g := t.model.Config, &t.model.w, &t.g
	if dlogits.Rows != t.x.Rows || dlogits.Cols != c.Vocab {
		panic("llama: the gradient of the logits has another shape than the logits")
	}
	t.scratch()
	if !c.Tied {
		clear(g.embed.Data)
	}
	if t.adapters == nil {
		t.team.MulTN(g.head, dlogits, t.n, false)
	}
	t.team.MulNN(t.do, dlogits, w.head, false)
	clear(t.dx.Data)
	inBlocks(t.team, t.x.Rows, func(worker, lo, hi int) {
		t.normBackward(worker, lo, hi, rows(t.do, lo, hi), t.x, w.norm, t.r)
	})
	sumGains(g.norm, t.part)
	for l := len(t.layers) - 1; l >= 0; l-- {
		t.layerBackward(l, &t.layers[l], &w.layers[l], &g.layers[l])
	}
	if t.adapters == nil {
		embedBackward(g.embed, t.dx, t.tokens)
	}
}

// layerBackward turns t.dx from the gradient of a layer's output into that of
// its input and sets the gradients of the layer's weights, or of its adapters.
func (t *Trainer) layerBackward(l int, a *activations, w, g *layerWeights) {
	t.packed.backward(t.team, w, t.adapters.of(l))
	t.pack(a.h)
	t.weightGradient(Down, g.down, t.dx)
	inBlocks(t.team, t.x.Rows, func(worker, lo, hi int) { t.feedForwardBackward(worker, a, w, lo, hi) })
	sumGains(g.norm2, t.part)
	t.pack(a.n2)
	t.weightGradient(Gate, g.gate, t.da)
	t.weightGradient(Up, g.up, t.du)
	t.pack(a.o)
	t.weightGradient(Output, g.o, t.dx)

	t.attn.backward(t.team, t.dq, t.dk, t.dv, t.do, a.q, a.k, a.v, a.p)
	inBlocks(t.team, t.x.Rows, func(worker, lo, hi int) { t.attentionInputBackward(worker, a, w, lo, hi) })
	sumGains(g.norm1, t.part)
	t.pack(a.n1)
	t.weightGradient(Query, g.q, t.dq)
	t.weightGradient(Key, g.k, t.dk)
	t.weightGradient(Value, g.v, t.dv)
	for p, x := range [...]tensor.Matrix{Query: a.n1, Key: a.n1, Value: a.n1, Output: a.o, Gate: a.n2, Up: a.n2, Down: a.h} {
		t.packed.adapters[p].inGradient(t.team, x)
	}
}

// pack prepares x for the gradients of all weights that read it.
func (t *Trainer) pack(x tensor.Matrix) {
	if t.adapters == nil {
		t.team.Pack(&t.input, x)
	}
}

// weightGradient sets dw = dyᵀ·x with the packed x, or the gradient of B of the
// projection's adapter.
func (t *Trainer) weightGradient(p Projection, dw, dy tensor.Matrix) {
	if t.adapters == nil {
		t.team.MulPackedT(dw, dy, &t.input, false)
		return
	}
	t.packed.adapters[p].outGradient(t.team, dy)
}

// feedForwardBackward takes rows lo to hi of t.dx from the layer's output to
// the middle, leaves t.da and t.du, and sets t.do, the gradient of attention's
// output.
func (t *Trainer) feedForwardBackward(worker int, a *activations, w *layerWeights, lo, hi int) {
	dx, da, du, dn := rows(t.dx, lo, hi), rows(t.da, lo, hi), rows(t.du, lo, hi), rows(t.block[worker], 0, hi-lo)
	t.packed.turn(Down, da, dx, lo, hi, false)
	swigluBackward(da, du, da, rows(a.a, lo, hi), rows(a.u, lo, hi))
	t.packed.turn(Gate, dn, da, lo, hi, false)
	t.packed.turn(Up, dn, du, lo, hi, true)
	t.normBackward(worker, lo, hi, dn, a.mid, w.norm2, a.r2)
	t.packed.turn(Output, rows(t.do, lo, hi), dx, lo, hi, false)
}

// attentionInputBackward turns rows lo to hi of t.dq and t.dk back and takes
// t.dx from the middle to the layer's input.
func (t *Trainer) attentionInputBackward(worker int, a *activations, w *layerWeights, lo, hi int) {
	dq, dk, dn := rows(t.dq, lo, hi), rows(t.dk, lo, hi), rows(t.block[worker], 0, hi-lo)
	t.rotary.rows(dq, lo, t.time, -1)
	t.rotary.rows(dk, lo, t.time, -1)
	t.packed.turn(Query, dn, dq, lo, hi, false)
	t.packed.turn(Key, dn, dk, lo, hi, true)
	t.packed.turn(Value, dn, rows(t.dv, lo, hi), lo, hi, true)
	t.normBackward(worker, lo, hi, dn, a.x, w.norm1, a.r1)
}

// normBackward takes the block of rows lo to hi of t.dx through a norm of x.
func (t *Trainer) normBackward(worker, lo, hi int, dy, x tensor.Matrix, gains, r []float32) {
	c, block := x.Cols, lo/blockRows
	normBackward(rows(t.dx, lo, hi), dy, rows(x, lo, hi), gains, r[lo:hi], t.part[block*c:(block+1)*c], t.row[worker*c:(worker+1)*c])
}

// scratch makes the gradients of activations fit the last Forward.
func (t *Trainer) scratch() {
	n, c := t.x.Rows, t.model.Config
	if t.dx.Rows == n {
		return
	}
	mat := func(cols int) tensor.Matrix { return tensor.Mat(make([]float32, n*cols), n, cols) }
	kv := c.KVHeads * c.HeadDim()
	t.dx, t.do, t.dq, t.dk, t.dv = mat(c.Hidden), mat(c.Hidden), mat(c.Hidden), mat(kv), mat(kv)
	t.da, t.du = mat(c.Intermediate), mat(c.Intermediate)
	t.part = make([]float32, (n+blockRows-1)/blockRows*c.Hidden)
	t.row = make([]float32, t.team.Size()*c.Hidden)
}

// Gradient sets Grad to the gradient of the mean cross-entropy over all
// targets that are not Ignore and returns that mean in nats per token.
func (t *Trainer) Gradient(tokens, targets []int32) (float64, error) {
	count, err := checkTargets(targets, len(tokens), t.model.Config.Vocab)
	if err != nil {
		return 0, err
	}
	part := t.Part * t.time
	if part <= 0 || part >= len(tokens) {
		part = len(tokens)
	}
	if part < len(tokens) && t.adapters != nil {
		return 0, fmt.Errorf("train adapters in parts of %d sequences: their gradients are not added up", t.Part)
	}
	if part > 0 && len(tokens)%part != 0 {
		return 0, fmt.Errorf("take %d tokens through the model in parts of %d sequences of %d: want whole parts", len(tokens), t.Part, t.time)
	}
	weight, total := 1/float32(max(count, 1)), 0.0
	for from := 0; from < len(tokens) || from == 0; from += part {
		logits, err := t.Forward(tokens[from : from+part])
		if err != nil {
			return 0, err
		}
		crossEntropy(t.team, logits, targets[from:from+part], t.nll, weight)
		t.Backward(logits)
		for _, v := range t.nll {
			total += float64(v)
		}
		if part < len(tokens) {
			t.gather(from, from+part == len(tokens))
		}
	}
	return total / float64(max(count, 1)), nil
}

// gather adds Grad to the sum of the parts before and leaves the sum of all in
// Grad after the last.
func (t *Trainer) gather(from int, last bool) {
	if t.sum == nil {
		t.sum = make([]float32, len(t.Grad.Data))
	}
	if from == 0 {
		copy(t.sum, t.Grad.Data)
	} else if tensor.Add(t.sum, t.Grad.Data); last {
		copy(t.Grad.Data, t.sum)
	}
}

// Step is Gradient and one update of the model's weights by o. It returns the
// loss before the update.
func (t *Trainer) Step(tokens, targets []int32, o Optimiser) (float64, error) {
	loss, err := t.Gradient(tokens, targets)
	if err != nil {
		return 0, err
	}
	if err := o.Update(t.model.Params, t.Grad); err != nil {
		return 0, fmt.Errorf("train one step: %w", err)
	}
	return loss, nil
}

// checkTargets counts the targets that are not ignored.
func checkTargets(targets []int32, n, vocab int) (int, error) {
	if len(targets) != n {
		return 0, fmt.Errorf("pair %d targets with %d tokens: want as many", len(targets), n)
	}
	count := 0
	for i, t := range targets {
		if int(t) >= vocab {
			return 0, fmt.Errorf("read target %d: %d is not in a vocabulary of %d", i, t, vocab)
		}
		if t >= 0 {
			count++
		}
	}
	return count, nil
}
