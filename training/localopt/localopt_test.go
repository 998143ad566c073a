package localopt

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestProx(t *testing.T) {
	for _, tt := range []struct {
		mu   float64
		want []float32
	}{{0, []float32{1, -2, 3}}, {0.5, []float32{1.5, -2, 1}}, {1, []float32{2, -2, -1}}} {
		g := []float32{1, -2, 3}
		if err := Prox(g, []float32{5, 6, 7}, []float32{4, 6, 11}, tt.mu); err != nil || !slices.Equal(g, tt.want) {
			t.Errorf("Prox with μ = %v = %v %v, want %v", tt.mu, g, err, tt.want)
		}
	}
}

// Prox is the derivative of μ/2·‖w − x‖².
func TestProxIsTheGradientOfItsTerm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, x := rapid.Float64Range(-5, 5).Draw(t, "w"), rapid.Float64Range(-5, 5).Draw(t, "x")
		mu := rapid.Float64Range(0, 2).Draw(t, "mu")
		term := func(w float64) float64 { return mu / 2 * (w - x) * (w - x) }
		const h = 1e-4
		want := (term(w+h) - term(w-h)) / (2 * h)
		g := []float32{0}
		if err := Prox(g, []float32{float32(w)}, []float32{float32(x)}, mu); err != nil || math.Abs(float64(g[0])-want) > 1e-5 {
			t.Fatalf("Prox at w = %v, x = %v, μ = %v is %v (%v), want %v", w, x, mu, g[0], err, want)
		}
	})
}

// A stronger pull ends nearer to the start, and never beyond either end.
func TestProxHoldsANodeNearItsStart(t *testing.T) {
	last := float32(4)
	for _, mu := range []float64{0, 0.1, 1, 10} {
		w, x := []float32{0}, []float32{0}
		for range 2000 {
			g := []float32{w[0] - 4} // the node's own optimum is 4
			if err := Prox(g, w, x, mu); err != nil {
				t.Fatal(err)
			}
			w[0] -= 0.05 * g[0]
		}
		if want := 4 / (1 + mu); math.Abs(float64(w[0])-want) > 1e-3 || w[0] > last+1e-3 {
			t.Errorf("μ = %v ends at %v, want %v", mu, w[0], want)
		}
		last = w[0]
	}
}

func TestCorrect(t *testing.T) {
	g := []float32{1, 2, 3}
	if err := Correct(g, []float32{0.5, 0, 4}, []float32{0, 1, 2}); err != nil || !slices.Equal(g, []float32{0.5, 3, 1}) {
		t.Errorf("Correct = %v %v, want [0.5 3 1]", g, err)
	}
}

func TestNextControl(t *testing.T) {
	own, change := []float32{1, 0}, make([]float32, 2)
	// c_i − c + (x − y)/(Kη): 1 − 3 + (2−1)/0.5 = 0 and 0 − 1 + (0−1)/0.5 = −3
	err := NextControl(change, own, []float32{3, 1}, []float32{2, 0}, []float32{1, 1}, 0.5)
	if err != nil || !slices.Equal(own, []float32{0, -3}) || !slices.Equal(change, []float32{-1, -3}) {
		t.Errorf("NextControl = %v, change %v (%v), want [0 -3] and [-1 -3]", own, change, err)
	}
}

// With plain SGD c_i⁺ is the mean of the gradients that the node saw (option II
// of the paper), whatever the variates before.
func TestNextControlIsTheMeanGradient(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		steps := rapid.SliceOfN(rapid.Float32Range(-3, 3), 1, 20).Draw(t, "gradients")
		ci, c := rapid.Float32Range(-2, 2).Draw(t, "own"), rapid.Float32Range(-2, 2).Draw(t, "server")
		const rate = 0.125
		y, sum := float64(1), 0.0
		for _, g := range steps {
			corrected := []float32{g}
			if err := Correct(corrected, []float32{ci}, []float32{c}); err != nil {
				t.Fatal(err)
			}
			y -= rate * float64(corrected[0])
			sum += float64(g)
		}
		own, change := []float32{ci}, []float32{0}
		if err := NextControl(change, own, []float32{c}, []float32{1}, []float32{float32(y)}, rate*float64(len(steps))); err != nil {
			t.Fatal(err)
		}
		if want := sum / float64(len(steps)); math.Abs(float64(own[0])-want) > 1e-4 {
			t.Fatalf("c_i⁺ = %v, want the mean gradient %v", own[0], want)
		}
		if change[0] != own[0]-ci {
			t.Fatalf("change %v, want %v", change[0], own[0]-ci)
		}
	})
}

func TestRefusals(t *testing.T) {
	one, two, inf := []float32{1}, []float32{1, 2}, []float32{float32(math.Inf(1))}
	for name, err := range map[string]error{
		"prox, long weights":       Prox(one, two, one, 1),
		"prox, long start":         Prox(one, one, two, 1),
		"prox, negative":           Prox(one, one, one, -1),
		"prox, no number":          Prox(one, one, one, math.NaN()),
		"prox, infinite":           Prox(one, one, one, math.Inf(1)),
		"correct, long own":        Correct(one, two, one),
		"correct, long server":     Correct(one, one, two),
		"control, long change":     NextControl(two, []float32{1}, one, one, one, 1),
		"control, no travel":       NextControl([]float32{0}, []float32{1}, one, one, one, 0),
		"control, infinite end":    NextControl([]float32{0}, []float32{1}, one, one, inf, 1),
		"control, infinite travel": NextControl([]float32{0}, []float32{1}, one, one, one, math.Inf(1)),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	own := []float32{1, 1}
	if NextControl(make([]float32, 2), own, two, two, []float32{0, float32(math.NaN())}, 1) == nil || own[0] != 1 {
		t.Errorf("a refused control variate changed to %v", own)
	}
}
