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
	// Grad is the gradient of the last Backward, overwritten by the next.
	Grad *tensor.Params
	g    weights

	tokens             []int32 // of the last Forward
	time               int
	dx, dn, dq, dk, dv tensor.Matrix
	dh, du             tensor.Matrix
	part               []float32 // partial gains, see normBackward
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
	t.linearBackward(t.dn, g.head, dlogits, t.n, w.head, nil, false)
	clear(t.dx.Data)
	normBackward(t.team, t.dx, t.dn, t.x, w.norm, t.r, g.norm, t.part)
	for l := len(t.layers) - 1; l >= 0; l-- {
		t.layerBackward(l, &t.layers[l], &w.layers[l], &g.layers[l])
	}
	if t.adapters == nil {
		embedBackward(g.embed, t.dx, t.tokens)
	}
}

// linearBackward is the gradient of one projection: of its weight if that is
// trained, else of its adapter if it has one.
func (t *Trainer) linearBackward(dx, dw, dy, x, w tensor.Matrix, adapter *LowRank, add bool) {
	if t.adapters == nil {
		linearBackward(t.team, dx, dw, dy, x, w, add)
		return
	}
	t.team.MulNN(dx, dy, w, add)
	adapter.backward(t.team, dx, dy, x)
}

// layerBackward turns t.dx from the gradient of a layer's output into that of
// its input and sets the gradients of the layer's weights.
func (t *Trainer) layerBackward(l int, a *activations, w, g *layerWeights) {
	team := t.team
	t.linearBackward(t.dh, g.down, t.dx, a.h, w.down, t.adapters.at(l, Down), false)
	swigluBackward(team, t.dh, t.du, t.dh, a.a, a.u)
	t.linearBackward(t.dn, g.gate, t.dh, a.n2, w.gate, t.adapters.at(l, Gate), false)
	t.linearBackward(t.dn, g.up, t.du, a.n2, w.up, t.adapters.at(l, Up), true)
	normBackward(team, t.dx, t.dn, a.mid, w.norm2, a.r2, g.norm2, t.part)

	t.linearBackward(t.dn, g.o, t.dx, a.o, w.o, t.adapters.at(l, Output), false)
	t.attn.backward(team, t.dq, t.dk, t.dv, t.dn, a.q, a.k, a.v, a.p)
	t.rotary.rows(team, t.dq, t.time, -1)
	t.rotary.rows(team, t.dk, t.time, -1)
	t.linearBackward(t.dn, g.q, t.dq, a.n1, w.q, t.adapters.at(l, Query), false)
	t.linearBackward(t.dn, g.k, t.dk, a.n1, w.k, t.adapters.at(l, Key), true)
	t.linearBackward(t.dn, g.v, t.dv, a.n1, w.v, t.adapters.at(l, Value), true)
	normBackward(team, t.dx, t.dn, a.x, w.norm1, a.r1, g.norm1, t.part)
}

// scratch makes the gradients of activations fit the last Forward.
func (t *Trainer) scratch() {
	n, c := t.x.Rows, t.model.Config
	if t.dx.Rows == n {
		return
	}
	mat := func(cols int) tensor.Matrix { return tensor.Mat(make([]float32, n*cols), n, cols) }
	kv := c.KVHeads * c.HeadDim()
	t.dx, t.dn, t.dq, t.dk, t.dv = mat(c.Hidden), mat(c.Hidden), mat(c.Hidden), mat(kv), mat(kv)
	t.dh, t.du = mat(c.Intermediate), mat(c.Intermediate)
	t.part = make([]float32, ((n+gainRows-1)/gainRows+t.team.Size())*c.Hidden)
}

// Gradient sets Grad to the gradient of the mean cross-entropy over all
// targets that are not Ignore and returns that mean in nats per token.
func (t *Trainer) Gradient(tokens, targets []int32) (float64, error) {
	logits, err := t.Forward(tokens)
	if err != nil {
		return 0, err
	}
	count, err := checkTargets(targets, len(tokens), t.model.Config.Vocab)
	if err != nil {
		return 0, err
	}
	crossEntropy(t.team, logits, targets, t.nll, 1/float32(max(count, 1)))
	t.Backward(logits)
	return mean(t.nll, count), nil
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
