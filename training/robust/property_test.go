package robust

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"codeberg.org/althing/althing/training/robust/attacks"
	"pgregory.net/rapid"
)

// combine runs a rule or fails.
func combine(t interface{ Fatalf(string, ...any) }, rule rule, updates [][]float32, f int) []float32 {
	dst := make([]float32, len(updates[0]))
	if err := rule.combine(dst, Memory(updates), f); err != nil {
		t.Fatalf("%s: %v", rule.name, err)
	}
	return dst
}

// smooth draws updates without equal scores, from a seed.
func smooth(t *rapid.T) (updates [][]float32, f int) {
	f = rapid.IntRange(0, 2).Draw(t, "f")
	n := rapid.IntRange(4*f+3, 14).Draw(t, "n")
	return draw(rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)), n, 7), f
}

func close(got, want []float32, tolerance float64) bool {
	return slices.EqualFunc(got, want, func(a, b float32) bool { return math.Abs(float64(a)-float64(b)) <= tolerance })
}

// Buckets depend on the order by design; all other rules treat nodes alike.
// The rules of ordered columns give the same bits, those that sum in the order
// of nodes the same value up to rounding.
func TestOrderOfNodesDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		updates, f := smooth(t)
		other := rapid.Permutation(updates).Draw(t, "order")
		for _, rule := range rules[:7] {
			want, got := combine(t, rule, updates, f), combine(t, rule, other, f)
			exact := slices.Contains([]string{"median", "trimmed", "krum", "bulyan"}, rule.name)
			if exact && !slices.Equal(bitsOf(got), bitsOf(want)) || !close(got, want, 1e-6) {
				t.Fatalf("%s = %v in one order and %v in another", rule.name, want, got)
			}
		}
	})
}

func TestMovedUpdatesMoveTheResult(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		updates, f := smooth(t)
		by := draw(rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "by"), 2)), 1, 7)[0]
		moved := make([][]float32, len(updates))
		for i, u := range updates {
			moved[i] = make([]float32, len(u))
			for k := range u {
				moved[i][k] = u[k] + by[k]
			}
		}
		for _, rule := range rules {
			if rule.name == "centered" {
				continue // pulled to its start, which does not move here
			}
			want, got := combine(t, rule, updates, f), combine(t, rule, moved, f)
			for k := range want {
				want[k] += by[k]
			}
			if !close(got, want, 1e-4) {
				t.Fatalf("%s of moved updates = %v, want %v", rule.name, got, want)
			}
		}
		// centered clipping moves when its start does
		a, b := make([]float32, 7), make([]float32, 7)
		_, err1 := CenteredClip(a, Memory(updates), make([]float32, 7), f, 1, 3)
		_, err2 := CenteredClip(b, Memory(moved), by, f, 1, 3)
		for k := range a {
			a[k] += by[k]
		}
		if err1 != nil || err2 != nil || !close(a, b, 1e-4) {
			t.Fatalf("centered clipping of moved updates = %v, want %v (%v, %v)", b, a, err1, err2)
		}
	})
}

// A power of two scales without rounding, so all but the rules with an absolute
// radius scale to the bit.
func TestScaledUpdatesScaleTheResult(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		updates, f := smooth(t)
		factor := float32(math.Ldexp(1, rapid.IntRange(-10, 10).Draw(t, "exponent")))
		if rapid.Bool().Draw(t, "turned") {
			factor = -factor
		}
		scaled := make([][]float32, len(updates))
		for i, u := range updates {
			for _, v := range u {
				scaled[i] = append(scaled[i], v*factor)
			}
		}
		for _, rule := range rules {
			if rule.name == "centered" {
				continue
			}
			want, got := combine(t, rule, updates, f), combine(t, rule, scaled, f)
			for k := range want {
				want[k] *= factor
			}
			if !close(got, want, 1e-5*math.Abs(float64(factor))) {
				t.Fatalf("%s of updates times %v = %v, want %v", rule.name, factor, got, want)
			}
		}
	})
}

