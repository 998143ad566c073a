package founding

import (
	"bytes"
	_ "embed"
	"fmt"
	"io"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/llama"
	"codeberg.org/althing/althing/training/safetensors"
)

//go:embed model.safetensors
var weights []byte

//go:embed recipe.json
var recipe []byte

// Card is the model card in Markdown: what the model is, what it was trained
// on, what it can and cannot do.
//
//go:embed README.md
var Card string

// TextLicence is the licence of the text, which is that of Go.
//
//go:embed LICENSE
var TextLicence string

// Weights returns a copy of the founding version as a safetensors file of
// float32, the parameters in ascending order of their names.
func Weights() []byte { return bytes.Clone(weights) }

// Made returns the recipe by which the embedded weights were made. It was
// checked when they were; a program that holds another is a broken build.
func Made() Recipe {
	r, err := ParseRecipe(recipe)
	if err != nil {
		panic(err)
	}
	return r
}

// Write writes a model as the safetensors file that Weights returns and
// returns its SHA-256.
func Write(w io.Writer, m *llama.Model) (training.Digest, error) {
	return safetensors.Write(w, tensors(m), m.Params.Data)
}

// Load returns the model that a safetensors file of a founding version holds.
func Load(file []byte, c llama.Config) (*llama.Model, error) {
	m, err := llama.New(c)
	if err != nil {
		return nil, fmt.Errorf("load the founding version: %w", err)
	}
	_, err = safetensors.Receive(bytes.NewReader(file), safetensors.Header(tensors(m)), m.Params.Len(), m.Params.Data, safetensors.Limits{})
	if err != nil {
		return nil, fmt.Errorf("load the founding version: %w", err)
	}
	return m, nil
}

// tensors describes the parameters of a model in the order of their data.
func tensors(m *llama.Model) []safetensors.Tensor {
	specs := m.Params.Specs()
	list := make([]safetensors.Tensor, len(specs))
	for i, s := range specs {
		list[i] = safetensors.Tensor{Name: s.Name, Shape: s.Shape, DType: safetensors.F32}
	}
	return list
}
