package llama

import (
	"encoding/json"
	"fmt"
)

// file is config.json: the shape, and the keys that tell transformers which
// model it is. Pointers tell an absent key from a zero.
type file struct {
	Architectures []string `json:"architectures,omitempty"`
	ModelType     string   `json:"model_type"`
	Activation    string   `json:"hidden_act"`
	HeadDim       *int     `json:"head_dim,omitempty"`
	AttentionBias bool     `json:"attention_bias"`
	MLPBias       bool     `json:"mlp_bias"`
	DType         string   `json:"torch_dtype,omitempty"`
	RopeScaling   any      `json:"rope_scaling"`
	Rope          *rope    `json:"rope_parameters,omitempty"`
	Config
}

// rope is where transformers 5 writes what was rope_theta and rope_scaling.
type rope struct {
	Theta float64 `json:"rope_theta"`
	Type  string  `json:"rope_type"`
}

// MarshalConfig writes the config.json with which Hugging Face's transformers
// loads the weights as LlamaForCausalLM.
func MarshalConfig(c Config) ([]byte, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	d := c.HeadDim()
	return json.MarshalIndent(file{Architectures: []string{"LlamaForCausalLM"}, ModelType: "llama", Activation: "silu",
		HeadDim: &d, DType: "float32", Config: c}, "", "  ")
}

// ParseConfig reads a config.json and refuses what this package would compute
// otherwise than its author: another family or activation, biases, scaled
// rotary positions, heads of another width. Keys that may be absent mean what
// they mean in transformers' LlamaConfig.
func ParseConfig(data []byte) (Config, error) {
	f := file{Activation: "silu", Config: Config{NormEps: 1e-6, RopeTheta: 10_000}}
	if err := json.Unmarshal(data, &f); err != nil {
		return Config{}, fmt.Errorf("read config.json: %w", err)
	}
	if f.KVHeads == 0 {
		f.KVHeads = f.Heads // the key is optional and means this
	}
	if f.Rope != nil {
		if f.Rope.Type != "default" {
			return Config{}, fmt.Errorf("read config.json: rope_type is %q, want default", f.Rope.Type)
		}
		f.RopeTheta = f.Rope.Theta
	}
	if err := f.Check(); err != nil {
		return Config{}, fmt.Errorf("read config.json: %w", err)
	}
	switch {
	case f.ModelType != "llama":
		return Config{}, fmt.Errorf("read config.json: model_type is %q, want llama", f.ModelType)
	case f.Activation != "silu":
		return Config{}, fmt.Errorf("read config.json: hidden_act is %q, want silu", f.Activation)
	case f.AttentionBias || f.MLPBias:
		return Config{}, fmt.Errorf("read config.json: the model has biases, this one has none")
	case f.RopeScaling != nil:
		return Config{}, fmt.Errorf("read config.json: rope_scaling is %v, want null", f.RopeScaling)
	case f.HeadDim != nil && *f.HeadDim != f.Config.HeadDim():
		return Config{}, fmt.Errorf("read config.json: head_dim is %d, want %d", *f.HeadDim, f.Config.HeadDim())
	}
	return f.Config, nil
}
