package founding

import (
	"encoding/json"
	"fmt"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/llama"
)

// Recipe is everything that decides the bytes of the founding version, and the
// digests by which one sees that it did.
type Recipe struct {
	Go          string          `json:"go"`     // version of the standard library that is the text
	Corpus      training.Digest `json:"corpus"` // of the text, see Corpus.Digest
	CorpusBytes int             `json:"corpus_bytes"`
	Config      llama.Config    `json:"config"`
	Seed        uint64          `json:"seed"` // of the initial weights and of the batches
	Steps       int             `json:"steps"`
	Sequences   int             `json:"sequences"` // of Config.Context tokens, in one step
	LearnRate   float64         `json:"learn_rate"`
	Floor       float64         `json:"floor"`  // learning rate at the end of the cosine
	WarmUp      int             `json:"warmup"` // steps of linear growth
	Beta1       float64         `json:"beta1"`
	Beta2       float64         `json:"beta2"`
	Epsilon     float64         `json:"epsilon"`
	WeightDecay float64         `json:"weight_decay"`
	ClipNorm    float64         `json:"clip_norm"`
	Arithmetic  string          `json:"arithmetic"`
	// Early is the digest of the parameters after EarlySteps steps: a minute of
	// work shows whether a machine is on the way to the same weights.
	Early training.Digest `json:"early"`
	// Weights is the SHA-256 of the safetensors file.
	Weights training.Digest `json:"weights"`
}

// EarlySteps is the number of steps after which Recipe.Early is taken.
const EarlySteps = 3

// Tokens returns how many tokens the model was trained on.
func (r Recipe) Tokens() int { return r.Steps * r.Sequences * r.Config.Context }

// ParseRecipe reads a recipe and refuses an arithmetic that this program does
// not compute.
func ParseRecipe(data []byte) (Recipe, error) {
	var r Recipe
	if err := json.Unmarshal(data, &r); err != nil {
		return Recipe{}, fmt.Errorf("read the recipe of the founding version: %w", err)
	}
	if r.Arithmetic != training.Arithmetic {
		return Recipe{}, fmt.Errorf("read the recipe of the founding version: its arithmetic is %q, this program computes %q", r.Arithmetic, training.Arithmetic)
	}
	return r, r.Config.Check()
}
