package serveropt

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"codeberg.org/althing/althing/training/fedavg"
	"codeberg.org/althing/althing/training/localopt"
	"pgregory.net/rapid"
)

// ‖a‖₁ is how far a node gets with the gradient 1 in every step and rate 1: so
// it is measured here by doing the steps.
func TestNormsAreWhatANodeDoes(t *testing.T) {
	const alpha = 0.1
	for _, steps := range []int{1, 2, 7, 200} {
		for _, tt := range []struct{ rho, mu float64 }{{0, 0}, {0.5, 0}, {0.9, 0}, {0, 0.1}, {0, 1}} {
			y, velocity := 0.0, 0.0 // y as a multiple of the rate
			for range steps {
				velocity = tt.rho*velocity + 1 + tt.mu*alpha*y
				y -= velocity
			}
			var got float64
			var err error
			switch {
			case tt.rho > 0:
				got, err = NormMomentum(steps, tt.rho)
			case tt.mu > 0:
				got, err = NormProx(steps, alpha, tt.mu)
			default:
				got, err = NormSGD(steps)
			}
			if err != nil || math.Abs(got+y) > 1e-9*got {
				t.Errorf("‖a‖₁ of %d steps with ρ = %v, μ = %v = %v (%v), want %v", steps, tt.rho, tt.mu, got, err, -y)
			}
		}
	}
}

// The closed form of the paper.
func TestNormMomentumIsTheClosedForm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		steps, rho := rapid.IntRange(1, 3000).Draw(t, "steps"), rapid.Float64Range(0.01, 0.99).Draw(t, "rho")
		got, err := NormMomentum(steps, rho)
		tau := float64(steps)
		want := (tau - rho*(1-math.Pow(rho, tau))/(1-rho)) / (1 - rho)
		if err != nil || math.Abs(got-want) > 1e-9*want {
			t.Fatalf("NormMomentum(%d, %v) = %v (%v), want %v", steps, rho, got, err, want)
		}
	})
}

func TestNormsRefuse(t *testing.T) {
	errs := map[string]error{}
	_, errs["no step"] = NormSGD(0)
	_, errs["too many"] = NormSGD(1<<24 + 1)
	_, errs["momentum 1"] = NormMomentum(3, 1)
	_, errs["momentum that is no number"] = NormMomentum(3, math.NaN())
	_, errs["no step with momentum"] = NormMomentum(0, 0.5)
	_, errs["a pull beyond the start"] = NormProx(3, 1, 1)
	_, errs["no rate"] = NormProx(3, 0, 1)
	_, errs["a push"] = NormProx(3, 0.1, -1)
	for name, err := range errs {
		if err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func nova(t interface{ Fatal(...any) }, updates [][]float32, weights []int64, norms []float64) []float32 {
	n := NewNova(len(updates[0]))
	for i, u := range updates {
		if err := n.Add(u, weights[i], norms[i]); err != nil {
			t.Fatal(err)
		}
	}
	dst := make([]float32, len(updates[0]))
	if err := n.Into(dst); err != nil {
		t.Fatal(err)
	}
	return dst
}

func TestNova(t *testing.T) {
	// p = 1/4, 3/4; d/‖a‖ = 1 and 0.5; τ_eff = 0.25·2 + 0.75·8 = 6.5
	got := nova(t, [][]float32{{2}, {4}}, []int64{1, 3}, []float64{2, 8})
	if want := float32(6.5 * (0.25*1 + 0.75*0.5)); got[0] != want {
		t.Errorf("normalised mean = %v, want %v", got[0], want)
	}
}

func TestNovaOfEqualStepsIsTheMean(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.IntRange(1, 5).Draw(t, "k")
		updates := rapid.SliceOfN(rapid.SliceOfN(rapid.Float32Range(-10, 10), 3, 3), k, k).Draw(t, "updates")
		weights := rapid.SliceOfN(rapid.Int64Range(1, 1000), k, k).Draw(t, "weights")
		norm := rapid.Float64Range(1, 1e4).Draw(t, "norm")
		want := make([]float32, 3)
		if err := fedavg.Average(want, updates, weights); err != nil {
			t.Fatal(err)
		}
		got := nova(t, updates, weights, slices.Repeat([]float64{norm}, k))
		for i := range got {
			if math.Abs(float64(got[i]-want[i])) > 1e-5 {
				t.Fatalf("normalised mean %v, plain mean %v", got, want)
			}
		}
	})
}

// The reason of FedNova: of two nodes whose optima are 0 and 1 one takes ten
// times as many steps. The plain mean settles nearer to it; the normalised one
// settles between them, where the sum of both losses is least.
func TestNovaSettlesWhereTheLossIsLeast(t *testing.T) {
	const rate = 0.001
	steps := []int{2, 20}
	settle := func(normalise bool) float64 {
		x := []float32{0.3}
		for range 3000 {
			var all [][]float32
			norms := []float64{1, 1}
			for i, optimum := range []float64{0, 1} {
				y := float64(x[0])
				for range steps[i] {
					y -= rate * (y - optimum)
				}
				all = append(all, []float32{float32(y - float64(x[0]))})
				if normalise {
					norms[i], _ = NormSGD(steps[i])
				}
			}
			x[0] += nova(t, all, []int64{1, 1}, norms)[0]
		}
		return float64(x[0])
	}
	if got := settle(true); math.Abs(got-0.5) > 0.01 {
		t.Errorf("FedNova settles at %v, want 0.5", got)
	}
	if got := settle(false); got < 0.85 {
		t.Errorf("the plain mean settles at %v; the example should show its bias (10/11)", got)
	}
}

