package founding

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/founding/gosource"
	"codeberg.org/althing/althing/training/llama"
	"codeberg.org/althing/althing/training/safetensors"
)

func TestWeightsAreThoseOfTheRecipe(t *testing.T) {
	r := Made()
	if got := training.DigestOf(Weights()); got != r.Weights {
		t.Errorf("digest of the embedded weights: got %v, want %v", got, r.Weights)
	}
	if r.Config != llama.S() {
		t.Errorf("shape: got %+v, want %+v", r.Config, llama.S())
	}
	m, err := Load(Weights(), r.Config)
	if err != nil {
		t.Fatalf("load the embedded weights: %v", err)
	}
	if header := safetensors.Header(tensors(m)); !bytes.HasPrefix(Weights(), header) {
		t.Errorf("the file does not begin with the canonical header of %d bytes", len(header))
	}
	var again bytes.Buffer
	if digest, err := Write(&again, m); err != nil || digest != r.Weights || !bytes.Equal(again.Bytes(), Weights()) {
		t.Errorf("write what was loaded: got %v, %v, want %v", digest, err, r.Weights)
	}
	Weights()[0]++
	if got := training.DigestOf(Weights()); got != r.Weights {
		t.Error("a caller could change the embedded weights")
	}
	for _, want := range []string{r.Weights.Hex(), r.Go, gosource.Licence} {
		if !strings.Contains(Card, want) {
			t.Errorf("the card does not name %q", want)
		}
	}
	if !strings.Contains(TextLicence, "Redistribution and use in source and binary forms") {
		t.Error("the licence of the text is not there")
	}
}

// TestRecipe makes the first steps again where the text is there. Where
// another version of Go is installed, the text must be refused by name.
func TestRecipe(t *testing.T) {
	root, err := gosource.Root()
	if errors.Is(err, gosource.ErrNone) {
		t.Fatalf("the tests run with Go: %v", err)
	}
	c, err := ReadCorpus(root)
	if err != nil {
		t.Fatal(err)
	}
	r := Made()
	if err := c.Check(r); c.Go != r.Go {
		if err == nil || !strings.Contains(err.Error(), r.Go) {
			t.Errorf("check the text of %s: got %v, want a refusal that names %s", c.Go, err, r.Go)
		}
		return
	} else if err != nil {
		t.Fatal(err)
	}
	for _, threads := range []int{1, 3} {
		m, err := Train(t.Context(), r, c, EarlySteps, threads, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Params.Digest(); got != r.Early {
			t.Errorf("after %d steps on %d threads: got %v, want %v", EarlySteps, threads, got, r.Early)
		}
	}
	changed := c
	changed.Files = c.Files[1:]
	if err := changed.Check(r); err == nil || !strings.Contains(err.Error(), r.Go) {
		t.Errorf("check a text without its first file: got %v, want a refusal that names %s", err, r.Go)
	}
}

func TestTrainStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := Made()
	r.Config = llama.Config{Hidden: 8, Layers: 1, Heads: 1, KVHeads: 1, Intermediate: 8, Context: 8, Vocab: 256, NormEps: 1e-5, RopeTheta: 10_000, Tied: true}
	c := Corpus{Files: []gosource.File{{Path: "a.go", Text: strings.Repeat("package a\n", 20)}}}
	if _, err := Train(ctx, r, c, 1, 1, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("train when nobody waits: got %v, want %v", err, context.Canceled)
	}
	said := 0
	if _, err := Train(t.Context(), r, c, 2, 1, func(step int, loss float64, _ *llama.Model) {
		if said++; step != said || !(loss > 0) {
			t.Errorf("progress %d: step %d, loss %v", said, step, loss)
		}
	}); err != nil || said != 2 {
		t.Errorf("train two steps: got %d progress calls, %v", said, err)
	}
}

func TestParseRecipeRefuses(t *testing.T) {
	for _, tt := range []struct{ name, data string }{
		{"no JSON", "{"},
		{"another arithmetic", `{"arithmetic":"arith/0"}`},
		{"no shape", `{"arithmetic":"arith/1"}`},
	} {
		if _, err := ParseRecipe([]byte(tt.data)); err == nil {
			t.Errorf("%s: got no error for %s", tt.name, tt.data)
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	file := Weights()
	if _, err := Load(file[:len(file)-1], llama.S()); !errors.Is(err, safetensors.ErrLength) {
		t.Errorf("load a cut file: got %v, want %v", err, safetensors.ErrLength)
	}
}
