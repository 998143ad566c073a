package optim

import (
	"math"
	"math/rand/v2"
	"testing"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/tensor"
)

func params(t *testing.T, seed uint64) *tensor.Params {
	t.Helper()
	p, err := tensor.NewParams(tensor.Spec{Name: "gain", Shape: []int{1500}}, tensor.Spec{Name: "weight", Shape: []int{50, 61}})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(seed, 0))
	for i := range p.Data {
		p.Data[i] = float32(r.NormFloat64())
	}
	return p
}

// TestAdamWIsThePaper compares twenty steps with Algorithm 2 of Loshchilov and
// Hutter in binary64.
func TestAdamWIsThePaper(t *testing.T) {
	h := training.Hyperparams{LearnRate: 2e-3, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: 0.1}
	w, other := params(t, 1), params(t, 1)
	a, b := New(h, 1), New(h, 3)
	theta, m, v := make([]float64, w.Len()), make([]float64, w.Len()), make([]float64, w.Len())
	for i, x := range w.Data {
		theta[i] = float64(x)
	}
	for step := 1; step <= 20; step++ {
		g := params(t, uint64(100+step))
		for i, x := range g.Data {
			x := float64(x)
			m[i], v[i] = 0.9*m[i]+0.1*x, 0.999*v[i]+0.001*x*x
			decay := 0.0
			if i >= 1500 {
				decay = 0.1 * theta[i]
			}
			mh, vh := m[i]/(1-math.Pow(0.9, float64(step))), v[i]/(1-math.Pow(0.999, float64(step)))
			theta[i] -= 2e-3 * (mh/(math.Sqrt(vh)+1e-8) + decay)
		}
		if err := a.Update(w, g); err != nil {
			t.Fatal(err)
		}
		if err := b.Update(other, g); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range theta {
		if math.Abs(float64(w.Data[i])-want) > 3e-6 {
			t.Fatalf("weight %d after 20 steps is %g, want %g", i, w.Data[i], want)
		}
	}
	if w.Digest() != other.Digest() {
		t.Error("one and three threads gave different weights")
	}
	if a.Steps() != 20 {
		t.Errorf("Steps = %d, want 20", a.Steps())
	}
}

func TestSGD(t *testing.T) {
	w, g := params(t, 1), params(t, 2)
	was := w.Clone()
	o := SGD{Rate: Constant(0.5), Decay: 0.25}
	if err := o.Update(w, g); err != nil {
		t.Fatal(err)
	}
	for i, got := range w.Data {
		want := float64(was.Data[i]) - 0.5*(float64(g.Data[i])+0.25*float64(was.Data[i]))
		if math.Abs(float64(got)-want) > 1e-6 {
			t.Fatalf("weight %d is %g, want %g", i, got, want)
		}
	}
}

func TestClip(t *testing.T) {
	g := params(t, 3)
	was, norm := g.Clone(), g.Norm()
	for _, limit := range []float64{0, norm * 2} {
		if got, err := Clip(g, limit); err != nil || got != norm || g.Digest() != was.Digest() {
			t.Errorf("Clip to %g: norm %g, %v; want the gradient of norm %g as it was", limit, got, err, norm)
		}
	}
	if got, err := Clip(g, 1); err != nil || got != norm {
		t.Errorf("Clip to 1 returned %g, %v, want %g", got, err, norm)
	}
	if got := g.Norm(); math.Abs(got-1) > 1e-6 {
		t.Errorf("the norm after Clip is %g, want 1", got)
	}
	if cos := float64(tensor.Dot(g.Data, was.Data)) / (g.Norm() * norm); math.Abs(cos-1) > 1e-5 {
		t.Errorf("Clip turned the gradient, cosine %g", cos)
	}
}

func TestAGradientThatIsNotFiniteChangesNothing(t *testing.T) {
	for _, o := range []interface {
		Update(weights, gradient *tensor.Params) error
	}{New(training.Hyperparams{LearnRate: 1, ClipNorm: 1}, 1), &SGD{Rate: Constant(1)}} {
		for _, bad := range []float64{math.NaN(), math.Inf(-1)} {
			w, g := params(t, 1), params(t, 2)
			g.Data[77] = float32(bad)
			was := w.Digest()
			if err := o.Update(w, g); err == nil || w.Digest() != was {
				t.Errorf("%T: a gradient with %g gave %v and changed weights: %v", o, bad, err, w.Digest() != was)
			}
		}
		small, err := tensor.NewParams(tensor.Spec{Name: "a", Shape: []int{2}})
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Update(params(t, 1), small); err == nil {
			t.Errorf("%T took a gradient of another layout", o)
		}
	}
}

func TestSchedules(t *testing.T) {
	c := Cosine(1, 0.1, 4, 14)
	for step, want := range map[int]float64{0: 0.25, 3: 1, 4: 1, 9: 0.55, 14: 0.1, 1000: 0.1} {
		if got := c(step); math.Abs(got-want) > 1e-15 {
			t.Errorf("Cosine at step %d = %g, want %g", step, got, want)
		}
	}
	if got := Constant(0.3)(5); got != 0.3 {
		t.Errorf("Constant = %g, want 0.3", got)
	}
}
