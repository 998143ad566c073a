package complete_test

import (
	"bytes"
	"context"
	"sync"
	"testing"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/audit/audittest"
	"codeberg.org/althing/althing/handlers/complete"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/blobs"
	"codeberg.org/althing/althing/training/llama"
	"codeberg.org/althing/althing/training/models"
	"codeberg.org/althing/althing/training/safetensors"
)

// tiny is a model of a few thousand parameters with random weights.
func tiny(t *testing.T, files blobs.Store, seed uint64) models.Founding {
	t.Helper()
	m, err := llama.Init(llama.Config{
		Vocab: 256, Hidden: 16, Layers: 1, Heads: 2, KVHeads: 2, Intermediate: 32, Context: 16, RopeTheta: 10000, NormEps: 1e-5, Tied: true,
	}, seed)
	if err != nil {
		t.Fatal(err)
	}
	var list []safetensors.Tensor
	for _, s := range m.Params.Specs() {
		list = append(list, safetensors.Tensor{Name: s.Name, Shape: s.Shape, DType: safetensors.F32})
	}
	var file bytes.Buffer
	digest, err := safetensors.Write(&file, list, m.Params.Data)
	if err != nil {
		t.Fatal(err)
	}
	size := int64(file.Len())
	if err := files.Put(t.Context(), digest, size, &file); err != nil {
		t.Fatal(err)
	}
	config, err := llama.MarshalConfig(m.Config)
	if err != nil {
		t.Fatal(err)
	}
	return models.Founding{
		Name: "Skald", Weights: digest, Size: size, Config: string(config), Tokenizer: training.DigestOf([]byte("tokenizer")),
		Licence: "bsd-3-clause", Card: "# Skald\n",
	}
}

func TestComplete(t *testing.T) {
	t.Parallel()
	b := audittest.New(t)
	files, err := blobs.OpenFolder(t.TempDir(), blobs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	store := models.New(b.Trail, b.Pool)
	c := complete.New(store, files, b.Now)
	ask := complete.Request{Prompt: "Um kvøldið settist hon við", Tokens: 40}
	if _, err := c.Complete(t.Context(), ask); !governance.Is(err, governance.NotFound) {
		t.Fatalf("without a version: got %v, want NotFound", err)
	}
	f := tiny(t, files, 7)
	if _, err := store.ImportFounding(t.Context(), governance.Job("found"), f); err != nil {
		t.Fatal(err)
	}
	greedy, err := c.Complete(t.Context(), ask)
	if err != nil {
		t.Fatal(err)
	}
	if greedy.Tokens < 1 || greedy.Version.Name != "Skald" {
		t.Fatalf("got %d tokens of %q, want some of Skald", greedy.Tokens, greedy.Version.Name)
	}

	// greedy takes no seed, sampling repeats with its seed, and another process gives the same
	ask.Seed = 9
	other := complete.New(store, files, b.Now)
	if again, err := other.Complete(t.Context(), ask); err != nil || again.Text != greedy.Text {
		t.Errorf("greedy again: got %q, %v, want %q", again.Text, err, greedy.Text)
	}
	ask.Temperature = 1.5
	first, err := c.Complete(t.Context(), ask)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if same, err := c.Complete(t.Context(), ask); err != nil || same.Text != first.Text {
				t.Errorf("seed 9 again: got %q, %v, want %q", same.Text, err, first.Text)
			}
		})
	}
	group.Wait()
	ask.Seed = 10
	if another, err := c.Complete(t.Context(), ask); err != nil || another.Text == first.Text {
		t.Errorf("seed 10 gives the text of seed 9: %q, %v", another.Text, err)
	}

	// what is withdrawn answers nothing, though its weights are in memory
	_, err = b.Trail.Act(t.Context(), governance.Job("test"), func(ctx context.Context, tx *audit.Tx) (audit.Event, error) {
		if _, err := models.Taint(ctx, tx, 1, []training.Digest{f.Weights}); err != nil {
			return nil, err
		}
		_, err := models.WithdrawTainted(ctx, tx, "unlearning case 1")
		return withdrawn{}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Complete(t.Context(), ask); !governance.Is(err, governance.NotFound) {
		t.Errorf("after the withdrawal: got %v, want NotFound", err)
	}
}

type withdrawn struct{}

func (withdrawn) Kind() string            { return "test.withdrawn" }
func (withdrawn) Subject() governance.Ref { return "version/1" }
func (withdrawn) Sentence() audit.Sentence {
	return audit.Say("withdrew ", governance.Ref("version/1"))
}

var _ = audit.Register[withdrawn]()

func TestCheck(t *testing.T) {
	t.Parallel()
	good := complete.Request{Prompt: "a", Tokens: 1}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		spoil func(*complete.Request)
	}{
		{"no prompt", func(r *complete.Request) { r.Prompt = "" }},
		{"zero byte", func(r *complete.Request) { r.Prompt = "a\x00b" }},
		{"long", func(r *complete.Request) { r.Prompt = string(make([]byte, complete.MaxPrompt+1)) }},
		{"no tokens", func(r *complete.Request) { r.Tokens = 0 }},
		{"many tokens", func(r *complete.Request) { r.Tokens = complete.MaxTokens + 1 }},
		{"cold", func(r *complete.Request) { r.Temperature = -1 }},
		{"hot", func(r *complete.Request) { r.Temperature = 2.5 }},
		{"negative seed", func(r *complete.Request) { r.Seed = -1 }},
	} {
		r := good
		tt.spoil(&r)
		if err := r.Check(); !governance.Is(err, governance.Invalid) {
			t.Errorf("%s: got %v, want Invalid", tt.name, err)
		}
	}
}
