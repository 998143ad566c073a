package lora

import (
	"fmt"

	"codeberg.org/althing/althing/training/llama"
	"codeberg.org/althing/althing/training/tensor"
)

// Trainer trains one adapter beside a frozen model. It belongs to one
// goroutine; the number of threads changes no bit.
type Trainer struct {
	*llama.Trainer
	adapter *Adapter
	// Grad is the gradient of the adapter's Params after Gradient or Backward.
	Grad *tensor.Params
}

// NewTrainer returns a trainer for sequences of time tokens.
func NewTrainer(m *llama.Model, a *Adapter, time, threads int) (*Trainer, error) {
	if err := a.fits(m); err != nil {
		return nil, err
	}
	t := &Trainer{adapter: a, Grad: a.Params.Zeros()}
	var err error
	if t.Trainer, err = llama.NewAdapterTrainer(m, a.layers(m.Config, t.Grad), time, threads); err != nil {
		return nil, err
	}
	return t, nil
}

// Step computes the gradient of the mean cross-entropy and lets o change the
// adapter. It returns the loss before the update, in nats per token.
func (t *Trainer) Step(tokens, targets []int32, o llama.Optimiser) (float64, error) {
	loss, err := t.Gradient(tokens, targets)
	if err != nil {
		return 0, err
	}
	if err := o.Update(t.adapter.Params, t.Grad); err != nil {
		return 0, fmt.Errorf("train an adapter one step: %w", err)
	}
	return loss, nil
}
