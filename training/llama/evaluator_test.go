package llama

import (
	"math"
	"testing"

	"codeberg.org/althing/althing/training/tensor"
)

func TestEvaluatorEqualsTrainer(t *testing.T) {
	m := wide(t, tiny(true))
	e := NewEvaluator(m, 2)
	for _, time := range []int{37, 5, 40} { // buffers grow and shrink
		tokens, targets := sample(13, 3*time, m.Config.Vocab)
		tr, err := NewTrainer(m, time, 1)
		if err != nil {
			t.Fatal(err)
		}
		want, err := tr.Gradient(tokens, targets)
		if err != nil {
			t.Fatal(err)
		}
		got, count, err := e.Loss(tokens, targets, time)
		if err != nil {
			t.Fatal(err)
		}
		sum, n := 0.0, 0
		for i, v := range e.nll {
			if sum += float64(v); targets[i] != Ignore {
				n++
			} else if v != 0 {
				t.Errorf("an ignored position has the loss %g", v)
			}
		}
		if got != want || count != n || got != sum/float64(n) {
			t.Errorf("sequences of %d: loss %.9g over %d, want %.9g over %d", time, got, count, want, n)
		}
	}
}

// TestBackwardTakesAnyObjective: the gradient of the negated loss is the
// negated gradient, bit for bit, and zero has no gradient.
func TestBackwardTakesAnyObjective(t *testing.T) {
	m := wide(t, tiny(false))
	tokens, targets := sample(14, 2*33, m.Config.Vocab)
	tr, err := NewTrainer(m, 33, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tr.Gradient(tokens, targets); err != nil {
		t.Fatal(err)
	}
	want := tr.Grad.Clone()
	for _, sign := range []float32{-1, 0} {
		logits, err := tr.Forward(tokens)
		if err != nil {
			t.Fatal(err)
		}
		count, _ := checkTargets(targets, len(tokens), m.Config.Vocab)
		crossEntropy(tr.team, logits, targets, tr.nll, sign/float32(count))
		tr.Backward(logits)
		for i, g := range tr.Grad.Data {
			if g != sign*want.Data[i] {
				t.Fatalf("objective times %g: gradient %d is %g, want %g", sign, i, g, sign*want.Data[i])
			}
		}
	}
}

func TestBadTokensAreRefused(t *testing.T) {
	m := wide(t, tiny(true))
	tr, err := NewTrainer(m, 5, 1)
	if err != nil {
		t.Fatal(err)
	}
	good := []int32{1, 2, 3, 4, 5}
	for _, tt := range []struct {
		name            string
		tokens, targets []int32
	}{
		{"none", nil, nil}, {"no whole sequence", good[:4], good[:4]}, {"too few targets", good, good[:4]},
		{"token too large", []int32{1, 2, 3, 4, 11}, good}, {"token negative", []int32{1, 2, 3, 4, -1}, good},
		{"target too large", good, []int32{1, 2, 3, 4, 11}},
	} {
		if _, err := tr.Gradient(tt.tokens, tt.targets); err == nil {
			t.Errorf("%s: Gradient was not refused", tt.name)
		}
	}
	for _, time := range []int{0, 41} {
		if _, err := NewTrainer(m, time, 1); err == nil {
			t.Errorf("NewTrainer took sequences of %d", time)
		}
	}
}

func TestConfigRefusesImpossibleShapes(t *testing.T) {
	for _, change := range []func(*Config){
		func(c *Config) { c.Hidden = 0 }, func(c *Config) { c.Heads = 3 }, func(c *Config) { c.Heads, c.KVHeads = 128, 128 },
		func(c *Config) { c.KVHeads = 3 }, func(c *Config) { c.NormEps = 0 }, func(c *Config) { c.RopeTheta = math.NaN() },
		func(c *Config) { c.Vocab = 1 << 30 }, func(c *Config) { c.Context = -1 }, func(c *Config) { c.Layers = 1 << 20 },
	} {
		c := S()
		change(&c)
		if _, err := New(c); err == nil {
			t.Errorf("New(%+v) was not refused", c)
		}
	}
	m, err := New(S())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := With(tiny(true), m.Params); err == nil {
		t.Error("With took parameters of another shape")
	}
	if same, err := With(S(), m.Params); err != nil || same.Params != m.Params {
		t.Errorf("With: %v", err)
	}
}

// TestInitIsNormal: gains are 1; 98,304 and more weights have the stated
// deviation within 1 %.
func TestInitIsNormal(t *testing.T) {
	m, err := Init(S(), 7)
	if err != nil {
		t.Fatal(err)
	}
	deviation := func(name string) float64 {
		v := m.Params.Vector(name)
		return tensor.Norm(v) / math.Sqrt(float64(len(v)))
	}
	if got := deviation("model.layers.1.mlp.up_proj.weight"); math.Abs(got/0.02-1) > 0.01 {
		t.Errorf("up_proj has deviation %g, want 0.02", got)
	}
	if got, want := deviation("model.layers.1.mlp.down_proj.weight"), 0.02/math.Sqrt(8); math.Abs(got/want-1) > 0.01 {
		t.Errorf("down_proj has deviation %g, want %g", got, want)
	}
	for _, g := range m.Params.Vector("model.norm.weight") {
		if g != 1 {
			t.Errorf("a gain is %g, want 1", g)
		}
	}
	other, err := Init(S(), 8)
	if err != nil {
		t.Fatal(err)
	}
	if other.Params.Digest() == m.Params.Digest() {
		t.Error("seeds 7 and 8 gave the same weights")
	}
	if got, want := m.Params.Digest().Hex(), "ba4dcb2cc6e256d34a6a8242b6eb4a2e4f7551b18d1de0146b362e47a1b12e0f"; got != want {
		t.Errorf("seed 7 gives %s, want %s", got, want)
	}
}
