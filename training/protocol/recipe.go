package protocol

import (
	"fmt"
	"strconv"

	"codeberg.org/althing/althing/training"
)

// Recipe is what a training decision fixes: how many rounds, from which base,
// with which numbers, and how updates become the next checkpoint. It stands in
// the log inside the decision's entry, so it holds integers and decimal
// strings, never floats. A part that says nothing is left out of its JSON and
// means what recipes meant before the part existed, so that old decisions keep
// their bytes and their sense. It is comparable: nodes compare it whole.
type Recipe struct {
	Rounds      int    `json:"rounds"`       // rounds of the campaign, at most
	Steps       int    `json:"steps"`        // optimiser steps per node and round
	BatchTokens int    `json:"batch_tokens"` // tokens of one step
	Context     int    `json:"context"`      // tokens of one sequence
	Optimizer   string `json:"optimizer"`    // "adamw" or "sgd"; fresh moments in every round
	LearnRate   string `json:"learn_rate"`
	Beta1       string `json:"beta1"`
	Beta2       string `json:"beta2"`
	Epsilon     string `json:"epsilon"`
	WeightDecay string `json:"weight_decay"`
	ClipNorm    string `json:"clip_norm"`
	UpdateNorm  string `json:"update_norm"` // largest L2 norm of an update, "0" for no limit
	Cohort      int    `json:"cohort"`      // nodes wanted in a round
	MinReports  int    `json:"min_reports"` // fewer updates than this abandon the round; at least 2 members
	Deadline    int    `json:"deadline"`    // seconds a round collects
	Aggregator  string `json:"aggregator"`  // "fedavg": rounds of local training and a mean; Server and Robust say which
	Converge    string `json:"converge"`    // stop when the loss falls by less than this share, "0" never
	Base        string `json:"base"`        // digest of the weights to begin from, hex
	Arithmetic  string `json:"arithmetic"`  // "arith/1"
	// Public says that all text of the campaign is public: its updates are
	// published with each round, for anyone who wants to compute it again.
	Public bool `json:"public,omitempty"`

	Local     Local     `json:"local,omitzero"`
	Server    Server    `json:"server,omitzero"`
	Robust    Robust    `json:"robust,omitzero"`
	Up        Uplink    `json:"up,omitzero"`
	Down      Downlink  `json:"down,omitzero"`
	Privacy   Privacy   `json:"privacy,omitzero"`
	Selection Selection `json:"selection,omitzero"`
}

// ParseRecipe reads a recipe strictly and checks it.
func ParseRecipe(data []byte) (Recipe, error) {
	r, err := Decode[Recipe](data)
	if err != nil {
		return Recipe{}, fmt.Errorf("recipe: %w", err)
	}
	return r, r.Check()
}

// Check reports the first number that cannot be trained with.
func (r Recipe) Check() error {
	h, err := r.Hyperparams()
	if err != nil {
		return err
	}
	if err := h.Check(); err != nil {
		return fmt.Errorf("recipe: %w", err)
	}
	switch {
	case r.Rounds < 1 || r.Rounds > 10_000:
		return fmt.Errorf("recipe: rounds %d: want 1 to 10,000", r.Rounds)
	case r.Optimizer != "adamw" && r.Optimizer != "sgd":
		return fmt.Errorf("recipe: optimizer %q is not known", r.Optimizer)
	case r.Aggregator != "fedavg":
		return fmt.Errorf("recipe: aggregator %q is not known", r.Aggregator)
	case r.MinReports < 2:
		return fmt.Errorf("recipe: an aggregate of fewer than two would show one member's update; min_reports is %d", r.MinReports)
	case r.Cohort < r.MinReports || r.Cohort > 100_000:
		return fmt.Errorf("recipe: cohort %d: want %d to 100,000", r.Cohort, r.MinReports)
	case r.Deadline < 5 || r.Deadline > 30*86_400:
		return fmt.Errorf("recipe: deadline %d s: want 5 seconds to 30 days", r.Deadline)
	case r.Arithmetic != training.Arithmetic:
		return fmt.Errorf("recipe: arithmetic %q; this program computes %q and never mixes", r.Arithmetic, training.Arithmetic)
	}
	if _, err := training.ParseDigest(r.Base); err != nil {
		return fmt.Errorf("recipe: base: %w", err)
	}
	if c, err := strconv.ParseFloat(r.Converge, 64); err != nil || !(c >= 0 && c < 1) {
		return fmt.Errorf("recipe: converge %q: want a share from 0 to less than 1", r.Converge)
	}
	if err := r.checkParts(); err != nil {
		return fmt.Errorf("recipe: %w", err)
	}
	return nil
}

// Hyperparams returns the numbers of one node's local training.
func (r Recipe) Hyperparams() (training.Hyperparams, error) {
	h := training.Hyperparams{Steps: r.Steps, BatchTokens: r.BatchTokens, Context: r.Context}
	for _, f := range []struct {
		name, text string
		to         *float64
	}{
		{"learn_rate", r.LearnRate, &h.LearnRate}, {"beta1", r.Beta1, &h.Beta1}, {"beta2", r.Beta2, &h.Beta2},
		{"epsilon", r.Epsilon, &h.Epsilon}, {"weight_decay", r.WeightDecay, &h.WeightDecay},
		{"clip_norm", r.ClipNorm, &h.ClipNorm}, {"update_norm", r.UpdateNorm, &h.UpdateNorm},
	} {
		v, err := strconv.ParseFloat(f.text, 64)
		if err != nil {
			return h, fmt.Errorf("recipe: %s %q is not a decimal number", f.name, f.text)
		}
		*f.to = v
	}
	return h, nil
}
