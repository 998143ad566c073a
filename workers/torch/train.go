package torch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/safetensors"
)

// Training is what to train with AdamW, fresh moments, as package optim does.
type Training struct {
	Model       Model
	Hyperparams training.Hyperparams // UpdateNorm is left to the caller
	Rates       []float64            // learning rate of each step; nil is Hyperparams.LearnRate throughout
	Lora        *Lora                // nil trains all weights
	Seed        uint64               // of fresh adapters
	// Batch returns the inputs and targets of a step: BatchTokens/Context
	// sequences of Context, one after another.
	Batch func(step int) (inputs, targets []int32, err error)
	// Partial says that fewer steps than all are of use: the job may end with
	// them when Progress returns ErrEnough, or when the owner's time is over.
	// There is a loss in Done for each step that was done, one at least.
	Partial bool
	// Progress hears of every step, from 1; its error ends the job and is returned.
	Progress func(step int, loss float64) error
	// Note hears one sentence of anything else worth telling the owner.
	Note func(string)
}

// Done is what a job cost and on what it ran.
type Done struct {
	Info
	Losses          []float64 // of each step before its update, nats per token
	TokensPerSecond float64   // without StartSeconds
	StartSeconds    float64   // to load Python, torch and the model, and to write the result
	Halved          int       // how often the batch was halved for want of memory
	AtOnce          int       // sequences that went through the model together at the end
	Deterministic   bool      // every operation had a deterministic form
}

// Train returns the weights after training, in the order of Model.Data.
func (t *Trainer) Train(ctx context.Context, j Training, limits Limits) ([]float32, Done, error) {
	h := j.Hyperparams
	if err := h.Check(); err != nil {
		return nil, Done{}, fmt.Errorf("train with %s: %w", t, err)
	}
	if j.Rates != nil && len(j.Rates) != h.Steps {
		return nil, Done{}, fmt.Errorf("train with %s: %d learning rates for %d steps", t, len(j.Rates), h.Steps)
	}
	sequences := h.BatchTokens / h.Context
	work := job{Kind: "train", Seed: strconv.FormatUint(j.Seed, 10), Rows: h.Steps * sequences, Context: h.Context,
		Hyperparams: &h, Rates: j.Rates, Lora: j.Lora}
	if j.Partial {
		work.Stop = stopFile
	}
	rows := func(w io.Writer) error {
		var row []byte
		for step := range h.Steps {
			inputs, targets, err := j.Batch(step)
			if err == nil && (len(inputs) != h.BatchTokens || len(targets) != h.BatchTokens) {
				err = fmt.Errorf("step %d has %d inputs and %d targets, want %d", step, len(inputs), len(targets), h.BatchTokens)
			}
			for lo := 0; err == nil && lo < h.BatchTokens; lo += h.Context {
				if row, err = appendRow(row[:0], inputs[lo:lo+h.Context], targets[lo:lo+h.Context]); err == nil {
					_, err = w.Write(row)
				}
			}
			if err != nil {
				return err
			}
		}
		return ctx.Err()
	}
	watch := func(e event) error {
		switch {
		case e.Event == "step" && j.Progress != nil:
			return j.Progress(e.Step, e.Loss)
		case e.Event == "halved" && j.Note != nil:
			j.Note(fmt.Sprintf("memory is short (%s): %d sequences at a time with gradients accumulated, the same mathematics", printable(e.Reason, 100), e.Sequences))
		}
		return nil
	}
	var weights []float32
	done, err := t.run(ctx, work, j.Model, limits, rows, watch, func(dir string, r result) error {
		least := h.Steps
		if j.Partial {
			least = 1
		}
		if r.Steps < least || r.Steps > h.Steps || len(r.Losses) != r.Steps {
			return fmt.Errorf("%w: it reports %d steps and %d losses, want %d to %d", ErrLied, r.Steps, len(r.Losses), least, h.Steps)
		}
		var err error
		weights, err = output(dir, r, j.Model.Tensors)
		return err
	})
	if err != nil {
		return nil, done, fmt.Errorf("train with %s: %w", t, err)
	}
	return weights, done, nil
}

// Evaluation measures a model on sequences of Context tokens. A shorter one
// is filled up with Ignore.
type Evaluation struct {
	Model           Model
	Inputs, Targets []int32 // sequence after sequence
	Context         int
	Progress        func() error // now and then; its error ends the job and is returned
}

