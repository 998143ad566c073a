package llama

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// tiny has every feature that S has and two that it lacks: grouped heads and,
// in untied, an output matrix of its own.
func tiny(tied bool) Config {
	return Config{Hidden: 8, Layers: 2, Heads: 4, KVHeads: 2, Intermediate: 10, Context: 40,
		Vocab: 11, NormEps: 1e-5, RopeTheta: 10_000, Tied: tied}
}

// sample returns tokens and their successors, some of them ignored.
func sample(seed uint64, n, vocab int) (tokens, targets []int32) {
	r := rand.New(rand.NewPCG(seed, 1))
	tokens, targets = make([]int32, n), make([]int32, n)
	for i := range tokens {
		tokens[i], targets[i] = int32(r.IntN(vocab)), int32(r.IntN(vocab))
		if r.IntN(6) == 0 {
			targets[i] = Ignore
		}
	}
	return tokens, targets
}

// wide makes a tiny model whose gains are not 1 and whose weights are large
// enough for every path to matter.
func wide(t *testing.T, c Config) *Model {
	t.Helper()
	m, err := Init(c, 42)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(9, 9))
	for i := range m.Params.Data {
		m.Params.Data[i] += float32(0.3 * r.NormFloat64())
	}
	return m
}

// oracle is the model in binary64 in the plainest form, one token at a time,
// with the functions of package math: nothing of it is shared with the model.
type oracle struct {
	c Config
	w map[string][]float64
}

func newOracle(m *Model) oracle {
	o := oracle{m.Config, map[string][]float64{}}
	for _, s := range m.Params.Specs() {
		for _, v := range m.Params.Vector(s.Name) {
			o.w[s.Name] = append(o.w[s.Name], float64(v))
		}
	}
	return o
}

func (o oracle) linear(name string, x []float64) []float64 {
	w := o.w[name]
	y := make([]float64, len(w)/len(x))
	for i := range y {
		for j, v := range x {
			y[i] += w[i*len(x)+j] * v
		}
	}
	return y
}

func (o oracle) norm(name string, x []float64) []float64 {
	s := 0.0
	for _, v := range x {
		s += v * v
	}
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = v / math.Sqrt(s/float64(len(x))+o.c.NormEps) * o.w[name][i]
	}
	return y
}

// rotate is Hugging Face's apply_rotary_pos_emb on one head.
func (o oracle) rotate(x []float64, position int) {
	half := len(x) / 2
	for i := range half {
		angle := float64(position) / math.Pow(o.c.RopeTheta, float64(2*i)/float64(2*half))
		a, b := x[i], x[i+half]
		x[i] = a*math.Cos(angle) - b*math.Sin(angle)
		x[i+half] = b*math.Cos(angle) + a*math.Sin(angle)
	}
}

// logits of one sequence.
func (o oracle) logits(tokens []int32) [][]float64 {
	c, d := o.c, o.c.HeadDim()
	keys, values := make([][][]float64, c.Layers), make([][][]float64, c.Layers)
	var out [][]float64
	for t, token := range tokens {
		x := append([]float64(nil), o.w["model.embed_tokens.weight"][int(token)*c.Hidden:(int(token)+1)*c.Hidden]...)
		for l := range c.Layers {
			at := func(s string) string { return fmt.Sprintf("model.layers.%d.%s.weight", l, s) }
			n := o.norm(at("input_layernorm"), x)
			q, k := o.linear(at("self_attn.q_proj"), n), o.linear(at("self_attn.k_proj"), n)
			for h := range c.Heads {
				o.rotate(q[h*d:(h+1)*d], t)
			}
			for g := range c.KVHeads {
				o.rotate(k[g*d:(g+1)*d], t)
			}
			keys[l], values[l] = append(keys[l], k), append(values[l], o.linear(at("self_attn.v_proj"), n))
			joined := make([]float64, c.Hidden)
			for h := range c.Heads {
				g, sum := h/(c.Heads/c.KVHeads), 0.0
				p := make([]float64, t+1)
				for s := range p {
					for i := range d {
						p[s] += q[h*d+i] * keys[l][s][g*d+i]
					}
					p[s] = math.Exp(p[s] / math.Sqrt(float64(d)))
					sum += p[s]
				}
				for s := range p {
					for i := range d {
						joined[h*d+i] += p[s] / sum * values[l][s][g*d+i]
					}
				}
			}
			for i, v := range o.linear(at("self_attn.o_proj"), joined) {
				x[i] += v
			}
			n = o.norm(at("post_attention_layernorm"), x)
			a, u := o.linear(at("mlp.gate_proj"), n), o.linear(at("mlp.up_proj"), n)
			for i, v := range a {
				a[i] = v / (1 + math.Exp(-v)) * u[i]
			}
			for i, v := range o.linear(at("mlp.down_proj"), a) {
				x[i] += v
			}
		}
		head := "lm_head.weight"
		if c.Tied {
			head = "model.embed_tokens.weight"
		}
		out = append(out, o.linear(head, o.norm("model.norm.weight", x)))
	}
	return out
}

