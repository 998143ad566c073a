package llama

import (
	"fmt"

	"codeberg.org/althing/althing/training/tensor"
)

// Model is a shape and its weights. Params may be written between calls (an
// optimiser's step, an aggregate); whoever computes with the model reads the
// weights at that moment.
type Model struct {
	Config Config
	Params *tensor.Params
	w      weights
}

// weights are views of Params (or of a gradient) by their place in the model.
type weights struct {
	embed, head tensor.Matrix // V × C; the same memory if tied
	norm        []float32
	layers      []layerWeights
}

type layerWeights struct {
	norm1, norm2   []float32
	q, k, v, o     tensor.Matrix
	gate, up, down tensor.Matrix
}

func view(c Config, p *tensor.Params) weights {
	w := weights{embed: p.Matrix("model.embed_tokens.weight"), norm: p.Vector("model.norm.weight")}
	if w.head = w.embed; !c.Tied {
		w.head = p.Matrix("lm_head.weight")
	}
	for l := range c.Layers {
		at := func(name string) string { return fmt.Sprintf("model.layers.%d.%s.weight", l, name) }
		w.layers = append(w.layers, layerWeights{
			norm1: p.Vector(at("input_layernorm")),
			norm2: p.Vector(at("post_attention_layernorm")),
			q:     p.Matrix(at("self_attn.q_proj")),
			k:     p.Matrix(at("self_attn.k_proj")),
			v:     p.Matrix(at("self_attn.v_proj")),
			o:     p.Matrix(at("self_attn.o_proj")),
			gate:  p.Matrix(at("mlp.gate_proj")),
			up:    p.Matrix(at("mlp.up_proj")),
			down:  p.Matrix(at("mlp.down_proj")),
		})
	}
	return w
}

// New returns a model whose weights are zero, to be filled from a checkpoint.
func New(c Config) (*Model, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	p, err := tensor.NewParams(c.Specs()...)
	if err != nil {
		return nil, fmt.Errorf("build model: %w", err)
	}
	return &Model{Config: c, Params: p, w: view(c, p)}, nil
}

// With returns a model of shape c over params, which it shares.
func With(c Config, params *tensor.Params) (*Model, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	want, err := tensor.NewParams(c.Specs()...)
	if err != nil {
		return nil, fmt.Errorf("build model: %w", err)
	}
	if err := want.SameLayout(params); err != nil {
		return nil, fmt.Errorf("build model from parameters: %w", err)
	}
	return &Model{Config: c, Params: params, w: view(c, params)}, nil
}
