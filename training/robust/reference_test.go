package robust

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// cohort draws a few updates, often with equal values, zeros of both signs and
// numbers of very different size.
func cohort(t *rapid.T, low, high int) [][]float32 {
	n, dim := rapid.IntRange(low, high).Draw(t, "n"), rapid.IntRange(1, 6).Draw(t, "dim")
	value := rapid.OneOf(
		rapid.SampledFrom([]float32{0, float32(math.Copysign(0, -1)), 1, -1, math.MaxFloat32, -math.MaxFloat32, math.SmallestNonzeroFloat32}),
		rapid.Float32Range(-10, 10))
	return rapid.SliceOfN(rapid.SliceOfN(value, dim, dim), n, n).Draw(t, "updates")
}

// column returns the values of one coordinate in ascending order.
func column(updates [][]float32, k int) []float64 {
	var v []float64
	for _, u := range updates {
		v = append(v, float64(u[k]))
	}
	slices.SortFunc(v, func(a, b float64) int {
		switch {
		case a < b || a == b && math.Signbit(a) && !math.Signbit(b):
			return -1
		case a > b || a == b && math.Signbit(b) && !math.Signbit(a):
			return 1
		}
		return 0
	})
	return v
}

func mean(v []float64) float32 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return float32(sum / float64(len(v)))
}

// slowScores is Krum's definition: for each update the n−f−2 smallest of its
// squared distances, added up.
func slowScores(updates [][]float32, set []int, nearest int) []float64 {
	var out []float64
	for _, i := range set {
		var all []float64
		for _, j := range set {
			if i == j {
				continue
			}
			var lane [4]float64
			for k := range updates[i] {
				d := float64(updates[i][k]) - float64(updates[j][k])
				lane[k%4] += float64(d * d)
			}
			all = append(all, (lane[0]+lane[2])+(lane[1]+lane[3]))
		}
		slices.Sort(all)
		sum := 0.0
		for _, d := range all[:min(nearest, len(all))] {
			sum += d
		}
		out = append(out, sum)
	}
	return out
}

// best returns the place in set of the lowest score, then of the lowest sum of
// all distances, then the first.
func best(updates [][]float32, set []int, nearest int) int {
	near, all := slowScores(updates, set, nearest), slowScores(updates, set, len(set))
	at := 0
	for k := range set {
		if near[k] < near[at] || near[k] == near[at] && all[k] < all[at] {
			at = k
		}
	}
	return at
}

func TestMedianIsTheReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		updates := cohort(t, 1, 20)
		got := make([]float32, len(updates[0]))
		if err := Median(got, Memory(updates), 0); err != nil {
			t.Fatal(err)
		}
		for k := range got {
			v := column(updates, k)
			if want := float32((v[(len(v)-1)/2] + v[len(v)/2]) / 2); math.Float32bits(got[k]) != math.Float32bits(want) {
				t.Fatalf("median of %v = %v, want %v", v, got[k], want)
			}
		}
	})
}

func TestTrimmedMeanIsTheReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		updates := cohort(t, 1, 20)
		cut := rapid.IntRange(0, (len(updates)-1)/2).Draw(t, "k")
		got := make([]float32, len(updates[0]))
		if err := TrimmedMean(got, Memory(updates), cut); err != nil {
			t.Fatal(err)
		}
		for k := range got {
			v := column(updates, k)
			if want := mean(v[cut : len(v)-cut]); got[k] != want {
				t.Fatalf("mean of %v without %d on each side = %v, want %v", v, cut, got[k], want)
			}
		}
	})
}

func TestKrumIsTheReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		updates := cohort(t, 3, 14)
		n := len(updates)
		f := rapid.IntRange(0, (n-3)/2).Draw(t, "f")
		m := rapid.IntRange(1, n-f-2).Draw(t, "m")
		got := make([]float32, len(updates[0]))
		choice, err := MultiKrum(got, Memory(updates), f, m)
		if err != nil {
			t.Fatal(err)
		}
		want := slowScores(updates, places(n), n-f-2)
		if !slices.Equal(choice.Scores, want) {
			t.Fatalf("scores %v, want %v", choice.Scores, want)
		}
		var chosen []int
		for range m { // those chosen stay among the neighbours of the others
			at, all := -1, slowScores(updates, places(n), n)
			for k := range want {
				if !slices.Contains(chosen, k) && (at < 0 || want[k] < want[at] || want[k] == want[at] && all[k] < all[at]) {
					at = k
				}
			}
			chosen = append(chosen, at)
		}
		slices.Sort(chosen)
		if !slices.Equal(choice.Chosen, chosen) {
			t.Fatalf("chosen %v, want %v", choice.Chosen, chosen)
		}
		for k := range got {
			var v []float64
			for _, i := range chosen {
				v = append(v, float64(updates[i][k]))
			}
			if want := mean(v); got[k] != want {
				t.Fatalf("coordinate %d = %v, want %v", k, got[k], want)
			}
		}
	})
}

// slowBulyan takes the nearest values to the median one at a time.
func slowBulyan(updates [][]float32, f int) []float32 {
	left := places(len(updates))
	var chosen [][]float32
	theta := len(updates) - 2*f
	for range theta {
		at := best(updates, left, max(1, len(left)-f-2))
		chosen = append(chosen, updates[left[at]])
		left = slices.Delete(left, at, at+1)
	}
	out := make([]float32, len(updates[0]))
	for k := range out {
		v := column(chosen, k)
		median := (v[(theta-1)/2] + v[theta/2]) / 2
		var near []float64
		for range theta - 2*f {
			best := 0
			for i := range v {
				if math.Abs(v[i]-median) < math.Abs(v[best]-median) {
					best = i
				}
			}
			near = append(near, v[best])
			v = slices.Delete(v, best, best+1)
		}
		slices.Sort(near)
		out[k] = mean(near)
	}
	return out
}

func TestBulyanIsTheReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		updates := cohort(t, 3, 15)
		f := rapid.IntRange(0, (len(updates)-3)/4).Draw(t, "f")
		got := make([]float32, len(updates[0]))
		choice, err := Bulyan(got, Memory(updates), f)
		if err != nil {
			t.Fatal(err)
		}
		if want := slowBulyan(updates, f); !slices.Equal(got, want) {
			t.Fatalf("bulyan of %v with %d bad = %v, want %v", updates, f, got, want)
		}
		if len(choice.Chosen) != len(updates)-2*f {
			t.Fatalf("chosen %v of %d with %d bad, want %d", choice.Chosen, len(updates), f, len(updates)-2*f)
		}
	})
}

// The 0-1 principle (Knuth, volume 3, section 5.3.4, Theorem Z): a network
// that sorts every vector of zeros and ones sorts everything.
func TestNetworkSortsEveryVectorOfZerosAndOnes(t *testing.T) {
	for n := 1; n <= 14; n++ {
		for _, w := range []wires{{0, n}, {(n - 1) / 2, n/2 + 1}, {n / 3, n - n/3}} {
			net := network(n, w)
			for set := range 1 << n {
				v, ones := make([]int, n), 0
				for i := range v {
					v[i] = set >> i & 1
					ones += v[i]
				}
				for _, p := range net {
					v[p.a], v[p.b] = min(v[p.a], v[p.b]), max(v[p.a], v[p.b])
				}
				for i := w.from; i < w.to; i++ {
					if want := max(0, min(1, i-(n-ones)+1)); v[i] != want {
						t.Fatalf("network of %d for ranks %v: set %b has %d at rank %d", n, w, set, v[i], i)
					}
				}
			}
		}
	}
}

func TestNetworkOfManyWiresSortsAndIsCutToWhatIsWanted(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, n := range []int{50, 64, 100} {
		v := r.Perm(n)
		for _, p := range network(n, wires{0, n}) {
			v[p.a], v[p.b] = min(v[p.a], v[p.b]), max(v[p.a], v[p.b])
		}
		if !slices.Equal(v, places(n)) {
			t.Errorf("network of %d left %v", n, v)
		}
		if all, some := len(network(n, wires{0, n})), len(network(n, wires{n / 2, n/2 + 1})); some >= all {
			t.Errorf("%d comparators for the median of %d, %d for all ranks", some, n, all)
		}
	}
}

