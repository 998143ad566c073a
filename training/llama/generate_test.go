package llama

import (
	"math"
	"slices"
	"testing"
)

func TestDecoderEqualsForwardBitForBit(t *testing.T) {
	for _, tied := range []bool{true, false} {
		m := wide(t, tiny(tied))
		tokens, _ := sample(11, m.Config.Context, m.Config.Vocab)
		want, err := NewEvaluator(m, 1).Logits(tokens, len(tokens))
		if err != nil {
			t.Fatal(err)
		}
		d := NewGenerator(m).Decoder()
		for i, token := range tokens {
			got, err := d.Next(token)
			if err != nil {
				t.Fatal(err)
			}
			for j, v := range want.Row(i) {
				if math.Float32bits(got[j]) != math.Float32bits(v) {
					t.Fatalf("tied %v: logit %d after token %d is %g, the forward pass says %g", tied, j, i, got[j], v)
				}
			}
		}
		if _, err := d.Next(0); err == nil {
			t.Error("Next went beyond the context")
		}
		d.Reset()
		if _, err := d.Next(int32(m.Config.Vocab)); err == nil {
			t.Error("Next took a token outside the vocabulary")
		}
	}
}

func take(t *testing.T, g *Generator, prompt []int32, s Sampling, n int) (out []int32) {
	t.Helper()
	seq, err := g.Generate(prompt, s)
	if err != nil {
		t.Fatal(err)
	}
	for token := range seq {
		if out = append(out, token); len(out) == n {
			break
		}
	}
	return out
}

func TestGenerate(t *testing.T) {
	m := wide(t, tiny(true))
	g := NewGenerator(m)
	long, _ := sample(12, 100, m.Config.Vocab)
	prompt := long[:7]

	greedy := take(t, g, prompt, Sampling{}, 5)
	text := slices.Clone(prompt)
	for i, got := range greedy {
		logits, err := NewEvaluator(m, 1).Logits(text, len(text))
		if err != nil {
			t.Fatal(err)
		}
		last := logits.Row(len(text) - 1)
		if want := slices.Index(last, slices.Max(last)); int(got) != want {
			t.Errorf("greedy token %d is %d, want %d", i, got, want)
		}
		text = append(text, got)
	}
	if got := take(t, g, prompt, Sampling{Temperature: 3, TopK: 1, Seed: 4}, 5); !slices.Equal(got, greedy) {
		t.Errorf("the top 1 is %v, want the greedy text %v", got, greedy)
	}
	a, b := take(t, g, prompt, Sampling{Temperature: 1, Seed: 4}, 60), take(t, g, prompt, Sampling{Temperature: 1, Seed: 5}, 60)
	if again := take(t, g, prompt, Sampling{Temperature: 1, Seed: 4}, 60); !slices.Equal(a, again) {
		t.Errorf("seed 4 gave %v and %v", a, again)
	}
	if slices.Equal(a, b) {
		t.Errorf("seeds 4 and 5 gave the same %v", a)
	}
	if got, want := take(t, g, long, Sampling{}, 9), take(t, g, long[60:], Sampling{}, 9); !slices.Equal(got, want) {
		t.Errorf("a long prompt gives %v, its last 40 tokens %v", got, want)
	}
	for _, bad := range []struct {
		prompt []int32
		s      Sampling
	}{{nil, Sampling{}}, {[]int32{11}, Sampling{}}, {[]int32{-1}, Sampling{}}, {prompt, Sampling{Temperature: -1}}, {prompt, Sampling{Temperature: 1e-40}}, {prompt, Sampling{TopK: -1}}, {prompt, Sampling{Temperature: math.NaN()}}} {
		if _, err := g.Generate(bad.prompt, bad.s); err == nil {
			t.Errorf("Generate(%v, %+v) was not refused", bad.prompt, bad.s)
		}
	}
}

// TestSampleFrequencies draws 40,000 tokens from three known probabilities;
// 0.012 is five standard deviations of the rarest.
func TestSampleFrequencies(t *testing.T) {
	logits := []float32{float32(2 * math.Log(0.2)), -90, float32(2 * math.Log(0.5)), float32(2 * math.Log(0.3))}
	c := chooser{Sampling: Sampling{Temperature: 2, TopK: 3}, src: 1}
	count := map[int32]float64{}
	for range 40_000 {
		count[c.choose(logits)] += 1.0 / 40_000
	}
	for token, want := range map[int32]float64{0: 0.2, 1: 0, 2: 0.5, 3: 0.3} {
		if math.Abs(count[token]-want) > 0.012 {
			t.Errorf("token %d was drawn with frequency %.3f, want %.3f", token, count[token], want)
		}
	}
}

func BenchmarkNext(b *testing.B) {
	m, err := Init(S(), 1)
	if err != nil {
		b.Fatal(err)
	}
	d := NewGenerator(m).Decoder()
	for b.Loop() {
		if d.Len() == m.Config.Context {
			d.Reset()
		}
		if _, err := d.Next(65); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
}
