package llama

import (
	"math"
	"math/rand/v2"
	"testing"

	"codeberg.org/althing/althing/training/tensor"
)

// adapted returns adapters of rank 3 on all projections but the key of the
// first layer, whose A is frozen in the second, filled with noise.
func adapted(c Config) Adapters {
	r := rand.New(rand.NewPCG(21, 2))
	noise := func(rows, cols int) tensor.Matrix {
		m := tensor.Mat(make([]float32, rows*cols), rows, cols)
		for i := range m.Data {
			m.Data[i] = float32(0.3 * r.NormFloat64())
		}
		return m
	}
	zero := func(rows, cols int) tensor.Matrix { return tensor.Mat(make([]float32, rows*cols), rows, cols) }
	list := make(Adapters, c.Layers)
	for l := range list {
		for p := range Projections {
			if l == 0 && p == Key {
				continue
			}
			out, in := c.Projection(p)
			list[l][p] = &LowRank{A: noise(3, in), B: noise(out, 3), DB: zero(out, 3), Scale: 0.5}
			if l == 0 {
				list[l][p].DA = zero(3, in)
			}
		}
	}
	return list
}

// withAdapters is the oracle of the model with W + scale·B·A for each W.
func withAdapters(m *Model, list Adapters) oracle {
	o := newOracle(m)
	for l := range list {
		for p, r := range list[l] {
			if r == nil {
				continue
			}
			w := o.w[Projection(p).Module(l)+".weight"]
			for i := range r.B.Rows {
				for j := range r.A.Cols {
					for k := range r.A.Rows {
						w[i*r.A.Cols+j] += float64(r.Scale) * float64(r.B.Row(i)[k]) * float64(r.A.Row(k)[j])
					}
				}
			}
		}
	}
	return o
}

// TestAdapterGradientsAreFiniteDifferences has the tolerances of
// TestGradientsAreFiniteDifferences; steps of 2⁻⁸ in float32 are exact in the
// adapter, and their truncation error is below 1e-4 of the largest entry.
func TestAdapterGradientsAreFiniteDifferences(t *testing.T) {
	for _, tied := range []bool{true, false} {
		m := wide(t, tiny(tied))
		const time = 5
		tokens, targets := sample(3, 3*time, m.Config.Vocab)
		list := adapted(m.Config)
		tr, err := NewAdapterTrainer(m, list, time, 2)
		if err != nil {
			t.Fatal(err)
		}
		before := m.Params.Digest()
		loss, err := tr.Gradient(tokens, targets)
		if err != nil {
			t.Fatal(err)
		}
		if want := withAdapters(m, list).loss(tokens, targets, time); math.Abs(loss-want) > 2e-6 {
			t.Errorf("tied %v: loss = %.8f, want %.8f", tied, loss, want)
		}
		if m.Params.Digest() != before || tr.Grad != nil {
			t.Errorf("tied %v: the frozen weights changed or have a gradient", tied)
		}
		checked := 0
		for l := range list {
			for p, r := range list[l] {
				if r == nil {
					continue
				}
				for _, part := range []struct {
					name string
					w, g tensor.Matrix
				}{{"A", r.A, r.DA}, {"B", r.B, r.DB}} {
					if part.g.Data == nil {
						continue
					}
					want, largest := make([]float64, len(part.w.Data)), 0.0
					for i := range part.w.Data {
						was := part.w.Data[i]
						part.w.Data[i] = was + 1.0/256
						up, h := withAdapters(m, list).loss(tokens, targets, time), float64(part.w.Data[i])
						part.w.Data[i] = was - 1.0/256
						down := withAdapters(m, list).loss(tokens, targets, time)
						h -= float64(part.w.Data[i])
						part.w.Data[i] = was
						want[i] = (up - down) / h
						largest = max(largest, math.Abs(want[i]))
					}
					for i := range want {
						if math.Abs(float64(part.g.Data[i])-want[i]) > 2e-4*largest {
							t.Errorf("tied %v: gradient %d of %s of %s is %g, want %g", tied, i, part.name, Projection(p).Module(l), part.g.Data[i], want[i])
						}
					}
					if largest == 0 {
						t.Errorf("the gradient of %s of %s is zero, so the test says nothing", part.name, Projection(p).Module(l))
					}
					checked++
				}
			}
		}
		if checked != 6*2+7 {
			t.Errorf("checked %d matrices", checked)
		}
	}
}

func TestAdaptersMustFit(t *testing.T) {
	m := wide(t, tiny(true))
	for name, change := range map[string]func(Adapters) Adapters{
		"a layer less": func(a Adapters) Adapters { return a[1:] },
		"no rank": func(a Adapters) Adapters {
			a[0][Up].A, a[0][Up].B = tensor.Matrix{Cols: 8}, tensor.Matrix{Rows: 10}
			return a
		},
		"two ranks":      func(a Adapters) Adapters { a[0][Up].B = tensor.Mat(make([]float32, 20), 10, 2); return a },
		"another weight": func(a Adapters) Adapters { a[0][Up] = a[0][Down]; return a },
		"no adapters":    func(Adapters) Adapters { return nil },
	} {
		if _, err := NewAdapterTrainer(m, change(adapted(m.Config)), 5, 1); err == nil {
			t.Errorf("%s: NewAdapterTrainer took it", name)
		}
	}
}

// TestAdapterOfNothingChangesNoBit: with B = 0 the logits are the base's.
func TestAdapterOfNothingChangesNoBit(t *testing.T) {
	m := wide(t, tiny(true))
	tokens, _ := sample(4, 37, m.Config.Vocab)
	list := adapted(m.Config)
	for l := range list {
		for _, r := range list[l] {
			if r != nil {
				clear(r.B.Data)
			}
		}
	}
	tr, err := NewAdapterTrainer(m, list, 37, 1)
	if err != nil {
		t.Fatal(err)
	}
	got, err := tr.Forward(tokens)
	if err != nil {
		t.Fatal(err)
	}
	want, err := NewEvaluator(m, 1).Logits(tokens, 37)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range want.Data {
		if math.Float32bits(got.Data[i]) != math.Float32bits(v) {
			t.Fatalf("logit %d is %g, want %g", i, got.Data[i], v)
		}
	}
}
