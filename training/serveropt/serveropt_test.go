package serveropt

import (
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"codeberg.org/althing/althing/training/fedavg"
	"pgregory.net/rapid"
)

var names = []string{FedAvg, FedAvgM, FedAdagrad, FedYogi, FedAdam, DiLoCo}

func start(t interface{ Fatal(...any) }, rule string, dim int, s Settings) *Optimizer {
	o, err := New(rule, dim, s)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// run returns the weight of one parameter, from 1, after each update.
func run(t interface{ Fatal(...any) }, rule string, s Settings, updates ...float32) []float32 {
	o, x := start(t, rule, 1, s), []float32{1}
	var path []float32
	for _, d := range updates {
		if err := o.Step(x, []float32{d}); err != nil {
			t.Fatal(err)
		}
		path = append(path, x[0])
	}
	return path
}

// The paths were worked out from the formulas of the papers with another
// program; halves and quarters keep the moments exact.
func TestRulesByHand(t *testing.T) {
	for _, tt := range []struct {
		rule string
		s    Settings
		want []float32
	}{
		{FedAvg, Settings{Rate: 0.5}, []float32{1.5, 2, 1}},
		// v = 1, 1.5, −1.25
		{FedAvgM, Settings{Rate: 1, Momentum: 0.5}, []float32{2, 3.5, 2.25}},
		// the same v; steps d+v/2 = 1.5, 1.75, −2.625
		{DiLoCo, Settings{Rate: 1, Momentum: 0.5}, []float32{2.5, 4.25, 1.625}},
		// m = d; v = 9+1, 11, 15: steps 1/(√10+3), …
		{FedAdagrad, Settings{Rate: 1, Tau: 3}, []float32{1.16227766, 1.32059006, 1.02959561}},
		// m = .5, .75, −.625; v = 9·.5+.5·1 = 5, 3, 3.5
		{FedAdam, Settings{Rate: 1, Beta1: 0.5, Beta2: 0.5, Tau: 3}, []float32{1.09549150, 1.25398515, 1.12567023}},
		// v = 9−.5 = 8.5, 8, 6
		{FedYogi, Settings{Rate: 1, Beta1: 0.5, Beta2: 0.5, Tau: 3}, []float32{1.08452405, 1.21320371, 1.09851407}},
	} {
		got := run(t, tt.rule, tt.s, 1, 1, -2)
		for i := range got {
			if math.Abs(float64(got[i]-tt.want[i])) > 2e-7 {
				t.Errorf("%s of 1, 1, −2 = %v, want %v", tt.rule, got, tt.want)
				break
			}
		}
	}
}

// DiLoCo's outer step looks ahead (Nesterov): after the first update it has
// moved η(1+μ)d where heavy ball has moved ηd, and when updates turn it turns
// at once. With the paper's numbers and d = 1, 1, −1 (v = 1, 1.9, 0.71).
func TestDiLoCoIsNesterovAndNotHeavyBall(t *testing.T) {
	s := Defaults(DiLoCo)
	nesterov := []float64{1.33, 1.33 + 0.7*(1+0.9*1.9), 1.33 + 0.7*(1+0.9*1.9) + 0.7*(-1+0.9*0.71)}
	heavy := []float64{0.7, 0.7 + 0.7*1.9, 0.7 + 0.7*1.9 + 0.7*0.71}
	got, other := run(t, DiLoCo, s, 1, 1, -1), run(t, FedAvgM, s, 1, 1, -1)
	for i := range got {
		if math.Abs(float64(got[i])-1-nesterov[i]) > 1e-6 {
			t.Errorf("after %d updates diloco moved %v, want %v", i+1, got[i]-1, nesterov[i])
		}
		if math.Abs(float64(other[i])-1-heavy[i]) > 1e-6 {
			t.Errorf("after %d updates fedavgm moved %v, want %v", i+1, other[i]-1, heavy[i])
		}
	}
	if !(got[2] < got[1]) || !(other[2] > other[1]) {
		t.Errorf("after the turn diloco went from %v to %v and heavy ball from %v to %v; only the first should turn back", got[1], got[2], other[1], other[2])
	}
}

func TestWithoutMomentumBothAreAScaledMean(t *testing.T) {
	for _, rule := range []string{FedAvgM, DiLoCo} {
		got, want := run(t, rule, Settings{Rate: 0.7}, 1, -3, 2), run(t, FedAvg, Settings{Rate: 0.7}, 1, -3, 2)
		if !slices.Equal(got, want) {
			t.Errorf("%s without momentum = %v, want %v", rule, got, want)
		}
	}
}

// FedAvg at rate 1 is the sum of two float32 values, rounded once: what rounds
// were recomputed with before there were other rules.
func TestFedAvgIsTheFloat32Sum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, d := rapid.Float32Range(-1e30, 1e30).Draw(t, "x"), rapid.Float32Range(-1e30, 1e30).Draw(t, "d")
		w := []float32{x}
		if err := start(t, FedAvg, 1, Defaults(FedAvg)).Step(w, []float32{d}); err != nil || math.Float32bits(w[0]) != math.Float32bits(x+d) {
			t.Fatalf("%v + %v = %v (%v), want %v", x, d, w[0], err, x+d)
		}
	})
}

