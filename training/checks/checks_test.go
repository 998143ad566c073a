package checks

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/robust"
	"codeberg.org/althing/althing/training/robust/attacks"
	"pgregory.net/rapid"
)

// usual are the limits that a community begins with.
var usual = Limits{Least: 4, Duplicate: 999_000, Norm: 6, Rows: 8, Sparse: 6, Against: 200, Cluster: 980}

const rows, cols = 64, 40

var layers = []Layer{{"a.weight", 1500, 0}, {"embed", rows * cols, cols}, {"z.weight", 940, 0}}

const dim = 1500 + rows*cols + 940

// honest makes updates that share a direction and differ by as much again, as
// nodes with texts of their own do.
func honest(seed uint64, n int) [][]float32 {
	r := rand.New(rand.NewPCG(seed, 5))
	common := make([]float64, dim)
	for i := range common {
		common[i] = r.NormFloat64()
	}
	list := make([][]float32, n)
	for k := range list {
		size := 1 + 0.1*r.NormFloat64()
		list[k] = make([]float32, dim)
		for i := range list[k] {
			list[k][i] = float32(0.01 * size * (common[i] + r.NormFloat64()))
		}
	}
	return list
}

// round is what the checks are told of updates of one member each.
func round(updates [][]float32) Round {
	r := Round{Layers: layers, Limits: usual, MaxShare: 500, Seed: [32]byte{1}}
	for i := range updates {
		r.Updates = append(r.Updates, Update{Digest: digestOf(updates[i]), Owner: int64(i + 1), Examples: 100, Weight: 100, Filtered: -1})
	}
	return r
}

func digestOf(v []float32) training.Digest { return training.DigestOf([]byte(fmt.Sprint(v))) }

