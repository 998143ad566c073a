package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/llama"
	"codeberg.org/althing/althing/training/optim"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/workers/torch"
)

// Values of Limits.Trainer.
const (
	TrainerAuto    = "auto"    // whichever measured faster for the work at hand; "" is the same
	TrainerBuiltin = "builtin" // training/llama: nothing to install, and bit-for-bit replay
	TrainerTorch   = "torch"   // workers/torch, or the work is refused
)

// engines is what a run knows of the two engines that can do its work.
type engines struct {
	torch *torch.Trainer
	fault error  // why torch is not used; set with torch nil once it was looked for
	used  string // the trainer of the assignment under way, as reports carry it
}

// worthStarting is the work below which Python is not even started: 2·10¹²
// floating-point operations, which take the builtin engine about as long as
// torch takes to load on the machines that were measured.
const worthStarting = 2e12

// workload is what an engine is chosen for.
type workload struct {
	batch, context int // tokens of one step, of one sequence
	tokens         int // in all
	perToken       float64
	exact          bool // the result will be compared bit for bit
}

// trainingLoad and measuringLoad count 6 and 2 floating-point operations per
// parameter and token (Kaplan et al. 2020, section 2.1).
func trainingLoad(a protocol.Assignment, m *llama.Model, h training.Hyperparams) workload {
	return workload{h.BatchTokens, h.Context, h.Steps * h.BatchTokens, 6 * float64(m.Params.Len()), a.Forget != nil || !a.Manifest.IsZero()}
}

func measuringLoad(m *llama.Model, tokens int) workload {
	batch := max(1, passTokens/m.Config.Context) * m.Config.Context
	return workload{batch, m.Config.Context, tokens, 2 * float64(m.Params.Len()), false}
}

// choose returns the external trainer if it shall do the work, nil for the
// builtin engine. It is an error only if the owner insists on torch and there
// is none.
func (r *runner) choose(ctx context.Context, m *llama.Model, w workload) (*torch.Trainer, error) {
	mode := r.limits.Trainer
	r.engines.used = protocol.Builtin
	if mode == TrainerBuiltin || mode != TrainerTorch && (w.exact || float64(w.tokens)*w.perToken < worthStarting) {
		return nil, nil
	}
	t, err := r.external(ctx)
	if mode == TrainerTorch {
		if err != nil && ctx.Err() == nil {
			return nil, refuse("the owner of this node wants the work done by torch: %v", torch.Cause(err))
		}
		if err == nil && w.exact {
			r.say("this work is compared with an update that was sent before: by torch it agrees within %g of its norm, never bit for bit", torch.Tolerance)
		}
		if err == nil {
			r.engines.used = t.String()
		}
		return t, err
	}
	if err != nil {
		return nil, ctx.Err()
	}
	s, err := r.speed(ctx, t, m, w)
	if err != nil {
		return nil, r.without(ctx, err)
	}
	tokens := float64(w.tokens)
	own, theirs := tokens/s.Builtin, s.Start+tokens/s.Torch
	if own <= theirs {
		return nil, nil
	}
	r.say("%s does this faster than the builtin engine: about %.0f s against %.0f s", t, theirs, own)
	r.engines.used = t.String()
	return t, nil
}

// external looks for torch once per run.
func (r *runner) external(ctx context.Context) (*torch.Trainer, error) {
	e := &r.engines
	if e.torch == nil && e.fault == nil {
		e.torch, e.fault = torch.Find(ctx, filepath.Join(r.state.dir, "torch"))
		switch {
		case ctx.Err() != nil:
			e.torch, e.fault = nil, nil
			return nil, ctx.Err()
		case e.fault != nil:
			r.say("training uses the builtin engine: %v", printable(e.fault.Error()))
		default:
			r.say("found %s on %s, %d MB", e.torch, e.torch.Hardware, e.torch.Megabytes)
		}
	}
	return e.torch, e.fault
}

// without goes on by the builtin engine for the rest of the run after torch
// failed, unless it is the work itself that ended, or the owner insists.
func (r *runner) without(ctx context.Context, err error) error {
	var no *refused
	if ctx.Err() != nil || errors.Is(err, errCancelled) || errors.As(err, &no) {
		return err
	}
	if r.limits.Trainer == TrainerTorch {
		r.say("%s", printable(err.Error()))
		return refuse("%v", torch.Cause(err)) // the rest may name folders of this machine
	}
	r.say("%s; the builtin engine goes on", printable(err.Error()))
	r.engines = engines{fault: err, used: protocol.Builtin}
	return nil
}

// budget is what the owner allows the external trainer.
func (r *runner) budget() torch.Limits {
	return torch.Limits{Threads: r.limits.threads(), Megabytes: r.limits.Memory}
}

