//go:build unix

package torch

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/founding"
	"codeberg.org/althing/althing/training/llama"
	"codeberg.org/althing/althing/training/localdata"
	"codeberg.org/althing/althing/training/optim"
	"codeberg.org/althing/althing/training/safetensors"
)

// search is done once: to load torch takes seconds.
var search = sync.OnceValues(func() (*Trainer, error) {
	dir, err := os.MkdirTemp("", "althing-torch-")
	if err != nil {
		return nil, err
	}
	return Find(context.Background(), dir)
})

func TestMain(m *testing.M) {
	if hostile := os.Getenv("HOSTILE"); hostile != "" {
		misbehave(hostile, os.Args[len(os.Args)-1])
	}
	code := m.Run()
	if t, err := search(); err == nil && t != nil {
		os.RemoveAll(t.dir)
	}
	os.Exit(code)
}

// trainer returns a real PyTorch, with CUDA where torch sees it. Without one
// the test is skipped, unless ALTHING_TORCH=require.
func trainer(t *testing.T) *Trainer {
	t.Helper()
	found, err := search()
	if errors.Is(err, ErrMissing) && os.Getenv("ALTHING_TORCH") != "require" {
		t.Skipf("%v; ALTHING_TORCH=require makes this a failure", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return found
}

var limits = Limits{Threads: 1, Time: 5 * time.Minute, Silence: 2 * time.Minute}

// modelOf hands a builtin model to a job.
func modelOf(t testing.TB, m *llama.Model) Model {
	t.Helper()
	config, err := llama.MarshalConfig(m.Config)
	if err != nil {
		t.Fatal(err)
	}
	out := Model{Config: config, Data: m.Params.Data}
	for _, s := range m.Params.Specs() {
		out.Tensors = append(out.Tensors, safetensors.Tensor{Name: s.Name, Shape: s.Shape, DType: safetensors.F32})
	}
	return out
}

func foundingModel(t testing.TB) *llama.Model {
	t.Helper()
	m, err := founding.Load(founding.Weights(), founding.Made().Config)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// small has what S lacks: grouped heads and an output matrix of its own.
func small(t testing.TB) *llama.Model {
	t.Helper()
	m, err := llama.Init(llama.Config{Hidden: 32, Layers: 2, Heads: 4, KVHeads: 2, Intermediate: 48, Context: 32,
		Vocab: 256, NormEps: 1e-6, RopeTheta: 50_000}, 5)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func numbers(steps, batch, context int) training.Hyperparams {
	return training.Hyperparams{Steps: steps, BatchTokens: batch, Context: context, LearnRate: 1e-3,
		Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: 0.01, ClipNorm: 1}
}

// stream is this package's program as text to train on.
func stream() *localdata.Stream {
	return localdata.NewStream([]localdata.Record{{Text: string(script)}})
}

func batchOf(h training.Hyperparams) func(int) ([]int32, []int32, error) {
	s := stream()
	return func(step int) ([]int32, []int32, error) {
		return s.Batch(3, step, h.BatchTokens/h.Context, h.Context)
	}
}

// builtin trains by the engine of training/llama.
func builtin(t testing.TB, m *llama.Model, h training.Hyperparams, rates []float64) (losses []float64) {
	t.Helper()
	engine, err := llama.NewTrainer(m, h.Context, 1)
	if err != nil {
		t.Fatal(err)
	}
	adam, batch := optim.New(h, 1), batchOf(h)
	if rates != nil {
		adam.Rate = func(step int) float64 { return rates[step] }
	}
	for step := range h.Steps {
		inputs, targets, err := batch(step)
		if err != nil {
			t.Fatal(err)
		}
		loss, err := engine.Step(inputs, targets, adam)
		if err != nil {
			t.Fatal(err)
		}
		losses = append(losses, loss)
	}
	return losses
}

// rates rise and fall.
func rates(steps int) (list []float64) {
	cosine := optim.Cosine(3e-3, 1e-4, 4, steps)
	for step := range steps {
		list = append(list, cosine(step))
	}
	return list
}

// TestTorchIsTheBuiltinEngine trains the founding version 20 steps by both:
// the losses agree to four digits at every step, and the updates within the
// stated tolerance.
func TestTorchIsTheBuiltinEngine(t *testing.T) {
	tests := []struct {
		name  string
		model func(testing.TB) *llama.Model
		h     training.Hyperparams
		rates []float64
	}{
		{"founding S", foundingModel, numbers(20, 2048, 128), nil},
		{"grouped, untied, short context, rates of their own", small, numbers(20, 8*24, 24), rates(20)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			py := trainer(t)
			m := tt.model(t)
			base := modelOf(t, m)
			base.Data = append([]float32(nil), base.Data...)
			steps := 0
			got, done, err := py.Train(t.Context(), Training{Model: base, Hyperparams: tt.h, Rates: tt.rates, Batch: batchOf(tt.h),
				Progress: func(int, float64) error { steps++; return nil }}, limits)
			if err != nil {
				t.Fatal(err)
			}
			want := builtin(t, m, tt.h, tt.rates)
			for i := range want {
				if math.Abs(done.Losses[i]-want[i]) > 5e-5 {
					t.Errorf("loss of step %d = %.6f, the builtin engine has %.6f", i+1, done.Losses[i], want[i])
				}
			}
			mine, theirs := make([]float32, len(got)), make([]float32, len(got))
			for i, b := range base.Data {
				mine[i], theirs[i] = m.Params.Data[i]-b, got[i]-b
			}
			a, err := Compare(theirs, mine)
			if err != nil || !a.Within() || steps != tt.h.Steps || done.TokensPerSecond <= 0 || !done.Deterministic {
				t.Errorf("%v, %v; %d steps told, %+v", a, err, steps, done)
			}
			t.Logf("%s on %s: loss at step 20 %.6f against %.6f, %v, cosine %.6f; %.0f tokens/s after %.1f s",
				done.Info, done.Hardware, done.Losses[19], want[19], a, a.Cosine, done.TokensPerSecond, done.StartSeconds)
		})
	}
}

// TestHalvedBatchIsTheSameMathematics lets the memory suffice for a part of
// the batch only.
func TestHalvedBatchIsTheSameMathematics(t *testing.T) {
	py := trainer(t)
	if py.Device == "cuda" {
		t.Logf("on %s the limit is a share of the device", py.Hardware)
	}
	h := numbers(2, 64*128, 128)
	base := modelOf(t, foundingModel(t))
	train := func(l Limits) ([]float32, Done, []string) {
		var notes []string
		w, done, err := py.Train(t.Context(), Training{Model: base, Hyperparams: h, Batch: batchOf(h),
			Note: func(s string) { notes = append(notes, s) }}, l)
		if err != nil {
			t.Fatal(err)
		}
		return w, done, notes
	}
	whole, all, _ := train(limits)
	short := limits
	short.Megabytes = 700
	parts, some, notes := train(short)
	if all.Halved != 0 || all.AtOnce != 64 || some.Halved == 0 || some.AtOnce >= 64 || len(notes) != some.Halved {
		t.Fatalf("halved %d to %d and %d to %d times, notes %q; want 0 and at least 1", all.Halved, all.AtOnce, some.Halved, some.AtOnce, notes)
	}
	for i := range all.Losses {
		if math.Abs(all.Losses[i]-some.Losses[i]) > 1e-5 {
			t.Errorf("loss of step %d = %.7f in parts, %.7f whole", i+1, some.Losses[i], all.Losses[i])
		}
	}
	for i := range whole { // subtract the base: the update is what counts
		whole[i] -= base.Data[i]
		parts[i] -= base.Data[i]
	}
	if a, err := Compare(parts, whole); err != nil || !a.Within() {
		t.Errorf("the update in parts: %v, %v", a, err)
	} else {
		t.Logf("%d sequences at once of 64, %v; %q", some.AtOnce, a, notes)
	}
}

func TestMemoryForNotEvenOneSequence(t *testing.T) {
	py := trainer(t)
	h, short := numbers(1, 2048, 128), limits
	short.Megabytes = 20
	_, _, err := py.Train(t.Context(), Training{Model: modelOf(t, foundingModel(t)), Hyperparams: h, Batch: batchOf(h)}, short)
	if !errors.Is(err, ErrMemory) {
		t.Errorf("Train with 20 MB: %v, want ErrMemory", err)
	}
}

func TestEvaluateIsTheBuiltinEngine(t *testing.T) {
	py := trainer(t)
	m := foundingModel(t)
	inputs, targets, err := stream().Batch(1, 0, 5, 60)
	if err != nil {
		t.Fatal(err)
	}
	for i := 40; i < 60; i++ {
		inputs[i], targets[i] = 0, Ignore
	}
	targets[100] = Ignore
	want, err := llama.NewEvaluator(m, 1).NLL(inputs, targets, 60)
	if err != nil {
		t.Fatal(err)
	}
	got, done, err := py.Evaluate(t.Context(), Evaluation{Model: modelOf(t, m), Inputs: inputs, Targets: targets, Context: 60}, limits)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if math.Abs(float64(got[i]-want[i])) > 2e-4 {
			t.Errorf("loss at %d = %g, want %g", i, got[i], want[i])
		}
	}
	if done.Device == "" || len(got) != 300 {
		t.Errorf("%d losses from %+v", len(got), done)
	}
}

// TestSampleIsTheBuiltinEngine also runs over the end of the context.
func TestSampleIsTheBuiltinEngine(t *testing.T) {
	py := trainer(t)
	m := foundingModel(t)
	prompt := []int32("func TestSample(t *testing.T) {\n")
	for _, s := range []llama.Sampling{{}, {Temperature: 0.8, TopK: 40, Seed: 1 << 63}} {
		next, err := llama.NewGenerator(m).Generate(prompt, s)
		if err != nil {
			t.Fatal(err)
		}
		var got, want []rune
		for id := range next {
			if want = append(want, id); len(want) == 150 {
				break
			}
		}
		_, err = py.Sample(t.Context(), Sampling{Model: modelOf(t, m), Prompt: prompt, Tokens: 150, Temperature: s.Temperature,
			TopK: s.TopK, Seed: s.Seed, Vocabulary: 256, Next: func(id int32) error { got = append(got, id); return nil }}, limits)
		if err != nil || string(got) != string(want) {
			t.Errorf("Sample %+v: %v\n%q\nwant\n%q", s, err, string(got), string(want))
		}
	}
}

// TestLora trains adapters: the frozen weights stay, the others move.
func TestLora(t *testing.T) {
	py := trainer(t)
	h := numbers(8, 2048, 128)
	base := modelOf(t, foundingModel(t))
	got, done, err := py.Train(t.Context(), Training{Model: base, Hyperparams: h, Lora: &Lora{Rank: 4, Alpha: 8}, Seed: 2,
		Batch: func(int) ([]int32, []int32, error) { return batchOf(h)(0) }}, limits) // losses of one text can be compared
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	for _, tensor := range base.Tensors {
		n := tensor.Elements()
		moved := false
		for i := at; i < at+n; i++ {
			moved = moved || got[i] != base.Data[i]
		}
		if linear := bytes.Contains([]byte(tensor.Name), []byte("_proj")); moved != linear {
			t.Errorf("%s moved: %v, want %v", tensor.Name, moved, linear)
		}
		at += n
	}
	if done.Losses[7] >= done.Losses[0] {
		t.Errorf("the loss went from %g to %g", done.Losses[0], done.Losses[7])
	}
}

func TestTheProgramRefuses(t *testing.T) {
	py := trainer(t)
	h := numbers(1, 64, 32)
	other := modelOf(t, small(t))
	other.Config = []byte(`{"model_type":"mamba","hidden_size":8,"num_attention_heads":2}`)
	wrong := modelOf(t, small(t))
	wrong.Tensors = append([]safetensors.Tensor(nil), wrong.Tensors...)
	wrong.Tensors[0].Name = "elsewhere.weight"
	long := numbers(1, 64, 64)
	hot := h
	hot.LearnRate, hot.Steps, hot.ClipNorm, hot.WeightDecay = 1, 400, 0, 1
	for _, tt := range []struct {
		name string
		m    Model
		h    training.Hyperparams
		want error
	}{
		{"an architecture that needs transformers", other, h, ErrRefused},
		{"other tensors than the config's", wrong, h, ErrRefused},
		{"a context longer than the model's", modelOf(t, small(t)), long, ErrRefused},
	} {
		_, _, err := py.Train(t.Context(), Training{Model: tt.m, Hyperparams: tt.h, Batch: batchOf(tt.h)}, limits)
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		} else {
			t.Logf("%s: %v", tt.name, err)
		}
		rest, _ := filepath.Glob(filepath.Join(py.dir, "job-*"))
		if len(rest) != 0 {
			t.Errorf("%s left %v", tt.name, rest)
		}
	}
}

func TestWeightsThatAreNotNumbersFailTraining(t *testing.T) {
	py := trainer(t)
	m := small(t)
	m.Params.Data[7] = float32(math.Inf(1))
	h := numbers(1, 64, 32)
	_, _, err := py.Train(t.Context(), Training{Model: modelOf(t, m), Hyperparams: h, Batch: batchOf(h)}, limits)
	if !errors.Is(err, ErrDiverged) {
		t.Errorf("Train: %v, want ErrDiverged", err)
	}
}

// TestTheProgramEndsWithItsNode closes the pipe that a node holds open.
func TestTheProgramEndsWithItsNode(t *testing.T) {
	py := trainer(t)
	h := numbers(5000, 64, 32)
	work := job{Kind: "train", Seed: "1", Rows: 10_000, Context: 32, Hyperparams: &h}
	dir, err := folder(py.dir, &work, modelOf(t, small(t)), limits, func(w io.Writer) error {
		_, err := w.Write(make([]byte, 10_000*33*4))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(py.python, filepath.Join(dir, scriptFile), dir)
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	for scanner := bufio.NewScanner(stdout); scanner.Scan(); {
		if strings.Contains(scanner.Text(), `"step"`) {
			stdin.Close()
		}
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != 5 {
		t.Errorf("the program ended with %v, want exit code 5", err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
}

func TestProgressEndsTheProgram(t *testing.T) {
	py := trainer(t)
	h := numbers(100_000, 64, 32)
	enough := errors.New("the hours are over")
	_, _, err := py.Train(t.Context(), Training{Model: modelOf(t, small(t)), Hyperparams: h,
		Batch: batchOf(h), Progress: func(step int, _ float64) error {
			if step == 3 {
				return enough
			}
			return nil
		}}, limits)
	if !errors.Is(err, enough) {
		t.Errorf("Train: %v, want %v", err, enough)
	}
}

// TestEndingEarlyKeepsWhatIsDone stops a long job after a few steps: what comes
// is what those steps give the builtin engine. That the owner's time is over
// does the same, and without whole steps it is the end.
func TestEndingEarlyKeepsWhatIsDone(t *testing.T) {
	py := trainer(t)
	h := numbers(100_000, 64, 32)
	m := small(t)
	base := modelOf(t, m)
	base.Data = append([]float32(nil), base.Data...)
	got, done, err := py.Train(t.Context(), Training{Model: base, Hyperparams: h, Batch: batchOf(h), Partial: true,
		Progress: func(step int, _ float64) error {
			if step >= 3 {
				return ErrEnough
			}
			return nil
		}}, limits)
	if err != nil || len(done.Losses) < 3 || len(done.Losses) > 20 {
		t.Fatalf("Train: %v after %d steps, want a few more than 3", err, len(done.Losses))
	}
	few := h
	few.Steps = len(done.Losses)
	builtin(t, m, few, nil)
	for i, b := range base.Data { // subtract the base: the update is what counts
		got[i] -= b
		m.Params.Data[i] -= b
	}
	if a, err := Compare(got, m.Params.Data); err != nil || !a.Within() {
		t.Errorf("after %d steps: %v, %v", few.Steps, a, err)
	}
	short := limits
	short.Time = time.Duration(done.StartSeconds*float64(time.Second)) + 3*time.Second
	_, done, err = py.Train(t.Context(), Training{Model: base, Hyperparams: h, Batch: batchOf(h), Partial: true}, short)
	if err != nil || len(done.Losses) == 0 || len(done.Losses) == h.Steps {
		t.Errorf("with %v for all: %v after %d of %d steps", short.Time, err, len(done.Losses), h.Steps)
	}
}