// Every coordinate of a result lies between the values that were sent (in the
// convex hull, for the rules that take means of whole updates), and where all
// agree the result is what they agree on.
func TestResultsStayAmongTheUpdates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		updates, f := smooth(t)
		for _, rule := range rules {
			if rule.name == "centered" {
				continue // it may stay nearer to its start
			}
			for k, v := range combine(t, rule, updates, f) {
				c := column(updates, k)
				if float64(v) < c[0]-1e-6 || float64(v) > c[len(c)-1]+1e-6 {
					t.Fatalf("%s: coordinate %d is %v, outside of %v", rule.name, k, v, c)
				}
			}
			same := slices.Repeat(updates[:1], len(updates))
			if got := combine(t, rule, same, f); !close(got, updates[0], 1e-6) {
				t.Fatalf("%s of %d times %v = %v", rule.name, len(same), updates[0], got)
			}
		}
	})
}

// With f bad of n ≥ 2f+1 a median and a trimmed mean stay between honest values
// in every coordinate, whatever is sent.
func TestColumnsStayBetweenHonestValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.IntRange(0, 4).Draw(t, "f")
		honest := draw(rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)), f+1+rapid.IntRange(0, 5).Draw(t, "more"), 3)
		lies := rapid.SliceOfN(rapid.SliceOfN(rapid.Float32(), 3, 3), f, f).Filter(func(l [][]float32) bool {
			return !slices.ContainsFunc(l, func(u []float32) bool {
				return slices.ContainsFunc(u, func(v float32) bool { return v-v != 0 })
			})
		}).Draw(t, "lies")
		for _, rule := range rules[:2] {
			for k, v := range combine(t, rule, append(slices.Clone(honest), lies...), f) {
				if c := column(honest, k); float64(v) < c[0] || float64(v) > c[len(c)-1] {
					t.Fatalf("%s: coordinate %d is %v, honest are %v", rule.name, k, v, c)
				}
			}
		}
	})
}

// Every rule against every attack of the literature: 3 of 15 nodes are hostile,
// and the result may not leave the mean of the honest by more than the furthest
// honest update does and a quarter (Krum takes one update as it is, and min-max
// is made to be as far as that). The mean, which has no defence, does under the crude attacks.
func TestEveryRuleBearsEveryAttack(t *testing.T) {
	const n, f, dim = 15, 3, 300
	r := rand.New(rand.NewPCG(11, 12))
	centre := draw(r, 1, dim)[0]
	honest := draw(r, n-f, dim)
	truth := make([]float32, dim)
	for k := range truth {
		for i := range honest {
			honest[i][k] = centre[k] + 0.5*honest[i][k]
			truth[k] += honest[i][k] / (n - f)
		}
	}
	spread := 0.0
	for _, u := range honest {
		spread = max(spread, distance(u, truth))
	}
	crude := []string{"sign-flip", "scaled-10", "scaled-100", "gaussian", "same-value"}
	for _, a := range attacks.All() {
		lies := a.Craft(attacks.Scene{Honest: honest, Bad: f, Previous: centre, Seed: 5})
		updates := slices.Concat(honest[:4], lies, honest[4:])
		for _, rule := range rules {
			dst := make([]float32, dim)
			err := rule.combine(dst, Memory(updates), f)
			if a.Name == "nan" {
				if err == nil {
					t.Errorf("%s took NaN", rule.name)
				}
				continue
			}
			if err != nil {
				t.Fatalf("%s under %s: %v", rule.name, a.Name, err)
			}
			if got := distance(dst, truth); got > 1.25*spread {
				t.Errorf("%s under %s is %.3g from the honest mean, the furthest honest update is %.3g", rule.name, a.Name, got, spread)
			}
		}
		plain := make([]float32, dim)
		if err := TrimmedMean(plain, Memory(updates), 0); err == nil && slices.Contains(crude[1:], a.Name) && distance(plain, truth) < spread {
			t.Errorf("%s does not even move the mean: it is no attack", a.Name)
		}
	}
}

func distance(a, b []float32) float64 {
	sum := 0.0
	for k := range a {
		sum += (float64(a[k]) - float64(b[k])) * (float64(a[k]) - float64(b[k]))
	}
	return math.Sqrt(sum)
}