func run(t testing.TB, updates [][]float32, r Round) []Verdict {
	t.Helper()
	list, err := Run(robust.Memory(updates), r)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func find(t testing.TB, v Verdict, name string) Finding {
	t.Helper()
	for _, f := range v.Findings {
		if f.Name == name {
			return f
		}
	}
	t.Fatalf("no finding %q", name)
	return Finding{}
}

// caught names the checks that did not pass an update, in their order.
func caught(v Verdict) string {
	var list []string
	for _, f := range v.Findings {
		if f.Outcome.severity() > Pass.severity() {
			list = append(list, f.Name+" "+string(f.Outcome))
		}
	}
	if len(list) == 0 {
		return "missed"
	}
	return strings.Join(list, ", ")
}

func TestHonestUpdatesPass(t *testing.T) {
	for seed := range uint64(20) {
		updates := honest(seed, 5+int(seed))
		for i, v := range run(t, updates, round(updates)) {
			if v.Outcome != Pass || v.Scale != 1 || v.Divisor != 1 {
				t.Errorf("seed %d, honest update %d: %s (%s)", seed, i, v.Outcome, caught(v))
			}
		}
	}
}

// jitter makes copies differ, as attackers do who know check 2.
func jitter(list [][]float32, size float64) [][]float32 {
	r := rand.New(rand.NewPCG(3, 9))
	for _, u := range list {
		for i := range u {
			u[i] += float32(size * r.NormFloat64())
		}
	}
	return list
}

// The table of the package: what 4 of 20 nodes send, and which checks stop the
// second of them (the first of copies is not a copy). What is missed is said.
func TestAttacksAndWhichCheckCatchesThem(t *testing.T) {
	scene := attacks.Scene{Honest: honest(1, 16), Bad: 4, Previous: honest(7, 1)[0], Seed: 7}
	row := func(s attacks.Scene) [][]float32 { // one row of a rare token, at the usual norm
		list := jitter(attacks.Scaled(s, 0.6), 0.001)
		for _, u := range list {
			for i := 1500 + 9*cols; i < 1500+10*cols; i++ {
				u[i] = 0.13
			}
		}
		return list
	}
	sparse := func(s attacks.Scene) [][]float32 { // few large numbers all over the model
		r := rand.New(rand.NewPCG(4, 4))
		list := attacks.Scaled(s, 0.5)
		for _, u := range list {
			for range 30 {
				u[r.IntN(dim)] = 0.2
			}
		}
		return list
	}
	want := map[string]string{
		"sign-flip":        "direction hold",
		"scaled-10":        "duplicate reject, norm clip",
		"scaled-100":       "duplicate reject, norm clip",
		"gaussian":         "norm clip",
		"same-value":       "duplicate reject, norm clip",
		"little-is-enough": "duplicate reject",
		"inner-product":    "duplicate reject, direction hold",
		"min-max":          "duplicate reject",
		"free-rider":       "duplicate reject, free-ride reject",
		"duplicates":       "duplicate reject",
		"nan":              "door",

		"little-is-enough, jittered": "missed",
		"min-max, jittered":          "missed",
		"inner-product, jittered":    "direction hold",
		"rare row":                   "rows hold, sparsity hold",
		"few large numbers":          "sparsity hold",
		"scaled by 1.2, jittered":    "missed",
	}
	crafts := attacks.All()
	for _, a := range attacks.All() {
		switch a.Name {
		case "little-is-enough", "min-max", "inner-product":
			crafts = append(crafts, attacks.Attack{Name: a.Name + ", jittered", Craft: func(s attacks.Scene) [][]float32 { return jitter(a.Craft(s), 0.003) }})
		}
	}
	crafts = append(crafts, attacks.Attack{Name: "rare row", Craft: row}, attacks.Attack{Name: "few large numbers", Craft: sparse},
		attacks.Attack{Name: "scaled by 1.2, jittered", Craft: func(s attacks.Scene) [][]float32 { return jitter(attacks.Scaled(s, 1.2), 0.003) }})
	for _, a := range crafts {
		bad := a.Craft(scene)
		updates := append(slices.Clone(scene.Honest), bad...)
		r := round(updates)
		before := NewSketcher(r.Seed)
		before.Add(0, scene.Previous, 1)
		last := before.Sketch()
		r.Last = &last
		list, err := Run(robust.Memory(updates), r)
		got := ""
		if err != nil {
			got = "door" // what is not finite never becomes an update; a cohort refuses it too
		} else {
			got = caught(list[17])
			for i, v := range list[:16] {
				if v.Outcome.Excludes() {
					t.Errorf("%s: honest update %d is excluded: %s", a.Name, i, caught(v))
				}
			}
		}
		if got != want[a.Name] {
			t.Errorf("%s: %s, want %s", a.Name, got, want[a.Name])
		}
	}
}

func TestWhatIsRemembered(t *testing.T) {
	updates := honest(2, 5)
	first := run(t, updates, round(updates))
	r := round(updates)
	flipped := NewSketcher(r.Seed)
	flipped.Add(0, updates[1], -1)
	turned := flipped.Sketch()
	r.Updates[0].Past, r.Updates[1].Past, r.Updates[2].Past = &first[0].Sketch, &turned, &first[4].Sketch
	r.Updates[3].Earlier = r.Updates[3].Digest
	list := run(t, updates, r)
	for i, want := range []string{"repeated reject", "course hold", "missed", "repeated reject", "missed"} {
		if got := caught(list[i]); got != want {
			t.Errorf("update %d: %s, want %s", i, got, want)
		}
	}
}

func TestClusterOfMembersCountsOnce(t *testing.T) {
	updates := honest(3, 8)
	for k, u := range jitter([][]float32{slices.Clone(updates[0]), slices.Clone(updates[0])}, 0.0012) {
		updates[5+k] = u
	}
	for _, tt := range []struct {
		divide  bool
		owner   int64 // of update 6
		outcome Outcome
		divisor int64
	}{{false, 7, Pass, 1}, {true, 7, DownWeight, 3}, {true, 1, DownWeight, 3}} {
		r := round(updates)
		r.Limits.Divide, r.Updates[6].Owner = tt.divide, tt.owner
		v := run(t, updates, r)[0]
		if f := find(t, v, Cluster); f.Outcome != tt.outcome || v.Divisor != tt.divisor || !strings.Contains(f.Note, "has 3") {
			t.Errorf("divide %v, owner %d: %+v, divisor %d; want %s and %d", tt.divide, tt.owner, f, v.Divisor, tt.outcome, tt.divisor)
		}
	}
}

func TestClipIsToTheMedian(t *testing.T) {
	updates := honest(4, 9)
	for i := range updates[2] {
		updates[2][i] *= 30
	}
	v := run(t, updates, round(updates))
	var norms []float64
	for _, u := range updates {
		sum := 0.0
		for _, x := range u {
			sum += float64(x) * float64(x)
		}
		norms = append(norms, math.Sqrt(sum))
	}
	want := slices.Sorted(slices.Values(norms))[4] / norms[2]
	if v[2].Outcome != Clip || math.Abs(v[2].Scale/want-1) > 1e-12 {
		t.Errorf("update 30 times too long: %s, scale %v, want %s and %v", v[2].Outcome, v[2].Scale, Clip, want)
	}
}

func TestTooFewAndNothing(t *testing.T) {
	updates := honest(5, 3)
	clear(updates[2])
	for i, v := range run(t, updates, round(updates)) {
		f := find(t, v, Direction)
		if f.Outcome != NotRun || !strings.HasPrefix(f.Note, "3 updates") {
			t.Errorf("direction of update %d of 3: %+v, want not run, with the reason", i, f)
		}
		if want := map[bool]Outcome{true: Hold, false: Pass}[i == 2]; v.Outcome != want {
			t.Errorf("update %d: %s, want %s", i, v.Outcome, want)
		}
	}
	for _, v := range run(t, updates, Round{Updates: round(updates).Updates, Layers: layers}) {
		if v.Outcome != Pass {
			t.Errorf("limits of zero: %s (%s), want that they decide nothing", v.Outcome, caught(v))
		}
	}
	one := Unmeasured(round(updates), 0, "private")
	if one.Outcome != Pass || len(one.Findings) != len(run(t, updates, round(updates))[0].Findings) {
		t.Errorf("unmeasured: %s with %d findings", one.Outcome, len(one.Findings))
	}
	if f := find(t, one, Norm); f.Outcome != NotRun || f.Value != "" {
		t.Errorf("unmeasured norm: %+v, want nothing told", f)
	}
}

func TestFactsThatDoNotFitAreRefused(t *testing.T) {
	updates := honest(6, 4)
	for name, spoil := range map[string]func(*Round){
		"an update too few": func(r *Round) { r.Updates = r.Updates[1:] },
		"a layer too few":   func(r *Round) { r.Layers = r.Layers[1:] },
		"rows that are odd": func(r *Round) {
			r.Layers = slices.Clone(layers)
			r.Layers[0].Cols = 7
		},
	} {
		r := round(updates)
		spoil(&r)
		if _, err := Run(robust.Memory(updates), r); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// ranges hands the same updates out in other pieces.
type ranges struct {
	robust.Cohort
	updates [][]float32
}

func (c ranges) Each(visit func(int, [][]float32) error) error {
	for from := 0; from < dim; from += robust.Block {
		part := make([][]float32, len(c.updates))
		for i, u := range c.updates {
			part[i] = u[from:min(from+robust.Block, dim)]
		}
		if err := visit(from, part); err != nil {
			return err
		}
	}
	return nil
}

func TestPiecesAndThreadsChangeNothing(t *testing.T) {
	updates := honest(8, 7)
	want := run(t, updates, round(updates))
	got, err := Run(ranges{robust.Memory(updates), updates}, round(updates))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("in ranges of one block: %v, another verdict", err)
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	if got := run(t, updates, round(updates)); !reflect.DeepEqual(got, want) {
		t.Error("on one thread: another verdict")
	}
}

// The order of the other nodes does not change what is said of one, and the
// scale of all updates changes no cosine, share or score.
func TestVerdictsDependOnTheCohortOnly(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(4, 9).Draw(rt, "n")
		updates := honest(rapid.Uint64Range(0, 1000).Draw(rt, "seed"), n)
		places := rapid.Permutation(seq(n)).Draw(rt, "order")
		power := rapid.IntRange(-3, 3).Draw(rt, "power")
		moved := make([][]float32, n)
		for to, from := range places {
			for _, v := range updates[from] {
				moved[to] = append(moved[to], float32(math.Ldexp(float64(v), power)))
			}
		}
		was, is := run(t, updates, round(updates)), run(t, moved, round(moved))
		for to, from := range places {
			for _, name := range []string{Norm, Layers, Rows, Direction, Sparsity} {
				if a, b := find(t, was[from], name), find(t, is[to], name); a.Value != b.Value || a.Outcome != b.Outcome {
					rt.Fatalf("%s of update %d: %s %s, at place %d times 2^%d %s %s", name, from, a.Value, a.Outcome, to, power, b.Value, b.Outcome)
				}
			}
			if was[from].Sketch != is[to].Sketch {
				rt.Fatalf("sketch of update %d changes with its scale", from)
			}
		}
	})
}

func seq(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// Nobody is held by the chance of a sketch: of 7,140 pairs at about right
// angles, none seems to point against the other as far as the limit says.
func TestSketchesOfRightAngles(t *testing.T) {
	chance := rand.New(rand.NewPCG(7, 7))
	sketches := make([]Sketch, 120)
	for i := range sketches {
		vector := make([]float32, 4096)
		for k := range vector {
			vector[k] = float32(chance.NormFloat64())
		}
		s := NewSketcher([32]byte{1})
		s.Add(0, vector, 1)
		sketches[i] = s.Sketch()
	}
	limit := -float64(usual.Against) / 1000
	for i := range sketches {
		for j := range i {
			if c := sketches[i].Cosine(&sketches[j]); c < limit {
				t.Errorf("sketches %d and %d: got %v, want above %v", j, i, c, limit)
			}
		}
	}
}

func TestSketchEstimatesCosines(t *testing.T) {
	updates := honest(9, 12)
	list := run(t, updates, round(updates))
	worst := 0.0
	for i := range updates {
		for j := range i {
			exact := slowCosine(updates[i], updates[j])
			worst = max(worst, math.Abs(list[i].Sketch.Cosine(&list[j].Sketch)-exact))
		}
		back, err := ParseSketch(list[i].Sketch.Bytes())
		if err != nil || *back != list[i].Sketch {
			t.Fatalf("sketch %d comes back as another: %v", i, err)
		}
	}
	if worst > 0.125 { // four standard errors
		t.Errorf("the worst estimate of 66 cosines is off by %v, want below 0.125", worst)
	}
	if _, err := ParseSketch(make([]byte, 7)); err == nil {
		t.Error("a sketch of 7 bytes is read")
	}
	if c := new(Sketch).Cosine(&list[0].Sketch); c != 0 {
		t.Errorf("cosine with nothing is %v, want 0", c)
	}
}

func TestScores(t *testing.T) {
	for _, tt := range []struct {
		values []float64
		floor  float64
		want   []float64
	}{
		{[]float64{1, 2, 3, 4, 100}, 0.1, []float64{-2 / 1.4826, -1 / 1.4826, 0, 1 / 1.4826, 97 / 1.4826}},
		{[]float64{5, 5, 5, 6}, 0.5, []float64{0, 0, 0, 2}},
		{[]float64{5, 5}, 0, []float64{0, 0}},
	} {
		for i, got := range scores(tt.values, tt.floor) {
			if math.Abs(got-tt.want[i]) > 1e-12 {
				t.Errorf("scores(%v, %v)[%d] = %v, want %v", tt.values, tt.floor, i, got, tt.want[i])
			}
		}
	}
}

func TestSpotChecksAreEarned(t *testing.T) {
	for valid := range int64(10) {
		if !Spot([32]byte{1}, [32]byte{2}, 3, valid, 10, 0) {
			t.Errorf("a node with %d valid updates is not drawn, want always below 10", valid)
		}
	}
	for _, tt := range []struct {
		valid, least int64
		want         float64
	}{{10, 0, 0.1}, {50, 0, 0.02}, {1000, 50, 0.05}, {20, 1000, 1}} {
		drawn := 0
		for i := range 20_000 {
			if Spot([32]byte{byte(i), byte(i >> 8)}, [32]byte{2}, 3, tt.valid, 10, tt.least) {
				drawn++
			}
		}
		got, wide := float64(drawn)/20_000, 4*math.Sqrt(tt.want*(1-tt.want)/20_000)+1e-3
		if math.Abs(got-tt.want) > wide {
			t.Errorf("a node with %d valid updates is drawn with %v, want %v within %v", tt.valid, got, tt.want, wide)
		}
	}
	drawn := 0 // whoever knows the seed and the node, and not the result, knows nothing
	for i := range 1000 {
		if Spot([32]byte{1}, [32]byte{byte(i), byte(i >> 8)}, 3, 10, 10, 0) {
			drawn++
		}
	}
	if drawn < 50 || drawn > 200 {
		t.Errorf("of 1,000 results %d draw a node with ten confirmed updates, want about 100", drawn)
	}
}