func TestKeysKeepTheOrderAndTheBits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Float32().Draw(t, "a"), rapid.Float32().Draw(t, "b")
		if a != b && (a < b) != (key(a) < key(b)) {
			t.Fatalf("key(%v) = %d, key(%v) = %d", a, key(a), b, key(b))
		}
		if got := float32(value(key(a))); math.Float32bits(got) != math.Float32bits(a) {
			t.Fatalf("value(key(%v)) = %v", a, got)
		}
	})
	if negative := float32(math.Copysign(0, -1)); key(negative) >= key(0) {
		t.Error("-0 is not before +0")
	}
}

// slowGeometric is Algorithm 2 of Pillutla et al. in plain float64.
func slowGeometric(updates [][]float32, p []float64, nu float64, iterations int) []float64 {
	z := make([]float64, len(updates[0]))
	w := slices.Clone(p)
	for step := 0; ; step++ {
		clear(z)
		total := 0.0
		for i, u := range updates {
			total += w[i]
			for k := range z {
				z[k] += w[i] * float64(u[k])
			}
		}
		for k := range z {
			z[k] /= total
		}
		if step == iterations {
			return z
		}
		for i, u := range updates {
			sum := 0.0
			for k := range z {
				sum += (float64(u[k]) - z[k]) * (float64(u[k]) - z[k])
			}
			w[i] = p[i] / max(nu, math.Sqrt(sum))
		}
	}
}

func TestGeometricMedianIsTheReference(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 9))
	for range 20 {
		updates := draw(r, 7, 30)
		weights, p := make([]int64, 7), make([]float64, 7)
		for i := range weights {
			weights[i] = 1 + r.Int64N(5)
			p[i] = float64(weights[i])
		}
		got := make([]float32, 30)
		trust, err := GeometricMedian(got, Memory(updates), weights, 1, 1e-6, 4)
		if err != nil {
			t.Fatal(err)
		}
		for k, want := range slowGeometric(updates, p, 1e-6, 4) {
			if math.Abs(float64(got[k])-want) > 1e-6 {
				t.Errorf("coordinate %d = %v, want %v", k, got[k], want)
			}
		}
		sum := 0.0
		for _, w := range trust {
			sum += w
		}
		if math.Abs(sum-1) > 1e-12 {
			t.Errorf("weights %v sum to %v, want 1", trust, sum)
		}
	}
}

// slowCentered is the equation, with v stored.
func slowCentered(updates [][]float32, start []float32, tau float64, iterations int) []float64 {
	v := make([]float64, len(updates[0]))
	for k := range start {
		v[k] = float64(start[k])
	}
	for range iterations {
		step := make([]float64, len(v))
		for _, u := range updates {
			sum := 0.0
			for k := range v {
				sum += (float64(u[k]) - v[k]) * (float64(u[k]) - v[k])
			}
			factor := min(1, tau/math.Sqrt(sum))
			for k := range v {
				step[k] += (float64(u[k]) - v[k]) * factor / float64(len(updates))
			}
		}
		for k := range v {
			v[k] += step[k]
		}
	}
	return v
}

func TestCenteredClipIsTheReference(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 9))
	for _, tau := range []float64{0.1, 3, 6, 1e9} {
		updates, start := draw(r, 6, 30), draw(r, 1, 30)[0]
		got := make([]float32, 30)
		if _, err := CenteredClip(got, Memory(updates), start, 2, tau, 5); err != nil {
			t.Fatal(err)
		}
		for k, want := range slowCentered(updates, start, tau, 5) {
			if math.Abs(float64(got[k])-want) > 1e-6 {
				t.Errorf("radius %v, coordinate %d = %v, want %v", tau, k, got[k], want)
			}
		}
	}
}
