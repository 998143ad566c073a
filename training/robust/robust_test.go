package robust

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"codeberg.org/althing/althing/training/fedavg"
)

// rule is any rule of the package with its parameters set for f bad updates.
type rule struct {
	name    string
	need    func(f int) int // smallest n
	combine func(dst []float32, c Cohort, f int) error
}

var rules = []rule{
	{"median", func(f int) int { return 2*f + 1 }, Median},
	{"trimmed", func(f int) int { return 2*f + 1 }, TrimmedMean},
	{"krum", func(f int) int { return 2*f + 3 }, func(dst []float32, c Cohort, f int) error {
		_, err := Krum(dst, c, f)
		return err
	}},
	{"multi-krum", func(f int) int { return 2*f + 3 }, func(dst []float32, c Cohort, f int) error {
		n, _ := c.Size()
		_, err := MultiKrum(dst, c, f, max(1, n-f-2))
		return err
	}},
	{"bulyan", func(f int) int { return 4*f + 3 }, func(dst []float32, c Cohort, f int) error {
		_, err := Bulyan(dst, c, f)
		return err
	}},
	{"geometric", func(f int) int { return 2*f + 1 }, func(dst []float32, c Cohort, f int) error {
		n, _ := c.Size()
		_, err := GeometricMedian(dst, c, slices.Repeat([]int64{1}, n), f, 1e-6, 5)
		return err
	}},
	{"centered", func(f int) int { return 2*f + 1 }, func(dst []float32, c Cohort, f int) error {
		_, err := CenteredClip(dst, c, nil, f, 10, 5)
		return err
	}},
	{"bucketed median", func(f int) int { return 4*f + 1 }, func(dst []float32, c Cohort, f int) error {
		b, _, err := Bucketed(c, 2, [32]byte{1})
		if err != nil {
			return err
		}
		return Median(dst, b, f)
	}},
}

func draw(r *rand.Rand, n, dim int) [][]float32 {
	updates := make([][]float32, n)
	for i := range updates {
		updates[i] = make([]float32, dim)
		for k := range updates[i] {
			updates[i][k] = float32(r.NormFloat64())
		}
	}
	return updates
}

func bitsOf(v []float32) []uint32 {
	out := make([]uint32, len(v))
	for i, x := range v {
		out[i] = math.Float32bits(x)
	}
	return out
}

// cut is a cohort in ranges of the given number of blocks.
type cut struct {
	memory
	blocks int
}

func (c cut) Each(visit func(from int, part [][]float32) error) error {
	n, dim := c.Size()
	for from := 0; from < dim; from += c.blocks * Block {
		part := make([][]float32, n)
		for i, u := range c.memory {
			part[i] = slices.Clone(u[from:min(from+c.blocks*Block, dim)])
		}
		if err := visit(from, part); err != nil {
			return err
		}
	}
	return nil
}

// Bits must not depend on ranges, processors or kernels. The test changes the
// number of processors and the kernel, so it does not run beside others.
func TestEveryRuleGivesTheSameBitsHoweverItIsRun(t *testing.T) {
	const n, f, dim = 13, 2, 70*Block + 37
	updates := draw(rand.New(rand.NewPCG(1, 2)), n, dim)
	copy(updates[4], updates[9]) // equal scores and equal values
	defer func(procs int, vectors bool) {
		runtime.GOMAXPROCS(procs)
		wide = vectors
	}(runtime.GOMAXPROCS(0), wide)
	for _, rule := range rules {
		want := make([]float32, dim)
		runtime.GOMAXPROCS(1)
		wide = false
		if err := rule.combine(want, cut{updates, 1}, f); err != nil {
			t.Fatalf("%s: %v", rule.name, err)
		}
		for _, tt := range []struct {
			procs   int
			kernels bool
			cohort  Cohort
		}{
			{3, false, Memory(updates)}, {1, vectors, Memory(updates)}, {2, vectors, cut{updates, 3}}, {5, vectors, cut{updates, 100}},
		} {
			runtime.GOMAXPROCS(tt.procs)
			wide = tt.kernels
			got := make([]float32, dim)
			if err := rule.combine(got, tt.cohort, f); err != nil {
				t.Fatalf("%s: %v", rule.name, err)
			}
			if !slices.Equal(bitsOf(got), bitsOf(want)) {
				t.Errorf("%s with %d processors, vectors %v: other bits than the portable code of one processor", rule.name, tt.procs, tt.kernels)
			}
		}
	}
}