// The adaptive rules move no parameter further than η·(1−β₁)·|d|/τ in a first
// step and keep a sign.
func TestAdaptiveStepsAreBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := rapid.Float32Range(-1e3, 1e3).Draw(t, "d")
		for _, rule := range []string{FedAdagrad, FedYogi, FedAdam} {
			s := Defaults(rule)
			moved := float64(run(t, rule, s, d)[0]) - 1
			if moved*float64(d) < 0 || math.Abs(moved) > s.Rate*(1-s.Beta1)*math.Abs(float64(d))/s.Tau+1e-6 {
				t.Fatalf("%s moved %v for an update of %v", rule, moved, d)
			}
		}
	})
}

func updates(n, dim int) [][]float32 {
	r := rand.New(rand.NewPCG(4, 4))
	out := make([][]float32, n)
	for i := range out {
		out[i] = make([]float32, dim)
		for k := range out[i] {
			out[i][k] = float32(0.01 * r.NormFloat64())
		}
	}
	return out
}

func bitsOf(v []float32) []uint32 {
	out := make([]uint32, len(v))
	for i, x := range v {
		out[i] = math.Float32bits(x)
	}
	return out
}

// A server that stops and starts from what it stored goes on to the same bits,
// with any number of processors.
func TestAReplayFromStoredStateIsExact(t *testing.T) {
	const dim = 70_001
	all := updates(6, dim)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, rule := range names {
		runtime.GOMAXPROCS(1)
		o, x := start(t, rule, dim, Defaults(rule)), make([]float32, dim)
		var stored []Vector
		var half []float32
		for i, d := range all {
			if i == 3 {
				half = slices.Clone(x)
				for _, v := range o.State() {
					stored = append(stored, Vector{v.Name, slices.Clone(v.Values)})
				}
			}
			if err := o.Step(x, d); err != nil {
				t.Fatal(err)
			}
		}
		runtime.GOMAXPROCS(3)
		again := start(t, rule, dim, Defaults(rule))
		if err := again.Restore(stored); err != nil {
			t.Fatal(err)
		}
		for _, d := range all[3:] {
			if err := again.Step(half, d); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(bitsOf(half), bitsOf(x)) {
			t.Errorf("%s: the replay from stored state has other weights", rule)
		}
		for i, v := range again.State() {
			if !slices.Equal(bitsOf(v.Values), bitsOf(o.State()[i].Values)) {
				t.Errorf("%s: the replay from stored state has another %s", rule, v.Name)
			}
		}
	}
}

func TestStepRefusesAndChangesNothing(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, rule := range names {
		o, x := start(t, rule, 2, Defaults(rule)), []float32{1, math.MaxFloat32}
		if err := o.Step(x, []float32{0.5, 0.25}); err != nil {
			t.Fatal(err)
		}
		var before [][]float32
		for _, v := range o.State() {
			before = append(before, slices.Clone(v.Values))
		}
		weights := slices.Clone(x)
		for _, d := range [][]float32{{1, inf}, {float32(math.NaN()), 1}, {1}, {1, 2, 3}} {
			if o.Step(x, d) == nil {
				t.Errorf("%s took %v", rule, d)
			}
		}
		if rule == FedAvg || rule == DiLoCo {
			if err := o.Step(x, []float32{1, math.MaxFloat32}); !errors.Is(err, fedavg.ErrNotFinite) {
				t.Errorf("%s stepped out of range: %v", rule, err)
			}
		}
		if !slices.Equal(x, weights) {
			t.Errorf("%s: weights %v after refusals, want %v", rule, x, weights)
		}
		for i, v := range o.State() {
			if !slices.Equal(v.Values, before[i]) {
				t.Errorf("%s: %s is %v after refusals, want %v", rule, v.Name, v.Values, before[i])
			}
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for _, tt := range []struct {
		rule string
		s    Settings
	}{
		{"sgd", Settings{Rate: 1}}, {FedAvg, Settings{}}, {FedAvg, Settings{Rate: math.NaN()}}, {FedAvg, Settings{Rate: math.Inf(1)}},
		{FedAvgM, Settings{Rate: 1, Momentum: 1}}, {DiLoCo, Settings{Rate: 1, Momentum: -0.1}},
		{FedAdam, Settings{Rate: 1, Beta1: 0.9, Beta2: 0.99}}, {FedAdam, Settings{Rate: 1, Beta1: 0.9, Beta2: 1, Tau: 1}},
		{FedYogi, Settings{Rate: 1, Beta1: math.NaN(), Beta2: 0.9, Tau: 1}}, {FedAdagrad, Settings{Rate: 1, Beta1: 1, Tau: 1}},
	} {
		if _, err := New(tt.rule, 3, tt.s); err == nil {
			t.Errorf("New(%s, %+v) was taken", tt.rule, tt.s)
		}
	}
	for _, rule := range names {
		if _, err := New(rule, 3, Defaults(rule)); err != nil {
			t.Errorf("New(%s) with its defaults: %v", rule, err)
		}
	}
	if _, err := New("sgd", 3, Defaults("sgd")); err == nil {
		t.Error("an unknown rule has defaults")
	}
}

func TestRestoreRefuses(t *testing.T) {
	good := func() []Vector { return []Vector{{"moment1", []float32{1, -1}}, {"moment2", []float32{1, 0}}} }
	o := start(t, FedAdam, 2, Defaults(FedAdam))
	for _, tt := range []struct {
		name  string
		spoil func([]Vector) []Vector
	}{
		{"one vector", func(v []Vector) []Vector { return v[:1] }},
		{"another name", func(v []Vector) []Vector { v[0].Name = "momentum"; return v }},
		{"another length", func(v []Vector) []Vector { v[1].Values = v[1].Values[:1]; return v }},
		{"no number", func(v []Vector) []Vector { v[0].Values[1] = float32(math.NaN()); return v }},
		{"a negative square", func(v []Vector) []Vector { v[1].Values[1] = -1; return v }},
	} {
		if o.Restore(tt.spoil(good())) == nil {
			t.Errorf("%s was taken", tt.name)
		}
	}
	if got := o.State()[0].Values; !slices.Equal(got, []float32{0, 0}) {
		t.Errorf("moment1 is %v after refusals, want zeros", got)
	}
	if err := o.Restore(good()); err != nil || o.State()[0].Values[1] != -1 {
		t.Errorf("Restore: %v, state %v", err, o.State())
	}
	if got := len(start(t, FedAvg, 2, Defaults(FedAvg)).State()); got != 0 {
		t.Errorf("fedavg has %d vectors of state, want none", got)
	}
}

func BenchmarkStep(b *testing.B) {
	const dim = 1_000_000
	d := updates(1, dim)[0]
	for _, rule := range names {
		b.Run(rule+"/1M", func(b *testing.B) {
			o, x := start(b, rule, dim, Defaults(rule)), make([]float32, dim)
			b.SetBytes(4 * dim)
			for b.Loop() {
				if err := o.Step(x, d); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