// loss is the mean cross-entropy of sequences of time tokens.
func (o oracle) loss(tokens, targets []int32, time int) float64 {
	total, count := 0.0, 0
	for from := 0; from < len(tokens); from += time {
		for i, row := range o.logits(tokens[from : from+time]) {
			if target := targets[from+i]; target >= 0 {
				sum := 0.0
				for _, v := range row {
					sum += math.Exp(v)
				}
				total += math.Log(sum) - row[target]
				count++
			}
		}
	}
	return total / float64(count)
}

// TestGradientsAreFiniteDifferences compares all gradients with central
// differences of the oracle, step 1e-4: their truncation error is about 1e-8
// and the binary32 gradient's error about 1e-6 of the largest, so 2e-5 of the
// tensor's largest entry is asked for.
func TestGradientsAreFiniteDifferences(t *testing.T) {
	for _, tied := range []bool{true, false} {
		m := wide(t, tiny(tied))
		const time = 5
		tokens, targets := sample(3, 3*time, m.Config.Vocab)
		tr, err := NewTrainer(m, time, 1)
		if err != nil {
			t.Fatal(err)
		}
		loss, err := tr.Gradient(tokens, targets)
		if err != nil {
			t.Fatal(err)
		}
		o := newOracle(m)
		if want := o.loss(tokens, targets, time); math.Abs(loss-want) > 1e-6 {
			t.Errorf("tied %v: loss = %.8f, want %.8f", tied, loss, want)
		}
		for _, s := range m.Params.Specs() {
			w, g := o.w[s.Name], tr.Grad.Vector(s.Name)
			want, largest := make([]float64, len(w)), 0.0
			for i := range w {
				const h = 1e-4
				was := w[i]
				w[i] = was + h
				up := o.loss(tokens, targets, time)
				w[i] = was - h
				down := o.loss(tokens, targets, time)
				w[i] = was
				want[i] = (up - down) / (2 * h)
				largest = max(largest, math.Abs(want[i]))
			}
			for i := range want {
				if math.Abs(float64(g[i])-want[i]) > 2e-5*largest {
					t.Errorf("tied %v: gradient %d of %s is %g, want %g", tied, i, s.Name, g[i], want[i])
				}
			}
			if largest == 0 {
				t.Errorf("tied %v: the gradient of %s is zero, so the test says nothing", tied, s.Name)
			}
		}
	}
}

// TestLogitsAreThoseOfTheOracle runs over more than one block of queries.
func TestLogitsAreThoseOfTheOracle(t *testing.T) {
	m := wide(t, tiny(true))
	tokens, _ := sample(4, 2*37, m.Config.Vocab)
	logits, err := NewEvaluator(m, 2).Logits(tokens, 37)
	if err != nil {
		t.Fatal(err)
	}
	o := newOracle(m)
	for b := range 2 {
		for i, want := range o.logits(tokens[b*37 : (b+1)*37]) {
			for j, v := range want {
				if got := logits.Row(b*37 + i)[j]; math.Abs(float64(got)-v) > 2e-5 {
					t.Fatalf("logit %d of token %d in sequence %d is %g, want %g", j, i, b, got, v)
				}
			}
		}
	}
}

// TestLongSequencesHaveGradients checks blocks beyond the first by directional
// differences: five random directions over all weights.
func TestLongSequencesHaveGradients(t *testing.T) {
	m := wide(t, tiny(true))
	const time = 40
	tokens, targets := sample(5, 2*time, m.Config.Vocab)
	tr, err := NewTrainer(m, time, 2)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tr.Gradient(tokens, targets); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(8, 8))
	for range 5 {
		direction, slope := m.Params.Zeros(), 0.0
		for i := range direction.Data {
			direction.Data[i] = float32(r.NormFloat64())
			slope += float64(direction.Data[i]) * float64(tr.Grad.Data[i])
		}
		at := func(h float64) float64 {
			o := newOracle(m)
			for _, s := range m.Params.Specs() {
				for i, v := range direction.Vector(s.Name) {
					o.w[s.Name][i] += h * float64(v)
				}
			}
			return o.loss(tokens, targets, time)
		}
		const h = 1e-5
		if want := (at(h) - at(-h)) / (2 * h); math.Abs(slope-want) > 1e-4*math.Max(1, math.Abs(want)) {
			t.Errorf("slope along a random direction is %g, want %g", slope, want)
		}
	}
}