func TestNovaRefuses(t *testing.T) {
	n := NewNova(2)
	if err := n.Into(make([]float32, 2)); !errors.Is(err, fedavg.ErrEmpty) {
		t.Errorf("Into without updates: %v, want ErrEmpty", err)
	}
	for _, tt := range []struct {
		name   string
		update []float32
		weight int64
		norm   float64
	}{
		{"short", []float32{1}, 1, 1}, {"no weight", []float32{1, 2}, 0, 1}, {"too heavy", []float32{1, 2}, 1<<53 + 1, 1},
		{"no step", []float32{1, 2}, 1, 0}, {"no number", []float32{1, 2}, 1, math.NaN()}, {"endless", []float32{1, 2}, 1, math.Inf(1)},
	} {
		if n.Add(tt.update, tt.weight, tt.norm) == nil {
			t.Errorf("%s was taken", tt.name)
		}
	}
	if err := n.Add([]float32{1, float32(math.Inf(1))}, 1, 1); err != nil {
		t.Fatal(err)
	}
	if err := n.Into(make([]float32, 2)); !errors.Is(err, fedavg.ErrNotFinite) {
		t.Errorf("Into with infinity: %v, want ErrNotFinite", err)
	}
	if n.Into(make([]float32, 3)) == nil {
		t.Error("3 places for 2 parameters were taken")
	}
}

// The reason of SCAFFOLD: nodes whose losses have different curvature drift
// apart in many local steps, and the mean of where they end is not the optimum
// of the sum. With control variates it is. Server and nodes use the code of
// this package and of localopt.
func TestScaffoldSettlesAtTheOptimum(t *testing.T) {
	const rate, local, rounds = 0.02, 40, 400
	curvature, centre := []float64{1, 4}, []float64{3, -1}
	optimum := (1.0*3 + 4*-1) / 5
	settle := func(scaffold bool) float64 {
		x, c := []float32{0}, []float32{0}
		own := [][]float32{{0}, {0}}
		server := start(t, FedAvg, 1, Settings{Rate: 1})
		for range rounds {
			mean, control := fedavg.NewMean(1), NewControl(1, 2)
			for i := range curvature {
				y := slices.Clone(x)
				for range local {
					g := []float32{float32(curvature[i] * (float64(y[0]) - centre[i]))}
					if scaffold {
						if err := localopt.Correct(g, own[i], c); err != nil {
							t.Fatal(err)
						}
					}
					y[0] -= float32(rate * float64(g[0]))
				}
				if err := mean.Add([]float32{y[0] - x[0]}, 1); err != nil {
					t.Fatal(err)
				}
				change := []float32{0}
				if err := localopt.NextControl(change, own[i], c, x, y, rate*local); err != nil {
					t.Fatal(err)
				}
				if err := control.Add(change); err != nil {
					t.Fatal(err)
				}
			}
			if err := control.Into(c, c); err != nil {
				t.Fatal(err)
			}
			d := []float32{0}
			if err := mean.Into(d); err != nil {
				t.Fatal(err)
			}
			if err := server.Step(x, d); err != nil {
				t.Fatal(err)
			}
		}
		return float64(x[0])
	}
	if got := settle(true); math.Abs(got-optimum) > 1e-3 {
		t.Errorf("SCAFFOLD settles at %v, want %v", got, optimum)
	}
	if got := settle(false); math.Abs(got-optimum) < 0.1 {
		t.Errorf("FedAvg settles at %v, the optimum %v: the example should show its drift", got, optimum)
	}
}

func TestControl(t *testing.T) {
	c := NewControl(2, 4) // two of four nodes take part
	for _, change := range [][]float32{{1, 2}, {3, -2}} {
		if err := c.Add(change); err != nil {
			t.Fatal(err)
		}
	}
	got := make([]float32, 2)
	if err := c.Into(got, []float32{10, 20}); err != nil || !slices.Equal(got, []float32{11, 20}) {
		t.Errorf("control variate = %v %v, want [11 20]", got, err)
	}
}

func TestControlRefuses(t *testing.T) {
	c := NewControl(1, 2)
	if err := c.Into([]float32{0}, []float32{0}); !errors.Is(err, fedavg.ErrEmpty) {
		t.Errorf("Into without changes: %v, want ErrEmpty", err)
	}
	if c.Add([]float32{1, 2}) == nil {
		t.Error("a long change was taken")
	}
	for _, v := range []float32{1, float32(math.NaN())} {
		if err := c.Add([]float32{v}); err != nil {
			t.Fatal(err)
		}
	}
	if c.Add([]float32{1}) == nil {
		t.Error("three changes of two nodes were taken")
	}
	if err := c.Into([]float32{0}, []float32{0}); !errors.Is(err, fedavg.ErrNotFinite) {
		t.Errorf("Into with NaN: %v, want ErrNotFinite", err)
	}
	if c.Into(make([]float32, 2), make([]float32, 2)) == nil {
		t.Error("2 places for 1 parameter were taken")
	}
}

func BenchmarkNova(b *testing.B) {
	const dim, cohort = 1_000_000, 10
	r := rand.New(rand.NewPCG(1, 2))
	u, dst := make([]float32, dim), make([]float32, dim)
	for i := range u {
		u[i] = float32(r.NormFloat64())
	}
	b.Run("10x1M", func(b *testing.B) {
		b.SetBytes(4 * dim * cohort)
		for b.Loop() {
			n := NewNova(dim)
			for range cohort {
				if err := n.Add(u, 3, 20); err != nil {
					b.Fatal(err)
				}
			}
			if err := n.Into(dst); err != nil {
				b.Fatal(err)
			}
		}
	})
}
