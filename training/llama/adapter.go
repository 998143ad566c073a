package llama

import (
	"fmt"

	"codeberg.org/althing/althing/training/tensor"
)

// Projection is one of the seven linear maps of a layer.
type Projection int

// The projections in the order in which a layer applies them.
const (
	Query Projection = iota
	Key
	Value
	Output
	Gate
	Up
	Down
	Projections // their number
)

// String is the name of the module in Hugging Face's LlamaForCausalLM.
func (p Projection) String() string {
	return [...]string{"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}[p]
}

// Module returns where the projection of a layer is, without ".weight".
func (p Projection) Module(layer int) string {
	block := "self_attn"
	if p >= Gate {
		block = "mlp"
	}
	return fmt.Sprintf("model.layers.%d.%s.%s", layer, block, p)
}

// Projection returns the outputs and inputs of a projection.
func (c Config) Projection(p Projection) (out, in int) {
	switch p {
	case Key, Value:
		return c.KVHeads * c.HeadDim(), c.Hidden
	case Gate, Up:
		return c.Intermediate, c.Hidden
	case Down:
		return c.Hidden, c.Intermediate
	}
	return c.Hidden, c.Hidden
}

// LowRank is what an adapter adds to a projection y = x·Wᵀ whose weight is
// frozen: y += scale·(x·Aᵀ)·Bᵀ (Hu et al. 2021, equation 3). Package lora owns
// the memory.
type LowRank struct {
	A, B   tensor.Matrix // rank × in, out × rank
	DA, DB tensor.Matrix // where Backward sets the gradients; DA without data if A is frozen
	Scale  float32       // α / rank

	z, dz tensor.Matrix // N × rank: scale·x·Aᵀ of the last forward pass, and its gradient
	a, b  tensor.Panels // A and B, or their transposes, as the products of a pass read them
}

// Adapters are the additions of all layers; nil where there is none.
type Adapters [][Projections]*LowRank

// check refuses adapters that do not fit the shape.
func (a Adapters) check(c Config) error {
	if len(a) != c.Layers {
		return fmt.Errorf("adapt a model: adapters for %d layers, the model has %d", len(a), c.Layers)
	}
	for l := range a {
		for p, r := range a[l] {
			out, in := c.Projection(Projection(p))
			if r != nil && (r.A.Cols != in || r.B.Rows != out || r.A.Rows != r.B.Cols || r.A.Rows < 1) {
				return fmt.Errorf("adapt %s: A is %d × %d and B %d × %d of a weight %d × %d",
					Projection(p).Module(l), r.A.Rows, r.A.Cols, r.B.Rows, r.B.Cols, out, in)
			}
		}
	}
	return nil
}

// of returns the additions to a layer.
func (a Adapters) of(layer int) [Projections]*LowRank {
	if a == nil {
		return [Projections]*LowRank{}
	}
	return a[layer]
}

// begin packs the adapter for the forward pass of n rows.
func (r *LowRank) begin(team *tensor.Team, n int) {
	if r == nil {
		return
	}
	if r.z.Rows != n {
		r.z = tensor.Mat(make([]float32, n*r.A.Rows), n, r.A.Rows)
		r.dz = tensor.Mat(make([]float32, n*r.A.Rows), n, r.A.Rows)
	}
	team.PackT(&r.a, r.A)
	team.PackT(&r.b, r.B)
}

// forward adds to y what the adapter makes of x, rows lo to hi of a pass, and
// keeps their z for backward.
func (r *LowRank) forward(y, x tensor.Matrix, lo, hi int) {
	if r == nil {
		return
	}
	z := rows(r.z, lo, hi)
	r.a.Mul(z, x, 0, false)
	scale(z, r.Scale)
	r.b.Mul(y, z, 0, true)
}

// turn packs the adapter for the backward pass.
func (r *LowRank) turn(team *tensor.Team) {
	if r == nil {
		return
	}
	team.Pack(&r.a, r.A)
	team.Pack(&r.b, r.B)
}

// backward adds to dx, rows lo to hi of a pass, and keeps their dz:
//
//	dz = scale·dy·B, dx += dz·A
func (r *LowRank) backward(dx, dy tensor.Matrix, lo, hi int) {
	if r == nil {
		return
	}
	dz := rows(r.dz, lo, hi)
	r.b.Mul(dz, dy, 0, false)
	scale(dz, r.Scale)
	r.a.Mul(dx, dz, 0, true)
}

// outGradient sets dB = dyᵀ·z over all rows.
func (r *LowRank) outGradient(team *tensor.Team, dy tensor.Matrix) {
	if r != nil {
		team.MulTN(r.DB, dy, r.z, false)
	}
}

// inGradient sets dA = dzᵀ·x over all rows, which have been through backward.
func (r *LowRank) inGradient(team *tensor.Team, x tensor.Matrix) {
	if r != nil && r.DA.Data != nil {
		team.MulTN(r.DA, r.dz, x, false)
	}
}

func scale(m tensor.Matrix, by float32) {
	tensor.Scale(m.Data, m.Data, by)
}

// NewAdapterTrainer returns a trainer of the adapters alone: the model's
// weights are read and have no gradient, which saves a third of the work of a
// step and the memory of the gradient. Grad is nil; Backward sets DA and DB,
// and Step is not for it.
func NewAdapterTrainer(m *Model, adapters Adapters, time, threads int) (*Trainer, error) {
	if err := adapters.check(m.Config); err != nil {
		return nil, err
	}
	t, err := newTrainer(m, time, threads)
	if err != nil {
		return nil, err
	}
	t.adapters = adapters
	gain := make([]float32, m.Config.Hidden)
	t.g = weights{norm: gain, layers: make([]layerWeights, m.Config.Layers)}
	for l := range t.g.layers {
		t.g.layers[l].norm1, t.g.layers[l].norm2 = gain, gain // computed on the way and not used
	}
	return t, nil
}
