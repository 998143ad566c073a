package lora

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/llama"
	"codeberg.org/althing/althing/training/tensor"
)

// Config says what an adapter is.
type Config struct {
	Rank    int                // of B·A
	Alpha   float64            // α; the scale of the addition is α/Rank
	Targets []llama.Projection // adapted in every layer, ascending; All is usual
	FreezeA bool               // only B is trained (FFA-LoRA)
}

// All returns the seven projections: attention and MLP.
func All() []llama.Projection {
	var list []llama.Projection
	for p := range llama.Projections {
		list = append(list, p)
	}
	return list
}

// maxRank bounds adapters, ours or a stranger's; ranks of 4 to 64 are in use.
const maxRank = 256

// Check reports the first number with which no adapter can be built.
func (c Config) Check() error {
	switch {
	case c.Rank < 1 || c.Rank > maxRank:
		return fmt.Errorf("check adapter: rank %d, want 1 to %d", c.Rank, maxRank)
	case !(c.Alpha > 0 && c.Alpha <= 1e4):
		return fmt.Errorf("check adapter: alpha %g, want more than 0, at most 10,000", c.Alpha)
	case len(c.Targets) == 0:
		return fmt.Errorf("check adapter: it adapts no projection")
	}
	for i, p := range c.Targets {
		if p < 0 || p >= llama.Projections || i > 0 && p <= c.Targets[i-1] {
			return fmt.Errorf("check adapter: projections %v are unknown, twice or out of order", c.Targets)
		}
	}
	return nil
}

// Adapter is the additions to one base.
type Adapter struct {
	Config Config
	Base   training.Digest // of the weights it was made for
	// Params are what is trained: all of A and B, or with FreezeA all of B.
	Params *tensor.Params
	frozen *tensor.Params // all of A with FreezeA, else nil
}

// name is PEFT's, for part "A" or "B".
func name(layer int, p llama.Projection, part string) string {
	return "base_model.model." + p.Module(layer) + ".lora_" + part + ".weight"
}

// New returns an adapter of the model that changes nothing yet. The seed
// decides A: uniform within 1/√in, as PEFT draws it (Kaiming with a = √5).
func New(m *llama.Model, c Config, seed uint64) (*Adapter, error) {
	a, err := empty(m.Config, c)
	if err != nil {
		return nil, err
	}
	a.Base = m.Params.Digest()
	draw := rand.New(rand.NewPCG(seed, 0x6c6f7261))
	for l := range m.Config.Layers {
		for _, p := range c.Targets {
			_, in := m.Config.Projection(p)
			bound := 1 / math.Sqrt(float64(in))
			values := a.part(l, p, "A").Data
			for i := range values {
				values[i] = float32(float64(2*draw.Float64()-1) * bound)
			}
		}
	}
	return a, nil
}

// empty lays out an adapter of zeros.
func empty(shape llama.Config, c Config) (*Adapter, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	var as, bs []tensor.Spec
	for l := range shape.Layers {
		for _, p := range c.Targets {
			out, in := shape.Projection(p)
			as = append(as, tensor.Spec{Name: name(l, p, "A"), Shape: []int{c.Rank, in}})
			bs = append(bs, tensor.Spec{Name: name(l, p, "B"), Shape: []int{out, c.Rank}})
		}
	}
	a := &Adapter{Config: c}
	var err error
	if c.FreezeA {
		if a.frozen, err = tensor.NewParams(as...); err != nil {
			return nil, fmt.Errorf("build adapter: %w", err)
		}
		as = nil
	}
	if a.Params, err = tensor.NewParams(slices.Concat(as, bs)...); err != nil {
		return nil, fmt.Errorf("build adapter: %w", err)
	}
	return a, nil
}

// part views A or B of a projection.
func (a *Adapter) part(layer int, p llama.Projection, part string) tensor.Matrix {
	if part == "A" && a.frozen != nil {
		return a.frozen.Matrix(name(layer, p, part))
	}
	return a.Params.Matrix(name(layer, p, part))
}

func (a *Adapter) scale() float32 { return float32(a.Config.Alpha / float64(a.Config.Rank)) }

// layers views the adapter, and the gradient grad of its Params, as the model
// reads them.
func (a *Adapter) layers(shape llama.Config, grad *tensor.Params) llama.Adapters {
	list := make(llama.Adapters, shape.Layers)
	for l := range list {
		for _, p := range a.Config.Targets {
			r := &llama.LowRank{A: a.part(l, p, "A"), B: a.part(l, p, "B"), Scale: a.scale()}
			r.DB = grad.Matrix(name(l, p, "B"))
			if a.frozen == nil {
				r.DA = grad.Matrix(name(l, p, "A"))
			}
			list[l][p] = r
		}
	}
	return list
}

// fits refuses a model of another shape.
func (a *Adapter) fits(m *llama.Model) error {
	want, err := empty(m.Config, a.Config)
	if err != nil {
		return err
	}
	err = want.Params.SameLayout(a.Params)
	if err == nil && a.frozen != nil {
		err = want.frozen.SameLayout(a.frozen)
	}
	if err != nil {
		return fmt.Errorf("adapt a model of another shape: %w", err)
	}
	return nil
}

// Merge returns a model with W + (α/rank)·B·A for each adapted weight; m stays
// as it is.
func (a *Adapter) Merge(m *llama.Model) (*llama.Model, error) {
	if err := a.fits(m); err != nil {
		return nil, err
	}
	merged, err := llama.With(m.Config, m.Params.Clone())
	if err != nil {
		return nil, err
	}
	team := tensor.Threads(1)
	for l := range m.Config.Layers {
		for _, p := range a.Config.Targets {
			w := merged.Params.Matrix(p.Module(l) + ".weight")
			delta := tensor.Mat(make([]float32, w.Rows*w.Cols), w.Rows, w.Cols)
			team.MulNN(delta, a.part(l, p, "B"), a.part(l, p, "A"), false)
			for i, v := range delta.Data {
				w.Data[i] += float32(a.scale() * v)
			}
		}
	}
	return merged, nil
}