// vectors is what the processor can do, before a test changes it.
var vectors = wide

func TestEveryRuleRefusesTooFew(t *testing.T) {
	for _, rule := range rules {
		for f := range 4 {
			need := rule.need(f)
			dst := make([]float32, 5)
			if err := rule.combine(dst, Memory(draw(rand.New(rand.NewPCG(1, 1)), need, 5)), f); err != nil {
				t.Errorf("%s with %d of %d: %v", rule.name, f, need, err)
			}
			if need == 1 {
				continue
			}
			err := rule.combine(dst, Memory(draw(rand.New(rand.NewPCG(1, 1)), need-1, 5)), f)
			if rule.name == "bucketed median" {
				err = rule.combine(dst, Memory(draw(rand.New(rand.NewPCG(1, 1)), 4*f, 5)), f)
			}
			if f > 0 && !errors.Is(err, ErrTooFew) {
				t.Errorf("%s with %d of %d: %v, want ErrTooFew", rule.name, f, need-1, err)
			}
		}
		if rule.combine(make([]float32, 5), Memory(draw(rand.New(rand.NewPCG(1, 1)), 9, 5)), -1) == nil {
			t.Errorf("%s took -1 bad updates", rule.name)
		}
		if rule.combine(make([]float32, 4), Memory(draw(rand.New(rand.NewPCG(1, 1)), 9, 5)), 1) == nil {
			t.Errorf("%s took 4 places for 5 parameters", rule.name)
		}
		if rule.combine(nil, Memory(nil), 0) == nil {
			t.Errorf("%s took no updates", rule.name)
		}
	}
}

func TestEveryRuleRefusesWhatIsNotFinite(t *testing.T) {
	for _, rule := range rules {
		for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			updates := draw(rand.New(rand.NewPCG(1, 1)), 11, 2*Block)
			updates[7][Block+5] = float32(v)
			err := rule.combine(make([]float32, 2*Block), Memory(updates), 2)
			if !errors.Is(err, fedavg.ErrNotFinite) {
				t.Errorf("%s with %v: %v, want ErrNotFinite", rule.name, v, err)
			}
		}
	}
}

// broken is a cohort that does not do what Cohort promises.
type broken struct {
	memory
	each func(visit func(int, [][]float32) error) error
}

func (b broken) Each(visit func(int, [][]float32) error) error { return b.each(visit) }

func TestABrokenCohortIsRefused(t *testing.T) {
	updates := memory(draw(rand.New(rand.NewPCG(1, 1)), 3, 2*Block))
	part := func(from, to int) [][]float32 {
		return [][]float32{updates[0][from:to], updates[1][from:to], updates[2][from:to]}
	}
	for _, tt := range []struct {
		name string
		each func(visit func(int, [][]float32) error) error
	}{
		{"ends early", func(v func(int, [][]float32) error) error { return v(0, part(0, Block)) }},
		{"begins late", func(v func(int, [][]float32) error) error { return v(Block, part(Block, 2*Block)) }},
		{"an odd cut", func(v func(int, [][]float32) error) error { return v(0, part(0, 10)) }},
		{"too long", func(v func(int, [][]float32) error) error { return v(0, draw(rand.New(rand.NewPCG(1, 1)), 3, 3*Block)) }},
		{"an update less", func(v func(int, [][]float32) error) error { return v(0, part(0, 2*Block)[:2]) }},
		{"a short update", func(v func(int, [][]float32) error) error {
			p := part(0, 2*Block)
			p[2] = p[2][:Block]
			return v(0, p)
		}},
		{"an error", func(func(int, [][]float32) error) error { return errors.New("disk") }},
	} {
		if Median(make([]float32, 2*Block), broken{updates, tt.each}, 1) == nil {
			t.Errorf("%s: no error", tt.name)
		}
	}
	if Median(make([]float32, 2), Memory([][]float32{{1, 2}, {1}, {1, 2}}), 0) == nil {
		t.Error("updates of different length were taken")
	}
	if _, err := Measure(broken{nil, func(v func(int, [][]float32) error) error { return v(0, nil) }}); !errors.Is(err, fedavg.ErrEmpty) {
		t.Errorf("distances of no updates: %v, want ErrEmpty", err)
	}
	if _, err := Scaled(updates, []float64{1, 2, 1}); err == nil {
		t.Error("a factor of 2 was taken")
	}
	if _, err := Scaled(updates, []float64{1}); err == nil {
		t.Error("one factor for three updates was taken")
	}
}

