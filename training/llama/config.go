package llama

import (
	"fmt"

	"codeberg.org/althing/althing/training/tensor"
)

// Config is the shape of a model with the keys of Hugging Face's config.json.
type Config struct {
	Hidden       int     `json:"hidden_size"`             // C
	Layers       int     `json:"num_hidden_layers"`       //
	Heads        int     `json:"num_attention_heads"`     // H
	KVHeads      int     `json:"num_key_value_heads"`     // G, a divisor of H
	Intermediate int     `json:"intermediate_size"`       // F
	Context      int     `json:"max_position_embeddings"` // largest T
	Vocab        int     `json:"vocab_size"`              // V
	NormEps      float64 `json:"rms_norm_eps"`
	RopeTheta    float64 `json:"rope_theta"`
	Tied         bool    `json:"tie_word_embeddings"` // the output matrix is the embedding
}

// S is the smallest shape worth training, 824,448 parameters over bytes: a
// laptop core trains it at thousands of tokens per second.
func S() Config {
	return Config{Hidden: 128, Layers: 4, Heads: 4, KVHeads: 4, Intermediate: 344, Context: 128,
		Vocab: 256, NormEps: 1e-5, RopeTheta: 10_000, Tied: true}
}

// B is the shape of a small campaign on ordinary machines: 4,812,032
// parameters over bytes.
func B() Config {
	return Config{Hidden: 256, Layers: 6, Heads: 8, KVHeads: 8, Intermediate: 688, Context: 256,
		Vocab: 256, NormEps: 1e-5, RopeTheta: 10_000, Tied: true}
}

// M150 is the largest shape that a processor without a GPU should be asked to
// train, 150,436,608 parameters: 20 layers with three heads to a key/value
// group, as in Llama 3 (Grattafiori et al. 2024, section 3.2), and a
// vocabulary of 32,000 pieces, as in Llama 2.
func M150() Config {
	return Config{Hidden: 768, Layers: 20, Heads: 12, KVHeads: 4, Intermediate: 2048, Context: 1024,
		Vocab: 32_000, NormEps: 1e-5, RopeTheta: 10_000, Tied: true}
}

// StepFLOPs counts the additions and multiplications of the matrix products of
// one training step over so many tokens in sequences of time: 6 per weight and
// token (2 forward, 4 backward; the embedding counts as the output matrix),
// and 12·C·T per token and layer for attention without its mask (Chowdhery et
// al. 2022, appendix B).
func (c Config) StepFLOPs(tokens, time int) int {
	layer := c.Hidden*c.Hidden*2 + 2*c.Hidden*c.KVHeads*c.HeadDim() + 3*c.Hidden*c.Intermediate
	return tokens * (6*(c.Vocab*c.Hidden+c.Layers*layer) + 12*c.Layers*c.Hidden*time)
}

// HeadDim returns D = C/H.
func (c Config) HeadDim() int { return c.Hidden / c.Heads }

// Check reports the first number with which no model can be built. The upper
// bounds keep a config.json from a stranger from asking for absurd memory.
func (c Config) Check() error {
	for _, d := range []struct {
		name   string
		n, top int
	}{
		{"hidden_size", c.Hidden, 1 << 15}, {"num_hidden_layers", c.Layers, 512}, {"num_attention_heads", c.Heads, 1 << 10},
		{"num_key_value_heads", c.KVHeads, 1 << 10}, {"intermediate_size", c.Intermediate, 1 << 17},
		{"max_position_embeddings", c.Context, 1 << 16}, {"vocab_size", c.Vocab, 1 << 20},
	} {
		if d.n < 1 || d.n > d.top {
			return fmt.Errorf("check model shape: %s is %d, want 1 to %d", d.name, d.n, d.top)
		}
	}
	switch {
	case c.Hidden%c.Heads != 0 || c.HeadDim()%2 != 0:
		return fmt.Errorf("check model shape: %d channels do not divide into %d heads of even width", c.Hidden, c.Heads)
	case c.Heads%c.KVHeads != 0:
		return fmt.Errorf("check model shape: %d heads do not divide into %d key/value groups", c.Heads, c.KVHeads)
	case !(c.NormEps > 0 && c.NormEps < 1):
		return fmt.Errorf("check model shape: rms_norm_eps is %g, want more than 0, less than 1", c.NormEps)
	case !(c.RopeTheta > 1 && c.RopeTheta <= 1e9):
		return fmt.Errorf("check model shape: rope_theta is %g, want more than 1, at most 1e9", c.RopeTheta)
	}
	return nil
}

// Specs returns names and shapes of all parameters; linear weights are
// output × input.
func (c Config) Specs() []tensor.Spec {
	kv := c.KVHeads * c.HeadDim()
	specs := []tensor.Spec{
		{Name: "model.embed_tokens.weight", Shape: []int{c.Vocab, c.Hidden}},
		{Name: "model.norm.weight", Shape: []int{c.Hidden}},
	}
	if !c.Tied {
		specs = append(specs, tensor.Spec{Name: "lm_head.weight", Shape: []int{c.Vocab, c.Hidden}})
	}
	for l := range c.Layers {
		for _, s := range []tensor.Spec{
			{Name: "input_layernorm.weight", Shape: []int{c.Hidden}},
			{Name: "self_attn.q_proj.weight", Shape: []int{c.Hidden, c.Hidden}},
			{Name: "self_attn.k_proj.weight", Shape: []int{kv, c.Hidden}},
			{Name: "self_attn.v_proj.weight", Shape: []int{kv, c.Hidden}},
			{Name: "self_attn.o_proj.weight", Shape: []int{c.Hidden, c.Hidden}},
			{Name: "post_attention_layernorm.weight", Shape: []int{c.Hidden}},
			{Name: "mlp.gate_proj.weight", Shape: []int{c.Intermediate, c.Hidden}},
			{Name: "mlp.up_proj.weight", Shape: []int{c.Intermediate, c.Hidden}},
			{Name: "mlp.down_proj.weight", Shape: []int{c.Hidden, c.Intermediate}},
		} {
			s.Name = fmt.Sprintf("model.layers.%d.%s", l, s.Name)
			specs = append(specs, s)
		}
	}
	return specs
}