// speed is one measurement of both engines on one shape of work, kept in the
// node's folder.
type speed struct {
	Builtin float64 `json:"builtin"` // tokens/s
	Torch   float64 `json:"torch"`   // tokens/s once it runs
	Start   float64 `json:"start"`   // seconds until it does
	With    string  `json:"with"`    // trainer, device and hardware
}

const (
	speedsFile = "speeds.json"
	maxSpeeds  = 64
)

// speed measures both engines by a few steps on a copy of the model, or
// returns what was measured before for the same shape, threads and torch.
func (r *runner) speed(ctx context.Context, t *torch.Trainer, m *llama.Model, w workload) (speed, error) {
	config, err := llama.MarshalConfig(m.Config)
	if err != nil {
		return speed{}, err
	}
	key := speedKey(t, config, w, r.limits.threads())
	known := map[string]speed{}
	if _, err := r.state.read(speedsFile, &known); err != nil || len(known) >= maxSpeeds {
		known = map[string]speed{} // a measurement that cannot be read is made again
	}
	if s, ok := known[key]; ok && s.Builtin > 0 && s.Torch > 0 {
		return s, nil
	}
	r.say("measuring which engine is faster for this model")
	s := speed{With: t.String() + " on " + t.Hardware}
	if s.Builtin, err = r.measureBuiltin(ctx, m, w); err != nil {
		return s, err
	}
	if s.Torch, s.Start, err = r.measureTorch(ctx, t, m, w); err != nil {
		return s, err
	}
	r.say("builtin %.0f tokens/s; %s %.0f tokens/s after %.1f s", s.Builtin, t, s.Torch, s.Start)
	known[key] = s
	return s, r.state.save(speedsFile, known)
}

// speedKey names all that a speed depends on.
func speedKey(t *torch.Trainer, config []byte, w workload, threads int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%d %d %d\n%s on %s", config, w.batch, w.context, threads, t, t.Hardware))
	return hex.EncodeToString(sum[:8])
}

// trialSteps are the steps of a measured run: one to warm up, two that count.
const trialSteps = 3

// trial is training that changes nothing: the smallest rate there is.
func trial(w workload) training.Hyperparams {
	return training.Hyperparams{Steps: trialSteps, BatchTokens: w.batch, Context: w.context, LearnRate: 1e-9, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}
}

// trialBatch reads every token of the vocabulary in turn.
func trialBatch(m *llama.Model, w workload) (inputs, targets []int32) {
	for i := range w.batch {
		inputs = append(inputs, int32(i%m.Config.Vocab))
		targets = append(targets, int32((i+1)%m.Config.Vocab))
	}
	return inputs, targets
}

// stopwatch takes the best of the steps after the first; of one step, itself.
type stopwatch struct {
	now  func() time.Time
	last time.Time
	best time.Duration
	n    int
}

func (s *stopwatch) lap() {
	now := s.now()
	d := max(now.Sub(s.last), time.Nanosecond)
	if s.n < 2 || d < s.best {
		s.best = d
	}
	s.n++
	s.last = now
}

func (r *runner) measureBuiltin(ctx context.Context, m *llama.Model, w workload) (float64, error) {
	scratch, err := llama.With(m.Config, m.Params.Clone())
	if err != nil {
		return 0, err
	}
	trainer, err := llama.NewTrainer(scratch, w.context, r.limits.threads())
	if err != nil {
		return 0, refuse("%v", err)
	}
	adam := optim.New(trial(w), r.limits.threads())
	inputs, targets := trialBatch(m, w)
	watch := &stopwatch{now: r.Now, last: r.Now()}
	for watch.n < trialSteps && (watch.n == 0 || watch.best < 10*time.Second) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if _, err := trainer.Step(inputs, targets, adam); err != nil {
			return 0, refuse("%v", err)
		}
		watch.lap()
	}
	return float64(w.batch) / watch.best.Seconds(), nil
}

func (r *runner) measureTorch(ctx context.Context, t *torch.Trainer, m *llama.Model, w workload) (perSecond, start float64, err error) {
	base, err := handOver(m)
	if err != nil {
		return 0, 0, err
	}
	inputs, targets := trialBatch(m, w)
	watch := &stopwatch{now: r.Now, last: r.Now()}
	_, done, err := t.Train(ctx, torch.Training{Model: base, Hyperparams: trial(w),
		Batch:    func(int) ([]int32, []int32, error) { return inputs, targets, nil },
		Progress: func(int, float64) error { watch.lap(); return nil },
	}, r.budget())
	if err != nil {
		return 0, 0, err
	}
	return float64(w.batch) / watch.best.Seconds(), done.StartSeconds, nil
}
