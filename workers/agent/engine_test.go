package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/llama"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/safetensors"
	"codeberg.org/althing/althing/workers/torch"
)

// python makes ALTHING_PYTHON a shell script that says it has torch and then
// does what the lines say.
func python(t *testing.T, lines string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "python")
	script := "#!/bin/sh\nif [ \"$3\" = --check ]; then\n" +
		`echo '{"event":"hardware","trainer":"torch 9.9","device":"cuda","hardware":"a fast card"}'` + "\nexit 0\nfi\n" + lines + "\n"
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ALTHING_PYTHON", path)
}

func forced(trainer string) func(*Options) {
	return func(o *Options) { o.Limits = &Limits{Trainer: trainer, Threads: 1} }
}

// updateOf returns the values of the update that a report names.
func updateOf(t *testing.T, p *platform, name training.Digest) []float32 {
	t.Helper()
	file := p.arriving[name]
	tensors, err := safetensors.Read(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	var values []float32
	for _, x := range tensors {
		values = append(values, x.Data...)
	}
	return values
}

// TestTorchIsRefusedWithItsReason forces a torch that fails.
func TestTorchIsRefusedWithItsReason(t *testing.T) {
	for name, tt := range map[string]struct{ script, reason string }{
		"crash":  {"echo 'the secret folder /home/ada' >&2; exit 1", torch.ErrCrashed.Error()},
		"lie":    {`echo '{"event":"done"}'; echo '{}' > "$3/result.json"; exit 0`, torch.ErrLied.Error()},
		"memory": {"exit 3", torch.ErrMemory.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			python(t, tt.script)
			p := newPlatform(t)
			n := newNode(t, p, 40)
			p.give(p.training(protocol.Train))
			n.mustRun(t, 1, forced(TrainerTorch))
			if got := n.lastReport(t); got.Refused != tt.reason || !got.Update.IsZero() {
				t.Errorf("report %+v\nwant it refused: %s\n%s", got, tt.reason, n.out)
			}
			if strings.Contains(p.sent.String(), "/home/ada") {
				t.Error("what torch wrote left the machine")
			}
		})
	}
	t.Run("missing", func(t *testing.T) {
		t.Setenv("ALTHING_PYTHON", "/nonexistent/python")
		p := newPlatform(t)
		n := newNode(t, p, 40)
		p.give(p.training(protocol.Train))
		n.mustRun(t, 1, forced(TrainerTorch))
		if got := n.lastReport(t); !strings.Contains(got.Refused, torch.ErrMissing.Error()) {
			t.Errorf("report %+v", got)
		}
	})
}

// TestRecipesThatTorchDoesNotKnow need the builtin engine, which an owner may
// have excluded.
func TestRecipesThatTorchDoesNotKnow(t *testing.T) {
	python(t, "exit 1")
	for trainer, refused := range map[string]bool{TrainerTorch: true, TrainerAuto: false} {
		p := newPlatform(t)
		n := newNode(t, p, 40)
		a := p.training(protocol.Train)
		a.Recipe.Optimizer = "sgd"
		a.Mandate = p.mandate(p.adopt(protocol.MotionTrain, a.Recipe), -1, 0)
		p.give(a)
		n.mustRun(t, 1, forced(trainer))
		if got := n.lastReport(t); strings.Contains(got.Refused, "torch only") != refused {
			t.Errorf("%s: report %+v, want refused %v", trainer, got, refused)
		}
	}
}

