package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/llama"
	"codeberg.org/althing/althing/training/localdata"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/safetensors"
	"codeberg.org/althing/althing/training/tokenizer"
	"codeberg.org/althing/althing/workers/torch"
)

// handOver shows a model to the external trainer. It is read, never changed.
func handOver(m *llama.Model) (torch.Model, error) {
	config, err := llama.MarshalConfig(m.Config)
	if err != nil {
		return torch.Model{}, err
	}
	out := torch.Model{Config: config, Data: m.Params.Data}
	for _, s := range m.Params.Specs() {
		out.Tensors = append(out.Tensors, safetensors.Tensor{Name: s.Name, Shape: s.Shape, DType: safetensors.F32})
	}
	return out, nil
}

// plain reports whether a recipe's local training is what the contract of the
// external trainer can say: AdamW on the plain loss. What the server does with
// the update is no matter.
func plain(r protocol.Recipe) bool {
	return r.Optimizer == "adamw" && r.Local.Objective == ""
}

// stepsElsewhere trains the model in place by the external trainer, if that is
// chosen for this work; false leaves all of it to the builtin engine. rates
// are the learning rates of the steps, nil for the one of h; saw hears the
// losses of the steps once they are done. It stops as the builtin engine does:
// with what was done so far where the recipe takes partial work, else for nothing.
func (r *runner) stepsElsewhere(ctx context.Context, a protocol.Assignment, m *llama.Model, stream *localdata.Stream, h training.Hyperparams, rates []float64, saw func(loss float64)) (steps int, did bool, err error) {
	if !plain(a.Recipe) {
		r.engines.used = protocol.Builtin
		if r.limits.Trainer == TrainerTorch {
			return 0, false, refuse("this recipe needs the builtin engine, and the owner of this node allows torch only")
		}
		return 0, false, nil
	}
	t, err := r.choose(ctx, m, trainingLoad(a, m, h))
	if err != nil || t == nil {
		return 0, false, err
	}
	base, err := handOver(m)
	if err != nil {
		return 0, false, err
	}
	begin, said := r.Now(), r.Now()
	stop := lastMoment(a, r.theirs(begin))
	weights, done, err := t.Train(ctx, torch.Training{
		Model: base, Hyperparams: h, Rates: rates, Seed: a.Seed, Partial: a.Recipe.Local.Partial,
		Batch: func(step int) ([]int32, []int32, error) {
			return stream.Batch(a.Seed, step, h.BatchTokens/h.Context, h.Context)
		},
		Progress: func(step int, loss float64) error {
			steps = step
			r.step.Store(int64(step))
			last := step == h.Steps
			ok, _ := r.limits.allowed(r.Now())
			switch {
			case !ok && !a.Recipe.Local.Partial:
				return fmt.Errorf("%w: the hours %s that you allow are over", errCancelled, r.limits.Hours)
			case !last && (!ok || a.Recipe.Local.Partial && r.theirs(r.Now()).After(stop)):
				return torch.ErrEnough
			}
			if last || r.Now().Sub(said) > 10*time.Second {
				said = r.Now()
				speed := float64(step*h.BatchTokens) / max(said.Sub(begin).Seconds(), 1e-9)
				r.say("round %d: step %d of %d, loss %.4f, %.0f tokens/s with %s", a.Number, step, h.Steps, loss, speed, t)
			}
			return nil
		},
		Note: func(s string) { r.say("%s", s) },
	}, r.budget())
	if err != nil {
		r.step.Store(0)
		return steps, false, r.without(ctx, err)
	}
	copy(m.Params.Data, weights)
	for _, loss := range done.Losses {
		saw(loss)
	}
	r.say("%s on %s, %s, %d threads: %.0f tokens/s after %.1f s", t, done.Hardware, done.DType, done.Threads, done.TokensPerSecond, done.StartSeconds)
	if steps = len(done.Losses); steps < h.Steps {
		r.say("round %d: your hours are over, or the round is about to end; sending %d of %d steps", a.Number, steps, h.Steps)
	}
	return steps, true, nil
}

// externalPass is how many tokens the external trainer gets at once: all of
// what most nodes measure on, since every call loads torch anew.
const externalPass = 1 << 22

// measurer returns what computes losses of about so many tokens. Whether torch
// fails is known only when it does; the builtin engine goes on then.
func (r *runner) measurer(ctx context.Context, m *llama.Model, tokens int) (*scorer, error) {
	own := newScorer(m, r.limits.threads())
	t, err := r.choose(ctx, m, measuringLoad(m, tokens))
	if err != nil || t == nil {
		return own, err
	}
	base, err := handOver(m)
	if err != nil {
		return nil, err
	}
	s := &scorer{context: own.context, most: externalPass, filled: externalPass}
	s.losses = func(ctx context.Context, inputs, targets []int32, time int) ([]float32, error) {
		if r.engines.torch == nil { // it failed before
			return own.losses(ctx, inputs, targets, time)
		}
		nll, _, err := t.Evaluate(ctx, torch.Evaluation{Model: base, Inputs: inputs, Targets: targets, Context: time}, r.budget())
		if err == nil {
			return nll, nil
		}
		if err := r.without(ctx, err); err != nil {
			return nil, err
		}
		return own.losses(ctx, inputs, targets, time)
	}
	return s, nil
}

// completeElsewhere continues a prompt by the external trainer. It stops at
// the end mark.
func completeElsewhere(ctx context.Context, c Completion, m *llama.Model, prompt []int32, out io.Writer) error {
	if err := c.Check(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "althing-complete-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	t, err := torch.Find(ctx, filepath.Join(dir, "torch"))
	if err != nil {
		return err
	}
	base, err := handOver(m)
	if err != nil {
		return err
	}
	var decoder tokenizer.Decoder
	end := errors.New("the model ended its text")
	_, err = t.Sample(ctx, torch.Sampling{
		Model: base, Prompt: prompt, Tokens: c.Tokens, Temperature: c.Temperature, TopK: c.TopK, Seed: c.Seed, Vocabulary: m.Config.Vocab,
		Next: func(id int32) error {
			if id == tokenizer.EndOfText {
				return end
			}
			_, err := io.WriteString(out, decoder.Next(id))
			return err
		},
	}, torch.Limits{})
	if err != nil && !errors.Is(err, end) {
		return err
	}
	_, err = io.WriteString(out, decoder.Rest()+"\n")
	return err
}