func TestScaledIsEachUpdateTimesItsFactor(t *testing.T) {
	c, err := Scaled(Memory([][]float32{{2, 4}, {6, -8}, {1, 1}}), []float64{1, 0.5, 0})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // a cohort is read more than once
		var got [][]float32
		if err := c.Each(func(_ int, part [][]float32) error {
			for _, u := range part {
				got = append(got, slices.Clone(u))
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if want := "[[2 4] [3 -4] [0 0]]"; fmt.Sprint(got) != want {
			t.Errorf("scaled = %v, want %s", got, want)
		}
	}
}

// A streamed cohort costs what a rule keeps, not what the cohort weighs: 16
// updates of 2 million parameters are 128 MiB, of which 16 ranges of 64 KiB and
// a result of 8 MiB are in memory at a time. Everything ever allocated is
// counted, so that nothing can hide behind the collector.
func TestAStreamedCohortTakesLittleMemory(t *testing.T) {
	const n, dim = 16, 2 << 20
	part := draw(rand.New(rand.NewPCG(1, 1)), n, 16*Block)
	stream := broken{make(memory, n), nil}
	stream.each = func(visit func(int, [][]float32) error) error {
		for from := 0; from < dim; from += 16 * Block {
			if err := visit(from, part); err != nil {
				return err
			}
		}
		return nil
	}
	c := sized{stream, dim}
	dst := make([]float32, dim)
	var before, after runtime.MemStats
	for _, rule := range rules {
		runtime.ReadMemStats(&before)
		if err := rule.combine(dst, c, 3); err != nil {
			t.Fatalf("%s: %v", rule.name, err)
		}
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 16<<20 {
			t.Errorf("%s allocated %d MiB for updates of %d MiB", rule.name, took>>20, n*dim*4>>20)
		}
	}
}

// sized is a cohort of another length than its first update.
type sized struct {
	broken
	dim int
}

func (s sized) Size() (n, dim int) { return len(s.memory), s.dim }

func TestBucketsAreAPartitionByTheSeed(t *testing.T) {
	updates := make([][]float32, 7)
	for i := range updates {
		updates[i] = []float32{float32(i), 1}
	}
	c, buckets, err := Bucketed(Memory(updates), 3, [32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	if want := "[[1 2 5] [0 3 4] [6]]"; fmt.Sprint(buckets) != want {
		t.Errorf("buckets of seed 1 = %v, want %s: the shuffle is part of the replay", buckets, want)
	}
	if _, other, _ := Bucketed(Memory(updates), 3, [32]byte{2}); fmt.Sprint(other) == fmt.Sprint(buckets) {
		t.Errorf("buckets of seeds 1 and 2 are both %v", other)
	}
	seen := slices.Sorted(slices.Values(slices.Concat(buckets...)))
	if !slices.Equal(seen, places(7)) {
		t.Errorf("buckets hold %v, want each place once", seen)
	}
	_ = c.Each(func(_ int, part [][]float32) error {
		for b, u := range part {
			sum := float32(0)
			for _, i := range buckets[b] {
				sum += updates[i][0]
			}
			if want := sum / float32(len(buckets[b])); u[0] != want || u[1] != 1 {
				t.Errorf("bucket %d = %v, want [%v 1]", b, u, want)
			}
		}
		return nil
	})
	if _, _, err := Bucketed(Memory(updates), 0, [32]byte{}); err == nil {
		t.Error("buckets of 0 were taken")
	}
}
