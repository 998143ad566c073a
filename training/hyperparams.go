package training

import "fmt"

// Arithmetic names the arithmetic that a checkpoint was computed with. A
// change of summation order, of a transcendental function or of rounding is a
// new name; replay refuses to mix names.
const Arithmetic = "arith/1"

// Hyperparams are the numbers of one round's local training. They are part of
// the mandate: a node refuses others. Rates are decimal strings in entries of
// the log (no floats there) and float64 here.
type Hyperparams struct {
	Steps       int     `json:"steps"`        // optimiser steps per node and round
	BatchTokens int     `json:"batch_tokens"` // tokens of one step, a multiple of Context
	Context     int     `json:"context"`      // T, tokens of one sequence
	LearnRate   float64 `json:"learn_rate"`
	Beta1       float64 `json:"beta1"`
	Beta2       float64 `json:"beta2"`
	Epsilon     float64 `json:"epsilon"`
	WeightDecay float64 `json:"weight_decay"`
	ClipNorm    float64 `json:"clip_norm"`   // of the gradient of one step; 0 leaves it as it is
	UpdateNorm  float64 `json:"update_norm"` // largest L2 norm of an update; 0 leaves it as it is
}

// Check reports the first number that no training could use.
func (h Hyperparams) Check() error {
	switch {
	case h.Steps < 1 || h.Steps > 1_000_000:
		return fmt.Errorf("steps %d: want 1 to 1,000,000", h.Steps)
	case h.Context < 2 || h.Context > 65_536:
		return fmt.Errorf("context %d: want 2 to 65,536", h.Context)
	case h.BatchTokens < h.Context || h.BatchTokens%h.Context != 0:
		return fmt.Errorf("batch of %d tokens: want a multiple of the context %d", h.BatchTokens, h.Context)
	case !(h.LearnRate > 0 && h.LearnRate <= 1):
		return fmt.Errorf("learn rate %g: want more than 0, at most 1", h.LearnRate)
	case !(h.Beta1 >= 0 && h.Beta1 < 1) || !(h.Beta2 >= 0 && h.Beta2 < 1):
		return fmt.Errorf("betas %g and %g: want 0 or more, less than 1", h.Beta1, h.Beta2)
	case !(h.Epsilon > 0 && h.Epsilon < 1):
		return fmt.Errorf("epsilon %g: want more than 0, less than 1", h.Epsilon)
	case !(h.WeightDecay >= 0 && h.WeightDecay <= 1):
		return fmt.Errorf("weight decay %g: want 0 to 1", h.WeightDecay)
	case !(h.ClipNorm >= 0) || !(h.UpdateNorm >= 0):
		return fmt.Errorf("clip norms %g and %g: want 0 or more", h.ClipNorm, h.UpdateNorm)
	}
	return nil
}
