package founding

import (
	"context"
	"fmt"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/llama"
	"codeberg.org/althing/althing/training/optim"
)

// Train makes the first steps steps of a recipe from random weights and returns
// the model. The number of threads changes no bit. After every step, progress
// (which may be nil) is told how many were made and the loss before the last,
// in nats per byte.
func Train(ctx context.Context, r Recipe, c Corpus, steps, threads int, progress func(step int, loss float64, m *llama.Model)) (*llama.Model, error) {
	m, err := llama.Init(r.Config, r.Seed)
	if err != nil {
		return nil, fmt.Errorf("train the founding version: %w", err)
	}
	trainer, err := llama.NewTrainer(m, r.Config.Context, threads)
	if err != nil {
		return nil, fmt.Errorf("train the founding version: %w", err)
	}
	adam := optim.New(training.Hyperparams{Beta1: r.Beta1, Beta2: r.Beta2, Epsilon: r.Epsilon,
		WeightDecay: r.WeightDecay, ClipNorm: r.ClipNorm}, threads)
	adam.Rate = optim.Cosine(r.LearnRate, r.Floor, r.WarmUp, r.Steps)
	stream := c.stream()
	for step := range steps {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("train the founding version: stopped after %d steps: %w", step, err)
		}
		tokens, targets, err := stream.Batch(r.Seed, step, r.Sequences, r.Config.Context)
		if err != nil {
			return nil, fmt.Errorf("train the founding version: %w", err)
		}
		loss, err := trainer.Step(tokens, targets, adam)
		if err != nil {
			return nil, fmt.Errorf("train the founding version: step %d: %w", step+1, err)
		}
		if progress != nil {
			progress(step+1, loss, m)
		}
	}
	return m, nil
}