// TestSmallWorkStartsNoPython also says that builtin never looks for one.
func TestSmallWorkStartsNoPython(t *testing.T) {
	marker := filepath.Join(t.TempDir(), "started")
	path := filepath.Join(t.TempDir(), "python")
	if err := os.WriteFile(path, []byte("#!/bin/sh\ntouch "+marker+"\nexit 4\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ALTHING_PYTHON", path)
	for _, trainer := range []string{"", TrainerAuto, TrainerBuiltin} {
		p := newPlatform(t)
		n := newNode(t, p, 40)
		p.give(p.training(protocol.Train))
		n.mustRun(t, 1, forced(trainer))
		if got := n.lastReport(t); got.Update.IsZero() {
			t.Errorf("%q: report %+v", trainer, got)
		}
		if _, err := os.Stat(marker); err == nil {
			t.Errorf("%q started Python", trainer)
		}
	}
}

// nodeRunner is a runner that can be asked questions.
func nodeRunner(t *testing.T, l Limits) (*runner, *node) {
	t.Helper()
	n := newNode(t, newPlatform(t), 4)
	s, err := OpenState(n.dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return &runner{Options: Options{Out: n.out}.withDefaults(), state: s, limits: l}, n
}

// TestTorchThatFailsInTheMeasurement leaves the work to the builtin engine,
// for the rest of the run.
func TestTorchThatFailsInTheMeasurement(t *testing.T) {
	python(t, "exit 1")
	r, n := nodeRunner(t, Limits{Threads: 1})
	large := workload{64, 32, 1 << 40, 1e6, false}
	for range 2 {
		if got, err := r.choose(t.Context(), n.model(1), large); got != nil || err != nil || r.engines.used != protocol.Builtin {
			t.Errorf("choose = %v, %v, used %q; want the builtin engine", got, err, r.engines.used)
		}
	}
	if got := strings.Count(n.out.String(), torch.ErrCrashed.Error()); got != 1 {
		t.Errorf("it was told %d times:\n%s", got, n.out)
	}
	large.exact = true
	if got, err := r.choose(t.Context(), n.model(1), large); got != nil || err != nil {
		t.Errorf("a replay chose %v, %v", got, err)
	}
}

// TestTheFasterEngineIsChosen reads speeds that were measured before.
func TestTheFasterEngineIsChosen(t *testing.T) {
	python(t, "exit 1")
	for _, tt := range []struct {
		s      speed
		tokens int
		torch  bool
	}{
		{speed{Builtin: 1000, Torch: 50_000, Start: 10}, 1 << 20, true},
		{speed{Builtin: 1000, Torch: 900, Start: 1}, 1 << 20, false},
		{speed{Builtin: 1000, Torch: 50_000, Start: 10}, 5000, false}, // over before torch has started
	} {
		r, n := nodeRunner(t, Limits{Threads: 1})
		w := workload{64, 32, tt.tokens, 1e9, false}
		m := n.model(1)
		found, err := r.external(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := r.state.save(speedsFile, map[string]speed{speedKey(found, mustConfig(t, m), w, 1): tt.s}); err != nil {
			t.Fatal(err)
		}
		got, err := r.choose(t.Context(), m, w)
		if err != nil || (got != nil) != tt.torch || (r.engines.used == "torch 9.9 cuda") != tt.torch {
			t.Errorf("choose with %+v for %d tokens = %v, %v, used %q; want torch %v", tt.s, tt.tokens, got, err, r.engines.used, tt.torch)
		}
	}
}

func mustConfig(t *testing.T, m *llama.Model) []byte {
	t.Helper()
	config, err := llama.MarshalConfig(m.Config)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// found looks for torch once: to load it takes seconds.
var found = sync.OnceValue(func() error {
	dir, err := os.MkdirTemp("", "althing-torch-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	_, err = torch.Find(context.Background(), filepath.Join(dir, "torch"))
	return err
})

// needTorch skips where there is no PyTorch, unless ALTHING_TORCH=require.
func needTorch(t *testing.T) {
	t.Helper()
	err := found()
	if errors.Is(err, torch.ErrMissing) && os.Getenv("ALTHING_TORCH") != "require" {
		t.Skipf("%v; ALTHING_TORCH=require makes this a failure", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestTorchDoesTheWorkOfANode runs both engines through the same checks.
func TestTorchDoesTheWorkOfANode(t *testing.T) {
	needTorch(t)
	updates := map[string][]float32{}
	losses := map[string]protocol.Sums{}
	p := newPlatform(t)
	n := newNode(t, p, 400)
	work, measure := p.training(protocol.Train), p.training(protocol.Evaluate)
	measure.ID = 12
	for i, trainer := range []string{TrainerBuiltin, TrainerTorch} {
		older := int64(2 * min(i, 1)) // entries that the node has seen
		work.Mandate = p.mandate(work.Mandate.Decision.Index, -1, older)
		p.give(work)
		n.mustRun(t, 1, forced(trainer))
		report := n.lastReport(t)
		if report.Tokens != 4*64 || report.Refused != "" {
			t.Fatalf("%s: report %+v\n%s", trainer, report, n.out)
		}
		if exact := trainer == TrainerBuiltin; report.Exact() != exact || !exact && !strings.HasPrefix(report.Trainer, "torch ") {
			t.Errorf("%s: the report names %q", trainer, report.Trainer)
		}
		updates[trainer] = updateOf(t, p, report.Update)
		measure.Mandate = p.mandate(measure.Mandate.Decision.Index, -1, 2)
		p.give(measure)
		n.mustRun(t, 1, forced(trainer))
		losses[trainer] = n.lastReport(t).Loss
		p.ops, p.reports = map[string]string{}, nil
		if err := os.RemoveAll(filepath.Join(n.dir, "done")); err != nil {
			t.Fatal(err)
		}
		if rest, _ := filepath.Glob(filepath.Join(n.dir, "torch", "job-*")); len(rest) > 0 {
			t.Errorf("%s left %v", trainer, rest)
		}
		if strings.Contains(p.sent.String(), canary) {
			t.Errorf("%s: text left the machine", trainer)
		}
	}
	a, err := torch.Compare(updates[TrainerTorch], updates[TrainerBuiltin])
	if err != nil || !a.Within() {
		t.Errorf("updates of 4 steps: %v, %v", a, err)
	}
	own, other := losses[TrainerBuiltin], losses[TrainerTorch]
	if own.Records < protocol.MinRecords || own.Records != other.Records || !near(own.Sum, other.Sum) || !near(own.Squares, other.Squares) {
		t.Errorf("sums %+v by torch, %+v builtin", other, own)
	}
	t.Logf("%v; sums %+v and %+v", a, own, other)
}

func near(a, b float64) bool { return a-b < 1e-4*a && b-a < 1e-4*a }

// TestHoursEndTorch cuts the owner's hours in the middle of a job.
func TestHoursEndTorch(t *testing.T) {
	needTorch(t)
	for _, partial := range []bool{false, true} {
		t.Run(fmt.Sprint(partial), func(t *testing.T) {
			p := newPlatform(t)
			n := newNode(t, p, 40)
			p.give(p.decided(1, func(r *protocol.Recipe) { r.Steps, r.Local.Partial = 5000, partial }))
			hours := time.Now().Add(-time.Hour).Format("15:04") + "-" + time.Now().Add(time.Hour).Format("15:04")
			err := n.run(1, func(o *Options) {
				o.Limits = &Limits{Trainer: TrainerTorch, Threads: 1, Hours: hours}
				o.Now = func() time.Time {
					if said := n.out.String(); strings.Contains(said, "found torch") && !strings.Contains(said, "sending") {
						return time.Now().Add(3 * time.Hour)
					}
					return time.Now() // by which requests are signed
				}
			})
			if err != nil || !strings.Contains(n.out.String(), "are over") {
				t.Errorf("run: %v\n%s", err, n.out)
			}
			if !partial {
				if len(n.reports) != 0 {
					t.Errorf("a report of unfinished work: %+v", n.reports)
				}
				return
			}
			r := n.lastReport(t)
			if r.Steps < 1 || r.Steps > 20 || r.Tokens != r.Steps*64 || r.Update.IsZero() || !strings.HasPrefix(r.Trainer, "torch") {
				t.Errorf("report of %d steps and %d tokens by %s, want the few steps that torch did", r.Steps, r.Tokens, r.Trainer)
			}
		})
	}
}

// TestSpeedsAreMeasuredOnce measures a real torch.
func TestSpeedsAreMeasuredOnce(t *testing.T) {
	needTorch(t)
	r, n := nodeRunner(t, Limits{Threads: 1})
	w := workload{64, 32, 1 << 30, 1e6, false}
	for range 2 {
		if _, err := r.choose(t.Context(), n.model(1), w); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Count(n.out.String(), "measuring which"); got != 1 {
		t.Errorf("measured %d times, want once:\n%s", got, n.out)
	}
	t.Logf("%s", n.out)
}
