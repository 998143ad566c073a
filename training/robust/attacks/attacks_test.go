package attacks

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func scene() Scene {
	r := rand.New(rand.NewPCG(1, 2))
	s := Scene{Bad: 4, Seed: 7, Previous: make([]float32, 50)}
	for range 16 {
		u := make([]float32, 50)
		for i := range u {
			u[i] = float32(1 + 0.5*r.NormFloat64())
		}
		s.Honest = append(s.Honest, u)
	}
	for i := range s.Previous {
		s.Previous[i] = float32(i)
	}
	return s
}

func TestAttacksHaveTheShapeAndRepeat(t *testing.T) {
	s := scene()
	before := scene()
	for _, a := range All() {
		first, again := a.Craft(s), a.Craft(s)
		if len(first) != s.Bad {
			t.Fatalf("%s: %d updates, want %d", a.Name, len(first), s.Bad)
		}
		for k := range first {
			same := slices.EqualFunc(first[k], again[k], func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) })
			if len(first[k]) != 50 || !same {
				t.Errorf("%s: update %d has %d values, or two calls differ", a.Name, k, len(first[k]))
			}
		}
		for i := range s.Honest {
			if !slices.Equal(s.Honest[i], before.Honest[i]) {
				t.Fatalf("%s changed honest update %d", a.Name, i)
			}
		}
	}
}

func TestSimpleAttacks(t *testing.T) {
	s := Scene{Honest: [][]float32{{1, -2}, {3, 4}}, Bad: 3, Previous: []float32{9, 8}}
	for _, tt := range []struct {
		name string
		got  [][]float32
		want [][]float32
	}{
		{"sign-flip", SignFlip(s), [][]float32{{-1, 2}, {-3, -4}, {-1, 2}}},
		{"scaled", Scaled(s, 10), [][]float32{{10, -20}, {30, 40}, {10, -20}}},
		{"same-value", SameValue(s), [][]float32{{40, 40}, {40, 40}, {40, 40}}},
		{"free-rider", FreeRider(s), [][]float32{{9, 8}, {9, 8}, {9, 8}}},
		{"free-rider at first", FreeRider(Scene{Honest: s.Honest, Bad: 1}), [][]float32{{0, 0}}},
		{"duplicates", Duplicates(s), [][]float32{{1, 2}, {1, 2}, {1, 2}}},
		{"inner-product", InnerProduct(s), [][]float32{{-1, -0.5}, {-1, -0.5}, {-1, -0.5}}},
	} {
		if !slices.EqualFunc(tt.got, tt.want, slices.Equal[[]float32]) {
			t.Errorf("%s = %v, want %v", tt.name, tt.got, tt.want)
		}
	}
	for k, u := range NaN(s) {
		if !math.IsNaN(float64(u[k%2])) || math.IsNaN(float64(u[1-k%2])) {
			t.Errorf("nan %d = %v, want one value that is no number", k, u)
		}
	}
}

func TestGaussianHasItsWidth(t *testing.T) {
	s := scene()
	s.Honest, s.Bad = [][]float32{make([]float32, 4000)}, 2
	for i := range s.Honest[0] {
		s.Honest[0][i] = 2
	}
	for k, u := range Gaussian(s) {
		sum, square := 0.0, 0.0
		for _, v := range u {
			sum += float64(v)
			square += float64(v) * float64(v)
		}
		mean, deviation := sum/4000, math.Sqrt(square/4000)
		if math.Abs(mean) > 2 || math.Abs(deviation-20) > 1 {
			t.Errorf("update %d: mean %v, deviation %v, want 0 and 20", k, mean, deviation)
		}
	}
}

// The paper's example has 50 workers, 24 of them corrupted: s = 2, and 24 of
// 26 is 0.923, so z is about 1.43.
func TestMarginOfLittleIsEnough(t *testing.T) {
	for _, tt := range []struct {
		n, f int
		want float64
	}{{50, 24, 1.4261}, {20, 4, 0.1573}, {5, 4, 3}, {4, 1, 0}} {
		if got := margin(tt.n, tt.f); math.Abs(got-tt.want) > 1e-3 {
			t.Errorf("margin(%d, %d) = %v, want %v", tt.n, tt.f, got, tt.want)
		}
	}
}

func TestMinMaxReachesItsLimit(t *testing.T) {
	s := scene()
	lie := MinMax(s)[0]
	far := func(a, b []float32) float64 {
		return math.Sqrt(squared(len(a), func(k int) float64 { return float64(a[k]) - float64(b[k]) }))
	}
	widest, reach := 0.0, 0.0
	for _, a := range s.Honest {
		reach = max(reach, far(lie, a))
		for _, b := range s.Honest {
			widest = max(widest, far(a, b))
		}
	}
	if reach > widest*(1+1e-6) || reach < widest*0.999 {
		t.Errorf("the lie is %v from the furthest honest update, want just under %v", reach, widest)
	}
}
