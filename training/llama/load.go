package llama

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"codeberg.org/althing/althing/training/safetensors"
)

// ConfigFile is the name of the shape in a model's folder.
const ConfigFile = "config.json"

// maxConfig bounds a config.json, which has a few hundred bytes.
const maxConfig = 1 << 20

// Load reads a model from a folder in the layout of Hugging Face: config.json
// and the weights in one file or in several with an index, as float32, float16
// or bfloat16, all of which are float32 exactly. The tensors must be those of
// the config; what older exports add is known: the rotary frequencies are
// passed over, and an output matrix in a model that says it has none must be
// the embedding.
func Load(folder fs.FS) (*Model, error) {
	f, err := folder.Open(ConfigFile)
	if err != nil {
		return nil, fmt.Errorf("load model: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err != nil {
		return nil, fmt.Errorf("load model: %w", err)
	}
	if len(data) > maxConfig {
		return nil, fmt.Errorf("load model: config.json has more than %d bytes", maxConfig)
	}
	c, err := ParseConfig(data)
	if err != nil {
		return nil, fmt.Errorf("load model: %w", err)
	}
	return load(folder, c)
}

func load(folder fs.FS, c Config) (*Model, error) {
	m, err := New(c)
	if err != nil {
		return nil, err
	}
	shapes := map[string][]int{}
	for _, s := range m.Params.Specs() {
		shapes[s.Name] = s.Shape
	}
	var head []float32
	if c.Tied {
		shapes["lm_head.weight"] = []int{c.Vocab, c.Hidden}
	}
	found := 0
	err = safetensors.ReadFolder(folder, func(t safetensors.Tensor) ([]float32, error) {
		if strings.HasSuffix(t.Name, ".rotary_emb.inv_freq") {
			return nil, nil
		}
		want, ok := shapes[t.Name]
		if !ok || !slices.Equal(want, t.Shape) {
			return nil, fmt.Errorf("tensor %q has shape %v, the config says %v", t.Name, t.Shape, want)
		}
		view, ok := m.Params.View(t.Name)
		if !ok {
			head = make([]float32, t.Elements())
			return head, nil
		}
		found++
		return view, nil
	})
	if err != nil {
		return nil, fmt.Errorf("load model: %w", err)
	}
	if n := len(m.Params.Specs()); found != n {
		return nil, fmt.Errorf("load model: the folder has %d of the %d tensors of its config", found, n)
	}
	if head != nil && !slices.Equal(head, m.w.embed.Data) {
		return nil, errors.New("load model: the config ties the output matrix to the embedding, the weights do not")
	}
	if err := m.Params.CheckFinite(); err != nil {
		return nil, fmt.Errorf("load model: %w", err)
	}
	return m, nil
}

// Save hands config.json and one file of float32 weights to put, which Load and
// transformers read.
func (m *Model) Save(put safetensors.Put) error {
	config, err := MarshalConfig(m.Config)
	if err != nil {
		return fmt.Errorf("save model: %w", err)
	}
	var tensors []safetensors.Tensor
	for _, s := range m.Params.Specs() {
		tensors = append(tensors, safetensors.Tensor{Name: s.Name, Shape: s.Shape, DType: safetensors.F32})
	}
	err = put(safetensors.SingleFile, func(w io.Writer) error {
		_, err := safetensors.Write(w, tensors, m.Params.Data)
		return err
	})
	if err != nil {
		return fmt.Errorf("save model: %w", err)
	}
	err = put(ConfigFile, func(w io.Writer) error {
		_, err := w.Write(append(config, '\n'))
		return err
	})
	if err != nil {
		return fmt.Errorf("save model: %w", err)
	}
	return nil
}