// Krum is no mean: its result is one update to the bit.
func TestKrumTakesOneUpdateAsItIs(t *testing.T) {
	updates := draw(rand.New(rand.NewPCG(3, 3)), 9, 40)
	dst := make([]float32, 40)
	choice, err := Krum(dst, Memory(updates), 2)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(bitsOf(dst), bitsOf(updates[choice.Chosen[0]])) || len(choice.Chosen) != 1 {
		t.Errorf("krum chose %v, and its result is another update", choice.Chosen)
	}
	if choice.Scores[choice.Chosen[0]] != slices.Min(choice.Scores) {
		t.Errorf("krum chose %v of scores %v", choice.Chosen, choice.Scores)
	}
	if _, err := MultiKrum(dst, Memory(updates), 2, 6); err == nil {
		t.Error("a mean of 6 of 9 with 2 bad was taken, want at most 5")
	}
	if _, err := Scores(NewDistances(6), 2); err == nil {
		t.Error("scores of 6 with 2 bad were given, want at least 7")
	}
}

func TestWeightsAreWhatRobustnessIsMeasuredIn(t *testing.T) {
	c := Memory([][]float32{{0}, {1}, {100}})
	dst := make([]float32, 1)
	for _, tt := range []struct {
		name    string
		weights []int64
		f       int
		nu      float64
		steps   int
		ok      bool
	}{
		{"equal", []int64{1, 1, 1}, 1, 1e-6, 5, true},
		{"one holds half", []int64{1, 1, 2}, 1, 1e-6, 5, false},
		{"one holds half and none is bad", []int64{1, 1, 2}, 0, 1e-6, 5, true},
		{"none", []int64{1, 0, 1}, 1, 1e-6, 5, false},
		{"two weights", []int64{1, 1}, 1, 1e-6, 5, false},
		{"too much", []int64{1 << 53, 1, 1}, 0, 1e-6, 5, false},
		{"no smoothing", []int64{1, 1, 1}, 1, 0, 5, false},
		{"no steps", []int64{1, 1, 1}, 1, 1e-6, 0, false},
	} {
		if _, err := GeometricMedian(dst, c, tt.weights, tt.f, tt.nu, tt.steps); (err == nil) != tt.ok {
			t.Errorf("%s: %v, want success %v", tt.name, err, tt.ok)
		}
	}
	if _, err := GeometricMedian(dst, c, []int64{1, 1, 1}, 1, 1e-6, 60); err != nil || dst[0] < 0.9 || dst[0] > 1.5 {
		t.Errorf("geometric median of 0, 1, 100 = %v %v, want it near 1", dst[0], err)
	}
}

func TestCenteredClipRefuses(t *testing.T) {
	c, dst := Memory(draw(rand.New(rand.NewPCG(3, 3)), 5, 4)), make([]float32, 4)
	for _, tt := range []struct {
		name  string
		start []float32
		tau   float64
		steps int
	}{
		{"no radius", nil, 0, 3}, {"a radius that is no number", nil, math.NaN(), 3}, {"no steps", nil, 1, 0},
		{"a short start", make([]float32, 3), 1, 3}, {"a start that is not finite", []float32{1, 2, float32(math.Inf(1)), 3}, 1, 3},
	} {
		if _, err := CenteredClip(dst, c, tt.start, 1, tt.tau, tt.steps); err == nil {
			t.Errorf("%s was taken", tt.name)
		}
	}
}

func TestDistancesRefuse(t *testing.T) {
	d := NewDistances(2)
	if d.Add([][]float32{{1}}) == nil || d.Add([][]float32{{1}, {1, 2}}) == nil {
		t.Error("one update of two, or two of different length, were taken")
	}
	if err := d.Add([][]float32{{1, 5}, {4, 1}}); err != nil || d.At(0, 1) != 25 || d.At(1, 0) != 25 || d.At(1, 1) != 0 {
		t.Errorf("distance of (1,5) and (4,1) = %v and %v (%v), want 25", d.At(0, 1), d.At(1, 0), err)
	}
	if d.Add([][]float32{{1, 5}, {4, 1}}) == nil {
		t.Error("a range after the last was taken")
	}
}
