package workers

import (
	"bytes"
	"slices"
	"testing"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/keys"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/blobs"
	"codeberg.org/althing/althing/training/llama"
	"codeberg.org/althing/althing/training/localdata"
	"codeberg.org/althing/althing/training/optim"
	"codeberg.org/althing/althing/training/recipes"
	"codeberg.org/althing/althing/training/robust/attacks"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/training/safetensors"
)

// fleet is twenty members of whom the last four may be hostile, without a
// database: only the arithmetic of their rounds.
type fleet struct {
	t       *testing.T
	blobs   *blobs.Folder
	uploads Uploads
	tensors []safetensors.Tensor
}

const fleetSize, hostile = 20, 4

// honest trains as a member's node does.
func (f *fleet) honest(weights []float32, round, member int) []float32 {
	f.t.Helper()
	m, err := llama.New(tiny)
	if err != nil {
		f.t.Fatal(err)
	}
	copy(m.Params.Data, weights)
	trainer, err := llama.NewTrainer(m, 8, 1)
	if err != nil {
		f.t.Fatal(err)
	}
	adam := optim.New(training.Hyperparams{LearnRate: 0.01, Beta1: 0.9, Beta2: 0.95, Epsilon: 1e-8, ClipNorm: 1}, 1)
	for step := range 4 {
		inputs, targets, err := localdata.NewStream(language(int64(member))).Batch(uint64(1000*round+member), step, 4, 8)
		if err != nil {
			f.t.Fatal(err)
		}
		if _, err := trainer.Step(inputs, targets, adam); err != nil {
			f.t.Fatal(err)
		}
	}
	for i, w := range weights {
		m.Params.Data[i] -= w
	}
	return m.Params.Data
}

// held is the loss on text that nobody trains on, of all three languages.
func (f *fleet) held(weights []float32) float64 {
	f.t.Helper()
	m, err := llama.New(tiny)
	if err != nil {
		f.t.Fatal(err)
	}
	copy(m.Params.Data, weights)
	evaluator, sum := llama.NewEvaluator(m, 1), 0.0
	for n := range int64(3) {
		inputs, targets, err := localdata.NewStream(language(900+n)).Batch(5, 0, 8, 8)
		if err != nil {
			f.t.Fatal(err)
		}
		loss, _, err := evaluator.Loss(inputs, targets, 8)
		if err != nil {
			f.t.Fatal(err)
		}
		sum += loss / 3
	}
	return sum
}

// train runs rounds under a preset and returns the held-out loss. make, if not
// nil, is what the hostile members send instead.
func (f *fleet) train(preset string, begin []float32, attack func(attacks.Scene) [][]float32) float64 {
	f.t.Helper()
	p, _ := recipes.ByKey(preset)
	weights, last := slices.Clone(begin), []float32(nil)
	for round := range 5 {
		base, digest := file(f.t, f.tensors, weights)
		if err := f.blobs.Put(f.t.Context(), digest, int64(len(base)), bytes.NewReader(base)); err != nil {
			f.t.Fatal(err)
		}
		recipe := p.Recipe(5, digest.Hex(), 16)
		in := rounds.Inputs{Base: digest, MaxShare: 500, Recipe: recipe, Wanted: fleetSize, Present: fleetSize}
		var updates [][]float32
		for member := range fleetSize {
			updates = append(updates, f.honest(weights, round, member))
		}
		if attack != nil {
			lies := attack(attacks.Scene{Honest: updates[:fleetSize-hostile], Bad: hostile, Previous: last, Seed: uint64(round)})
			copy(updates[fleetSize-hostile:], lies)
		}
		for i, u := range updates {
			data, name := file(f.t, f.tensors, u)
			owner := governance.MemberID(i + 1)
			if _, err := f.uploads.Check(rounds.Slot{Recipe: recipe}, data[:len(data)-4*len(u)], len(u), bytes.NewReader(data)); err != nil {
				if attack == nil || !governance.Is(err, governance.Invalid) {
					f.t.Fatal(err)
				}
				continue // refused at the door
			}
			sealed, err := f.uploads.seal(f.t.Context(), owner, rounds.Incoming{Name: name, Size: int64(len(data))}, bytes.NewReader(data))
			if err != nil {
				f.t.Fatal(err)
			}
			in.Updates = append(in.Updates, rounds.Update{Node: governance.NodeID(i + 1), Owner: owner, Digest: name, Sealed: sealed, Examples: 1000})
		}
		mean, err := ComputeMean(f.t.Context(), f.blobs, f.uploads.Keys, in)
		if err != nil {
			f.t.Fatal(err)
		}
		last = make([]float32, len(weights))
		for i, w := range mean.weights {
			last[i] = w - weights[i]
		}
		weights = mean.weights
	}
	return f.held(weights)
}

// Under “hostile weather” four of twenty hostile members cost at most 2 % of
// the held-out loss, whatever they send; the plain mean does not bear them.
func TestHostileWeatherBearsEveryAttack(t *testing.T) {
	t.Parallel()
	m, err := llama.Init(tiny, 7)
	if err != nil {
		t.Fatal(err)
	}
	folder, err := blobs.OpenFolder(t.TempDir(), blobs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { folder.Close() })
	ring, err := keys.Open(t.TempDir(), "althing.test/log")
	if err != nil {
		t.Fatal(err)
	}
	f := &fleet{t: t, blobs: folder, uploads: Uploads{Blobs: folder, Keys: ring, Dir: t.TempDir()}}
	for _, s := range m.Params.Specs() {
		f.tensors = append(f.tensors, safetensors.Tensor{Name: s.Name, Shape: s.Shape, DType: safetensors.F32})
	}
	begin := f.held(m.Params.Data)
	clean := f.train("hostile-weather", m.Params.Data, nil)
	if clean > begin-0.5 {
		t.Fatalf("without attackers the loss falls from %.4f to %.4f only: the comparison says nothing", begin, clean)
	}
	for _, a := range attacks.All() {
		got := f.train("hostile-weather", m.Params.Data, a.Craft)
		t.Logf("%-24s held-out loss %.4f, clean %.4f, %+.2f %%", a.Name, got, clean, 100*(got/clean-1))
		if !(got <= clean*1.02) {
			t.Errorf("%s: held-out loss %.4f, more than 2 %% above %.4f", a.Name, got, clean)
		}
	}
	if plain := f.train("small-steady", m.Params.Data, func(s attacks.Scene) [][]float32 { return attacks.Scaled(s, -100) }); plain < clean*1.02 {
		t.Errorf("the plain mean bears hundredfold lies with loss %.4f: the attacks of this test are too weak", plain)
	}
}
