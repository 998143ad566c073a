package llama_test

import (
	"fmt"
	"log"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/llama"
	"codeberg.org/althing/althing/training/optim"
)

// A node's part of a round: a copy of the base, some steps, the difference.
func Example() {
	shape := llama.Config{Hidden: 16, Layers: 2, Heads: 2, KVHeads: 1, Intermediate: 24, Context: 16,
		Vocab: 256, NormEps: 1e-5, RopeTheta: 10_000, Tied: true}
	base, err := llama.Init(shape, 2026)
	if err != nil {
		log.Fatal(err)
	}
	recipe := training.Hyperparams{Steps: 15, BatchTokens: 32, Context: 16, LearnRate: 1e-2,
		Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, ClipNorm: 1}

	local, err := llama.With(shape, base.Params.Clone())
	if err != nil {
		log.Fatal(err)
	}
	trainer, err := llama.NewTrainer(local, recipe.Context, 1)
	if err != nil {
		log.Fatal(err)
	}
	adam := optim.New(recipe, 1)
	var tokens, targets []int32
	text := "The law shall be made by those who live under it."
	for i := range recipe.BatchTokens {
		tokens, targets = append(tokens, int32(text[i])), append(targets, int32(text[i+1]))
	}
	var first, last float64
	for step := range recipe.Steps {
		if last, err = trainer.Step(tokens, targets, adam); err != nil {
			log.Fatal(err)
		}
		if step == 0 {
			first = last
		}
	}
	update := local.Params.Clone()
	update.AddScaled(-1, base.Params)
	fmt.Printf("loss %.3f, then %.3f\n", first, last)
	fmt.Printf("update of norm %.3f, %.16s…\n", update.Norm(), update.Digest().Hex())
	// Output:
	// loss 5.542, then 2.671
	// update of norm 9.294, 8e6161a68d0d8688…
}