// Evaluate returns -ln p(target) of every position in nats, 0 where it is Ignore.
func (t *Trainer) Evaluate(ctx context.Context, j Evaluation, limits Limits) ([]float32, Done, error) {
	n := len(j.Inputs)
	if j.Context < 1 || n == 0 || n%j.Context != 0 || len(j.Targets) != n {
		return nil, Done{}, fmt.Errorf("evaluate with %s: %d inputs and %d targets are no sequences of %d", t, n, len(j.Targets), j.Context)
	}
	work := job{Kind: "evaluate", Seed: "0", Rows: n / j.Context, Context: j.Context}
	rows := func(w io.Writer) error {
		var row []byte
		for lo := 0; lo < n; lo += j.Context {
			var err error
			if row, err = appendRow(row[:0], j.Inputs[lo:lo+j.Context], j.Targets[lo:lo+j.Context]); err != nil {
				return err
			}
			if _, err := w.Write(row); err != nil {
				return err
			}
		}
		return nil
	}
	watch := func(event) error {
		if j.Progress != nil {
			return j.Progress()
		}
		return nil
	}
	var nll []float32
	done, err := t.run(ctx, work, j.Model, limits, rows, watch, func(dir string, r result) (err error) {
		want := safetensors.Tensor{Name: "nll", Shape: []int{work.Rows, work.Context}, DType: safetensors.F32}
		if nll, err = output(dir, r, []safetensors.Tensor{want}); err != nil {
			return err
		}
		for i, v := range nll {
			if v < -1e-4 || j.Targets[i] < 0 && v != 0 { // rounding may go a little below zero
				return fmt.Errorf("%w: the loss at position %d is %g", ErrLied, i, v)
			}
		}
		return nil
	})
	if err != nil {
		return nil, done, fmt.Errorf("evaluate with %s: %w", t, err)
	}
	return nll, done, nil
}

// Sampling continues a prompt as llama.Sampling does, token by token.
type Sampling struct {
	Model       Model
	Prompt      []int32
	Tokens      int     // how many to write
	Temperature float64 // 0 takes the most likely
	TopK        int     // 0 is all
	Seed        uint64
	Vocabulary  int
	Next        func(id int32) error // hears each token at once; its error ends the job and is returned
}

// Sample writes tokens until there are as many as asked for.
func (t *Trainer) Sample(ctx context.Context, j Sampling, limits Limits) (Done, error) {
	work := job{Kind: "sample", Seed: strconv.FormatUint(j.Seed, 10),
		Sample: &jobSample{j.Prompt, j.Tokens, j.Temperature, j.TopK}}
	var said []int32
	watch := func(e event) error {
		if e.Event != "token" {
			return nil
		}
		if e.ID < 0 || int(e.ID) >= j.Vocabulary || len(said) == j.Tokens {
			return fmt.Errorf("%w: token %d is %d, of a vocabulary of %d, and %d were asked for", ErrLied, len(said), e.ID, j.Vocabulary, j.Tokens)
		}
		said = append(said, e.ID)
		return j.Next(e.ID)
	}
	done, err := t.run(ctx, work, j.Model, limits, nil, watch, func(string, result) error {
		if len(said) != j.Tokens {
			return fmt.Errorf("%w: it wrote %d tokens, want %d", ErrLied, len(said), j.Tokens)
		}
		return nil
	})
	if err != nil {
		return done, fmt.Errorf("sample with %s: %w", t, err)
	}
	return done, nil
}

// stopper asks a program to end with what it has done. The file may come just
// after the program looked for it, so one more step is no fault; a second one
// is that of a program which does not listen.
type stopper struct {
	path  string
	watch func(event) error
	asked bool
	since int // steps that were reported after it was asked
}

func (s *stopper) hear(e event) error {
	if s.asked && e.Event == "step" {
		if s.since++; s.since > 1 {
			return fmt.Errorf("%w: it was asked to stop and went on", ErrInterrupted)
		}
	}
	err := s.watch(e)
	if !errors.Is(err, ErrEnough) {
		return err
	}
	if s.asked {
		return nil
	}
	s.asked = true
	return os.WriteFile(s.path, nil, 0o600)
}

// run makes the folder, runs the program, reads its result and has it checked.
// The folder is gone afterwards, whatever happened.
func (t *Trainer) run(ctx context.Context, j job, m Model, limits Limits, rows func(io.Writer) error,
	watch func(event) error, check func(dir string, r result) error) (done Done, err error) {
	if err := ctx.Err(); err != nil {
		return done, err
	}
	limits = limits.withDefaults()
	j.Device = t.Device
	dir, err := folder(t.dir, &j, m, limits, rows)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if j.Stop != "" {
		watch = (&stopper{path: filepath.Join(dir, stopFile), watch: watch}).hear
	}
	if err := process(ctx, t.python, []string{"-B", dir + "/" + scriptFile, dir}, limits, watch); err != nil {
		return done, err
	}
	r, err := readResult(dir, j.Kind)
	if err != nil {
		return done, err
	}
	return r.done(), check(dir, r)
}
