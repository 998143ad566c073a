package lora

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/llama"
	"codeberg.org/althing/althing/training/safetensors"
	"codeberg.org/althing/althing/training/tensor"
)

// The files of a folder that PEFT reads.
const (
	ConfigFile  = "adapter_config.json"
	WeightsFile = "adapter_model.safetensors"
)

// file is adapter_config.json; pointers and raw values tell what must be
// absent from what may be false.
type file struct {
	PEFT       string            `json:"peft_type"`
	Task       string            `json:"task_type"`
	Base       string            `json:"base_model_name_or_path"` // digest of the base's weights, where we wrote it
	Rank       int               `json:"r"`
	Alpha      float64           `json:"lora_alpha"`
	Dropout    float64           `json:"lora_dropout"`
	Targets    []string          `json:"target_modules"`
	Bias       string            `json:"bias"`
	FanInOut   bool              `json:"fan_in_fan_out"`
	RSLoRA     bool              `json:"use_rslora"`
	DoRA       bool              `json:"use_dora"`
	Ranks      map[string]any    `json:"rank_pattern"`
	Alphas     map[string]any    `json:"alpha_pattern"`
	Layers     *json.RawMessage  `json:"layers_to_transform"`
	Saved      []json.RawMessage `json:"modules_to_save"`
	Inference  bool              `json:"inference_mode"`
	Initialise any               `json:"init_lora_weights"` // how A was drawn, which the weights tell
	OwnBias    bool              `json:"lora_bias,omitempty"`
	FreezeA    bool              `json:"althing_freeze_a,omitempty"` // not PEFT's; it passes over keys that it does not know
}

// Save hands the two files of PEFT's folder to put.
func (a *Adapter) Save(put safetensors.Put) error {
	f := file{PEFT: "LORA", Task: "CAUSAL_LM", Base: a.Base.Hex(), Rank: a.Config.Rank, Alpha: a.Config.Alpha, Bias: "none",
		Ranks: map[string]any{}, Alphas: map[string]any{}, Inference: true, Initialise: true, FreezeA: a.Config.FreezeA}
	for _, p := range a.Config.Targets {
		f.Targets = append(f.Targets, p.String())
	}
	config, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return fmt.Errorf("save adapter: %w", err)
	}
	var tensors []safetensors.Tensor
	var data []float32
	for _, params := range []*tensor.Params{a.frozen, a.Params} {
		if params == nil {
			continue
		}
		for _, s := range params.Specs() {
			tensors = append(tensors, safetensors.Tensor{Name: s.Name, Shape: s.Shape, DType: safetensors.F32})
		}
		data = append(data, params.Data...)
	}
	err = put(WeightsFile, func(w io.Writer) error {
		_, err := safetensors.Write(w, tensors, data)
		return err
	})
	if err != nil {
		return fmt.Errorf("save adapter: %w", err)
	}
	err = put(ConfigFile, func(w io.Writer) error {
		_, err := w.Write(append(config, '\n'))
		return err
	})
	if err != nil {
		return fmt.Errorf("save adapter: %w", err)
	}
	return nil
}

// maxConfig bounds an adapter_config.json, which has about one KiB.
const maxConfig = 1 << 20

// Load reads an adapter of a model of the shape and refuses what this package
// would compute otherwise than PEFT: biases, ranks that differ by module,
// other scales, weights saved beside.
func Load(folder fs.FS, shape llama.Config) (*Adapter, error) {
	in, err := folder.Open(ConfigFile)
	if err != nil {
		return nil, fmt.Errorf("load adapter: %w", err)
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, maxConfig+1))
	if err != nil {
		return nil, fmt.Errorf("load adapter: %w", err)
	}
	c, base, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("load adapter: %w", err)
	}
	a, err := empty(shape, c)
	if err != nil {
		return nil, fmt.Errorf("load adapter: %w", err)
	}
	a.Base = base
	if err := a.read(folder); err != nil {
		return nil, fmt.Errorf("load adapter: %w", err)
	}
	return a, nil
}

func parse(data []byte) (Config, training.Digest, error) {
	var f file
	var none training.Digest
	if len(data) > maxConfig {
		return Config{}, none, fmt.Errorf("adapter_config.json has more than %d bytes", maxConfig)
	}
	if err := json.Unmarshal(data, &f); err != nil {
		return Config{}, none, fmt.Errorf("adapter_config.json: %w", err)
	}
	switch {
	case f.PEFT != "LORA" || f.Task != "CAUSAL_LM":
		return Config{}, none, fmt.Errorf("adapter_config.json: %q for %q, want LORA for CAUSAL_LM", f.PEFT, f.Task)
	case f.Bias != "none" || f.OwnBias || f.FanInOut || f.RSLoRA || f.DoRA || len(f.Ranks) > 0 || len(f.Alphas) > 0 || len(f.Saved) > 0 || f.Layers != nil:
		return Config{}, none, errors.New("adapter_config.json: biases, RSLoRA, DoRA, patterns, single layers or saved modules are not known here")
	}
	c := Config{Rank: f.Rank, Alpha: f.Alpha, FreezeA: f.FreezeA}
	for _, target := range f.Targets {
		at := slices.IndexFunc(All(), func(p llama.Projection) bool { return p.String() == target })
		if at < 0 {
			return Config{}, none, fmt.Errorf("adapter_config.json: module %q is no projection of a layer", target)
		}
		c.Targets = append(c.Targets, llama.Projection(at))
	}
	slices.Sort(c.Targets)
	base, err := training.ParseDigest(f.Base)
	if err != nil {
		base = none // another program's name for its base
	}
	return c, base, c.Check()
}

// read fills an adapter of zeros from the folder's weights.
func (a *Adapter) read(folder fs.FS) error {
	f, err := folder.Open(WeightsFile)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	shapes, values := map[string][]int{}, map[string][]float32{}
	for _, params := range []*tensor.Params{a.frozen, a.Params} {
		if params == nil {
			continue
		}
		for _, s := range params.Specs() {
			shapes[s.Name], values[s.Name] = s.Shape, params.Vector(s.Name)
		}
	}
	found := 0
	err = safetensors.ReadInto(f, info.Size(), func(t safetensors.Tensor) ([]float32, error) {
		if want, ok := shapes[t.Name]; !ok || !slices.Equal(want, t.Shape) {
			return nil, fmt.Errorf("tensor %q has shape %v, want %v", t.Name, t.Shape, want)
		}
		found++
		return values[t.Name], nil
	})
	if err != nil {
		return err
	}
	if found != len(values) {
		return fmt.Errorf("the file has %d of %d tensors", found, len(values))
	}
	if a.frozen != nil {
		if err := a.frozen.CheckFinite(); err != nil {
			return err
		}
	}
	return a.Params.CheckFinite()
}
