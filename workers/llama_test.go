package workers

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/llama"
	"codeberg.org/althing/althing/training/localdata"
	"codeberg.org/althing/althing/training/optim"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/safetensors"
	"codeberg.org/althing/althing/training/unlearning"
)

// tiny is a model that trains in milliseconds.
var tiny = llama.Config{Hidden: 16, Layers: 1, Heads: 2, KVHeads: 2, Intermediate: 32, Context: 16, Vocab: 256, NormEps: 1e-5, RopeTheta: 10_000, Tied: true}

// language gives each member a text of their own.
func language(node int64) []localdata.Record {
	words := []string{"and so they came to the thing", "the law speaker rose and spoke", "three winters without a king"}
	text := strings.Repeat(words[node%3]+" "+strconv.FormatInt(node, 10)+". ", 12)
	return []localdata.Record{{Text: text}}
}

// llamaSite is a community whose nodes really train.
func llamaSite(t *testing.T, owners ...governance.MemberID) *site {
	t.Helper()
	m, err := llama.Init(tiny, 7)
	if err != nil {
		t.Fatal(err)
	}
	var tensors []safetensors.Tensor
	for _, s := range m.Params.Specs() {
		tensors = append(tensors, safetensors.Tensor{Name: s.Name, Shape: s.Shape, DType: safetensors.F32})
	}
	s := newSiteFrom(t, tensors, m.Params.Data, owners...)
	model := func(weights training.Digest) *llama.Model {
		m, err := llama.New(tiny)
		if err != nil {
			t.Fatal(err)
		}
		copy(m.Params.Data, s.weights(weights))
		return m
	}
	s.update = func(a protocol.Assignment) []float32 { return s.trainOn(a, language(a.Node)) }
	s.trainOn = func(a protocol.Assignment, records []localdata.Record) []float32 {
		m := model(a.Base)
		before := m.Params.Clone()
		trainer, err := llama.NewTrainer(m, 8, 1)
		if err != nil {
			t.Fatal(err)
		}
		adam := optim.New(training.Hyperparams{LearnRate: 0.01, Beta1: 0.9, Beta2: 0.95, Epsilon: 1e-8, ClipNorm: 1}, 1)
		for step := range 4 {
			inputs, targets, err := localdata.NewStream(records).Batch(a.Seed, step, 4, 8)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := trainer.Step(inputs, targets, adam); err != nil {
				t.Fatal(err)
			}
		}
		m.Params.AddScaled(-1, before)
		return m.Params.Data
	}
	s.loss = func(weights training.Digest) float64 {
		evaluator, sum := llama.NewEvaluator(model(weights), 1), 0.0
		for _, n := range s.nodes[:2] {
			inputs, targets, err := localdata.NewStream(language(int64(n))).Batch(99, 0, 4, 8)
			if err != nil {
				t.Fatal(err)
			}
			loss, _, err := evaluator.Loss(inputs, targets, 8)
			if err != nil {
				t.Fatal(err)
			}
			sum += loss / 2
		}
		return sum
	}
	return s
}

// Three members really train a model; the loss falls; one of them is
// forgotten, and the weights are bit for bit those of a training in which the
// text never was.
func TestLlamaLearnsAndForgets(t *testing.T) {
	t.Parallel()
	s := llamaSite(t, 1, 2, 3)
	cases := newCases(s)
	s.work(Rounds(s.Training), Unlearning(s.Training, cases))
	campaign := s.train(3)
	all, err := s.Training.Rounds.Rounds(t.Context(), campaign.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		if r.State != "accepted" || !(number(t, r.LossAfter) < number(t, r.LossBefore)) {
			t.Errorf("round %d: %s, loss %s after %s, want accepted and lower", r.Number, r.State, r.LossAfter, r.LossBefore)
		}
	}
	want := s.never(campaign.ID, 3, 1)
	c := s.forget(cases, campaign.ID, 3, unlearning.Closed)
	if c.Result != want {
		t.Errorf("unlearned weights: got %s, want %s, those of a training without member 3", c.Result, want)
	}
	if c.Result == campaign.Head || s.never(campaign.ID, 99, 1) == want {
		t.Errorf("leaving member 3 out changed nothing: the comparison says nothing")
	}
}

func number(t *testing.T, text string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(fmt.Errorf("figure: %w", err))
	}
	return v
}
