package lora

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/llama"
	"codeberg.org/althing/althing/training/optim"
	"codeberg.org/althing/althing/training/safetensors"
)

// put keeps files in a folder.
func put(dir string) safetensors.Put {
	return func(name string, write func(io.Writer) error) error {
		var out bytes.Buffer
		if err := write(&out); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, name), out.Bytes(), 0o600)
	}
}

func base(t testing.TB) *llama.Model {
	t.Helper()
	m, err := llama.Init(llama.Config{Hidden: 16, Layers: 2, Heads: 4, KVHeads: 2, Intermediate: 24, Context: 32,
		Vocab: 256, NormEps: 1e-5, RopeTheta: 10_000, Tied: true}, 7)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func batch(text string, rows, time int) (tokens, targets []int32) {
	for i := range rows * time {
		tokens = append(tokens, int32(text[i%len(text)]))
		targets = append(targets, int32(text[(i+1)%len(text)]))
	}
	return tokens, targets
}

func recipe() training.Hyperparams {
	return training.Hyperparams{LearnRate: 2e-2, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, ClipNorm: 1}
}

// trained returns an adapter after steps steps on a text, and its losses.
func trained(t testing.TB, m *llama.Model, c Config, text string, steps, threads int) (*Adapter, []float64) {
	t.Helper()
	a, err := New(m, c, 3)
	if err != nil {
		t.Fatal(err)
	}
	tr, err := NewTrainer(m, a, 32, threads)
	if err != nil {
		t.Fatal(err)
	}
	tokens, targets := batch(text, 4, 32)
	o := optim.New(recipe(), threads)
	var losses []float64
	for range steps {
		loss, err := tr.Step(tokens, targets, o)
		if err != nil {
			t.Fatal(err)
		}
		losses = append(losses, loss)
	}
	return a, losses
}

// TestTrainingChangesTheAdapterOnly asks for a small gain: the base is untrained
// and its output matrix, which is frozen, is nearly zero.
func TestTrainingChangesTheAdapterOnly(t *testing.T) {
	for _, freeze := range []bool{false, true} {
		m := base(t)
		before := m.Params.Digest()
		c := Config{Rank: 4, Alpha: 8, Targets: All(), FreezeA: freeze}
		a, losses := trained(t, m, c, "the law shall be made by those who live under it. ", 40, 1)
		if first, last := losses[0], losses[39]; last > first-0.1 {
			t.Errorf("freeze %v: loss %.3f, then %.3f", freeze, first, last)
		}
		if m.Params.Digest() != before || a.Base != before {
			t.Errorf("freeze %v: the base changed, or the adapter names another", freeze)
		}
		again, _ := trained(t, m, c, "the law shall be made by those who live under it. ", 40, 3)
		if again.Params.Digest() != a.Params.Digest() {
			t.Errorf("freeze %v: three threads give other bits than one", freeze)
		}
		fresh, err := New(m, c, 3)
		if err != nil {
			t.Fatal(err)
		}
		same := slices.Equal(fresh.part(0, llama.Query, "A").Data, a.part(0, llama.Query, "A").Data)
		if same != freeze {
			t.Errorf("freeze %v: A is as it was drawn: %v", freeze, same)
		}
	}
}

// TestMergedIsKept: W + scale·B·A rounds otherwise than two products, so the
// losses agree to a few units of binary32, not in bits.
func TestMergedIsKept(t *testing.T) {
	m := base(t)
	a, _ := trained(t, m, Config{Rank: 3, Alpha: 6, Targets: []llama.Projection{llama.Query, llama.Value, llama.Down}}, "to be or not to be, ", 20, 1)
	merged, err := a.Merge(m)
	if err != nil {
		t.Fatal(err)
	}
	tokens, targets := batch("to be or not to be, ", 4, 32)
	want, _, err := llama.NewEvaluator(merged, 1).Loss(tokens, targets, 32)
	if err != nil {
		t.Fatal(err)
	}
	tr, err := NewTrainer(m, a, 32, 1)
	if err != nil {
		t.Fatal(err)
	}
	got, err := tr.Gradient(tokens, targets)
	if err != nil {
		t.Fatal(err)
	}
	plain, _, err := llama.NewEvaluator(m, 1).Loss(tokens, targets, 32)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(got-want) > 1e-5 || math.Abs(plain-want) < 0.1 {
		t.Errorf("loss kept %.7f, merged %.7f, of the base %.7f", got, want, plain)
	}
}

// TestFrozenAAverages: of three nodes' adapters with one A, the merged average
// is the average of the merged; with an A of each node's own it is not.
func TestFrozenAAverages(t *testing.T) {
	m := base(t)
	for _, freeze := range []bool{true, false} {
		mean, sum := (*Adapter)(nil), m.Params.Zeros()
		for k, text := range []string{"aaab", "the cat ", "0123456789"} {
			a, _ := trained(t, m, Config{Rank: 2, Alpha: 2, Targets: All(), FreezeA: freeze}, text, 10, 1)
			merged, err := a.Merge(m)
			if err != nil {
				t.Fatal(err)
			}
			sum.AddScaled(1.0/3, merged.Params)
			if k == 0 {
				mean = a
				for i := range a.Params.Data {
					a.Params.Data[i] /= 3
				}
				continue
			}
			mean.Params.AddScaled(1.0/3, a.Params)
		}
		merged, err := mean.Merge(m)
		if err != nil {
			t.Fatal(err)
		}
		sum.AddScaled(-1, merged.Params)
		if gap := sum.Norm(); freeze && gap > 1e-5 || !freeze && gap < 1e-2 {
			t.Errorf("freeze %v: the average of the adapters is %g away from the average of the models", freeze, gap)
		}
	}
}

func TestSaveAndLoad(t *testing.T) {
	m := base(t)
	for _, freeze := range []bool{false, true} {
		a, _ := trained(t, m, Config{Rank: 2, Alpha: 5, Targets: All(), FreezeA: freeze}, "abc", 3, 1)
		dir := t.TempDir()
		if err := a.Save(put(dir)); err != nil {
			t.Fatal(err)
		}
		got, err := Load(os.DirFS(dir), m.Config)
		if err != nil {
			t.Fatal(err)
		}
		one, err := a.Merge(m)
		if err != nil {
			t.Fatal(err)
		}
		two, err := got.Merge(m)
		if err != nil {
			t.Fatal(err)
		}
		if one.Params.Digest() != two.Params.Digest() || got.Base != a.Base || got.Config.FreezeA != freeze {
			t.Errorf("freeze %v: loaded %+v of %v", freeze, got.Config, got.Base)
		}
	}
}

// TestFilesAreThoseOfPEFT names keys and tensors as PEFT 0.10 writes them.
func TestFilesAreThoseOfPEFT(t *testing.T) {
	a, err := New(base(t), Config{Rank: 2, Alpha: 4, Targets: []llama.Projection{llama.Query, llama.Up}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := a.Save(put(dir)); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, ConfigFile))
	if err != nil {
		t.Fatal(err)
	}
	var config map[string]any
	if err := json.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	if config["peft_type"] != "LORA" || config["r"] != 2.0 || config["lora_alpha"] != 4.0 || config["bias"] != "none" ||
		!slices.Equal(config["target_modules"].([]any), []any{"q_proj", "up_proj"}) {
		t.Errorf("adapter_config.json is %s", text)
	}
	data, err := os.ReadFile(filepath.Join(dir, WeightsFile))
	if err != nil {
		t.Fatal(err)
	}
	tensors, err := safetensors.Read(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]int{}
	for _, v := range tensors {
		got[v.Name] = v.Shape
	}
	for name, shape := range map[string][]int{
		"base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight": {2, 16},
		"base_model.model.model.layers.1.self_attn.q_proj.lora_B.weight": {16, 2},
		"base_model.model.model.layers.1.mlp.up_proj.lora_A.weight":      {2, 16},
		"base_model.model.model.layers.0.mlp.up_proj.lora_B.weight":      {24, 2},
	} {
		if !slices.Equal(got[name], shape) {
			t.Errorf("%s has shape %v, want %v", name, got[name], shape)
		}
	}
	if len(got) != 8 {
		t.Errorf("%d tensors, want 8", len(got))
	}
}

func TestLoadRefuses(t *testing.T) {
	m := base(t)
	a, err := New(m, Config{Rank: 2, Alpha: 4, Targets: All()}, 1)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := a.Save(put(dir)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, ConfigFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ old, new string }{
		{"{", "["}, {`"LORA"`, `"IA3"`}, {`"CAUSAL_LM"`, `"SEQ_CLS"`}, {`"r": 2`, `"r": 0`}, {`"r": 2`, `"r": 3`}, {`"r": 2`, `"r": 9999`},
		{`"lora_alpha": 4`, `"lora_alpha": 0`}, {`"bias": "none"`, `"bias": "all"`}, {`"use_rslora": false`, `"use_rslora": true`},
		{`"use_dora": false`, `"use_dora": true`}, {`"rank_pattern": {}`, `"rank_pattern": {"q_proj": 4}`},
		{`"layers_to_transform": null`, `"layers_to_transform": [0]`}, {`"modules_to_save": null`, `"modules_to_save": ["lm_head"]`},
		{`"q_proj"`, `"lm_head"`}, {`"q_proj"`, `"k_proj"`}, {`"use_dora"`, `"lora_bias": true, "use_dora"`},
		{`{`, `{` + strings.Repeat(" ", maxConfig)},
	} {
		changed := strings.Replace(string(text), tt.old, tt.new, 1)
		if changed == string(text) {
			t.Fatalf("adapter_config.json has no %s:\n%s", tt.old, text)
		}
		if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(os.DirFS(dir), m.Config); err == nil {
			t.Errorf("with %.60s Load took it", tt.new)
		}
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	other := m.Config
	other.Layers = 1
	if _, err := Load(os.DirFS(dir), other); err == nil {
		t.Error("Load took an adapter of another shape")
	}
	a.Params.Data[0] = float32(math.NaN())
	if err := a.Save(put(dir)); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(os.DirFS(dir), m.Config); err == nil {
		t.Error("Load took what is not a number")
	}
	if err := os.Remove(filepath.Join(dir, WeightsFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(os.DirFS(dir), m.Config); err == nil {
		t.Error("Load took a folder without weights")
	}
}

func TestAnotherShapeIsRefused(t *testing.T) {
	m := base(t)
	for _, freeze := range []bool{false, true} {
		a, err := New(m, Config{Rank: 2, Alpha: 4, Targets: []llama.Projection{llama.Output}, FreezeA: freeze}, 1)
		if err != nil {
			t.Fatal(err)
		}
		shape := m.Config
		shape.Layers = 3
		other, err := llama.New(shape)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Merge(other); err == nil {
			t.Error("Merge took a model of three layers")
		}
		if _, err := NewTrainer(other, a, 8, 1); err == nil {
			t.Error("NewTrainer took a model of three layers")
		}
	}
	for _, c := range []Config{{}, {Rank: 1, Alpha: 1}, {Rank: -1, Alpha: 1, Targets: All()}, {Rank: 1, Alpha: math.NaN(), Targets: All()},
		{Rank: 1, Alpha: 1, Targets: []llama.Projection{llama.Value, llama.Query}}, {Rank: 1, Alpha: 1, Targets: []llama.Projection{llama.Projections}}} {
		if _, err := New(m, c, 1); err == nil {
			t.Errorf("New(%+v) was not refused", c)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"peft_type":"LORA","task_type":"CAUSAL_LM","r":8,"lora_alpha":16,"target_modules":["q_proj"],"bias":"none"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, _, err := parse(data); err == nil && c.Check() != nil {
			t.Fatalf("parse took %+v", c)
		}
	})
}

// BenchmarkStep compares a step of an adapter of rank 8 with one of the whole
// model, on one thread.
func BenchmarkStep(b *testing.B) {
	for _, shape := range []struct {
		name string
		llama.Config
	}{{"S", llama.S()}, {"B", llama.B()}} {
		m, err := llama.Init(shape.Config, 1)
		if err != nil {
			b.Fatal(err)
		}
		r := rand.New(rand.NewPCG(1, 1))
		tokens, targets := make([]int32, 2048), make([]int32, 2048)
		for i := range tokens {
			tokens[i], targets[i] = int32(r.IntN(256)), int32(r.IntN(256))
		}
		run := func(name string, step func([]int32, []int32, llama.Optimiser) (float64, error)) {
			b.Run(shape.name+"/"+name, func(b *testing.B) {
				o := optim.New(recipe(), 1)
				for b.Loop() {
					if _, err := step(tokens, targets, o); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(2048*float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
			})
		}
		a, err := New(m, Config{Rank: 8, Alpha: 16, Targets: All()}, 1)
		if err != nil {
			b.Fatal(err)
		}
		adapter, err := NewTrainer(m, a, shape.Context, 1)
		if err != nil {
			b.Fatal(err)
		}
		full, err := llama.NewTrainer(m, shape.Context, 1)
		if err != nil {
			b.Fatal(err)
		}
		run("adapter", adapter.Step)
		run("whole", full.Step)
		run("adapter-again", adapter.Step)
		run("whole-again", full.Step)
	}
}
