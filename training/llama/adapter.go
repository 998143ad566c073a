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

// at returns the addition to a projection, nil if there is none.
func (a Adapters) at(layer int, p Projection) *LowRank {
	if a == nil {
		return nil
	}
	return a[layer][p]
}

// forward adds to y what the adapter makes of x and keeps z for backward.
func (r *LowRank) forward(team *tensor.Team, y, x tensor.Matrix) {
	if r == nil {
		return
	}
	if r.z.Rows != x.Rows {
		r.z = tensor.Mat(make([]float32, x.Rows*r.A.Rows), x.Rows, r.A.Rows)
		r.dz = tensor.Mat(make([]float32, x.Rows*r.A.Rows), x.Rows, r.A.Rows)
	}
	team.MulNT(r.z, x, r.A, false)
	scale(r.z, r.Scale)
	team.MulNT(y, r.z, r.B, true)
}

// backward sets the gradients of A and B and adds to dx:
//
//	dB = dyᵀ·z, dz = scale·dy·B, dA = dzᵀ·x, dx += dz·A
func (r *LowRank) backward(team *tensor.Team, dx, dy, x tensor.Matrix) {
	if r == nil {
		return
	}
	team.MulTN(r.DB, dy, r.z, false)
	team.MulNN(r.dz, dy, r.B, false)
	scale(r.dz, r.Scale)
	if r.DA.Data != nil {
		team.MulTN(r.DA, r.dz, x, false)
	}
	team.MulNN(dx, r.dz, r.A, true)
}

func scale(m tensor.Matrix, by float32) {
	for i := range m.Data {
		m.Data[i] *= by
	}
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
