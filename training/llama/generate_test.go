package llama

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"codeberg.org/althing/althing/training/tensor"
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
	}{{nil, Sampling{}}, {[]int32{11}, Sampling{}}, {[]int32{-1}, Sampling{}}, {prompt, Sampling{Temperature: -1}}, {prompt, Sampling{Temperature: 1e-40}}, {prompt, Sampling{TopK: -1}}, {prompt, Sampling{Temperature: math.NaN()}},
		{prompt, Sampling{Temperature: 1, TopP: -0.1}}, {prompt, Sampling{Temperature: 1, TopP: 1.1}}, {prompt, Sampling{Temperature: 1, TopP: math.NaN()}}} {
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

// TestNucleus: of 0.5, 0.3 and 0.2 the nucleus of 0.75 is the first two, drawn
// as 5 to 3; 0.012 is five standard deviations.
func TestNucleus(t *testing.T) {
	logits := []float32{float32(math.Log(0.2)), float32(math.Log(0.5)), float32(math.Log(0.3))}
	for _, tt := range []struct {
		s    Sampling
		want map[int32]float64
	}{
		{Sampling{Temperature: 1, TopP: 0.75}, map[int32]float64{1: 0.625, 2: 0.375}},
		{Sampling{Temperature: 1, TopP: 0.4}, map[int32]float64{1: 1}},
		{Sampling{Temperature: 1, TopP: 1}, map[int32]float64{0: 0.2, 1: 0.5, 2: 0.3}},
		{Sampling{Temperature: 1, TopK: 2, TopP: 0.7}, map[int32]float64{1: 0.625, 2: 0.375}},
		{Sampling{Temperature: 1, TopK: 2, TopP: 0.6}, map[int32]float64{1: 1}},
	} {
		c := chooser{Sampling: tt.s, src: 7}
		count := map[int32]float64{}
		for range 40_000 {
			count[c.choose(logits)] += 1.0 / 40_000
		}
		for token := range int32(3) {
			if math.Abs(count[token]-tt.want[token]) > 0.012 {
				t.Errorf("%+v: token %d was drawn with frequency %.3f, want %.3f", tt.s, token, count[token], tt.want[token])
			}
		}
	}
}

// TestOrderIsTheSortedOrder compares both ways of finding the best with a plain
// stable sort.
func TestOrderIsTheSortedOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	logits := make([]float32, 1000)
	for i := range logits {
		logits[i] = float32(r.IntN(40)-20) / 8
	}
	logits[3], logits[4], logits[5] = float32(math.Copysign(0, -1)), float32(math.Inf(-1)), 0
	want := make([]int, len(logits))
	for i := range want {
		want[i] = i
	}
	slices.SortStableFunc(want, func(a, b int) int { return cmp.Compare(logits[b], logits[a]) })
	for _, k := range []int{1, 40, insertionTop, insertionTop + 1, 0} {
		c := chooser{Sampling: Sampling{TopK: k}}
		c.order(logits)
		if k == 0 {
			k = len(logits)
		}
		if len(c.keys) != k {
			t.Fatalf("top %d: %d keys", k, len(c.keys))
		}
		for i, key := range c.keys {
			if int(uint32(key)) != want[i] {
				t.Fatalf("top %d: place %d is token %d, want %d", k, i, uint32(key), want[i])
			}
		}
	}
}

// TestReadEqualsForwardBitForBit reads a text longer than a block of the cache
// in pieces of all sizes, on several threads.
func TestReadEqualsForwardBitForBit(t *testing.T) {
	for _, tied := range []bool{true, false} {
		m := wide(t, Config{Hidden: 72, Layers: 2, Heads: 6, KVHeads: 3, Intermediate: 150, Context: 2*cacheTokens + 40,
			Vocab: worthThreads / 72, NormEps: 1e-5, RopeTheta: 10_000, Tied: tied})
		tokens, _ := sample(11, m.Config.Context, m.Config.Vocab)
		want, err := NewEvaluator(m, 2).Logits(tokens, len(tokens))
		if err != nil {
			t.Fatal(err)
		}
		for threads := 1; threads <= 3; threads++ {
			g := NewParallelGenerator(m, threads)
			if g.threads != threads {
				t.Fatalf("the generator has %d threads, want %d", g.threads, threads)
			}
			d := g.Decoder()
			for _, n := range []int{1, 5, 32, 2, 77, 1, 1, 100, 77} {
				logits, err := d.Read(tokens[d.Len() : d.Len()+n])
				if err != nil {
					t.Fatal(err)
				}
				for j, v := range want.Row(d.Len() - 1) {
					if math.Float32bits(logits[j]) != math.Float32bits(v) {
						t.Fatalf("tied %v, %d threads: logit %d after %d tokens is %g, the forward pass says %g", tied, threads, j, d.Len(), logits[j], v)
					}
				}
			}
			if d.Len() != len(tokens) {
				t.Errorf("read %d of %d tokens", d.Len(), len(tokens))
			}
			if _, err := d.Read(nil); err == nil {
				t.Error("Read took no tokens")
			}
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

// BenchmarkGenerate continues a text with a model of 150 million parameters
// and says which share of the memory's bandwidth it reaches: between any two
// tokens a loop on as many threads only reads as many bytes of other weights,
// so that both meet the same machine. Of the loops that were tried the fastest
// is there: dot products of the halves of pieces of 4 MiB, after each of which
// the threads meet. "share" is best against best, "median" median against
// median.
func BenchmarkGenerate(b *testing.B) {
	c := M150()
	m, err := New(c)
	if err != nil {
		b.Fatal(err)
	}
	src := source(1)
	for i := range m.Params.Data {
		m.Params.Data[i] = float32(src.next()>>40)*0x1p-28 - 0.03
	}
	bytes := float64(4 * m.Params.Len())
	for _, threads := range []int{1, 2} {
		b.Run(fmt.Sprintf("150M/threads=%d", threads), func(b *testing.B) {
			d := NewParallelGenerator(m, threads).Decoder()
			prompt, _ := sample(1, 64, c.Vocab)
			if _, err := d.Read(prompt); err != nil {
				b.Fatal(err)
			}
			choose := chooser{Sampling: Sampling{Temperature: 0.8, TopK: 40, TopP: 0.95, Seed: 1}, src: 1}
			team := tensor.Threads(threads)
			sums := make([]float32, threads)
			var token, read []float64
			next := int32(1)
			for b.Loop() {
				begin := time.Now()
				logits, err := d.Next(next)
				if err != nil {
					b.Fatal(err)
				}
				next = choose.choose(logits)
				token = append(token, time.Since(begin).Seconds())
				if d.Len() == c.Context {
					d.Reset()
				}
				b.StopTimer()
				begin = time.Now()
				for rest := m.Params.Data; len(rest) > 0; {
					piece := rest[:min(1<<20, len(rest))]
					rest = rest[len(piece):]
					team.Split(len(piece), 16, func(worker, lo, hi int) {
						half := (lo + hi) / 2
						sums[worker] += tensor.Dot(piece[lo:half], piece[half:hi])
					})
				}
				read = append(read, time.Since(begin).Seconds())
				b.StartTimer()
			}
			slices.Sort(token)
			slices.Sort(read)
			b.ReportMetric(1/token[len(token)/2], "tokens/s")
			b.ReportMetric(bytes/read[len(read)/2]/1e9, "GB/s-read")
			b.ReportMetric(100*read[0]/token[0], "%share")
			b.ReportMetric(100*read[len(read)/2]/token[len(token)/2], "%median")
		})
	}
}
