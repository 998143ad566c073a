package checks

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"codeberg.org/althing/althing/training/robust"
	"pgregory.net/rapid"
)

func slowDot(u, v []float32) float64 {
	sum := 0.0
	for i := range u {
		sum += float64(u[i]) * float64(v[i])
	}
	return sum
}

func slowCosine(u, v []float32) float64 { return cosine(slowDot(u, v), slowDot(u, u), slowDot(v, v)) }

func slowMedian(values []float64) float64 {
	v := slices.Sorted(slices.Values(values))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

func slowScores(values []float64, floor float64) []float64 {
	middle := slowMedian(values)
	var away []float64
	for _, v := range values {
		away = append(away, math.Abs(v-middle))
	}
	size := max(1.4826*slowMedian(away), floor)
	z := make([]float64, len(values))
	for i, v := range values {
		if v != middle {
			z[i] = (v - middle) / size
		}
	}
	return z
}

// slow is the package read aloud: every check on its own, from whole vectors.
func slow(updates [][]float32, r Round) (values []map[string]string, sizes []int) {
	n := len(updates)
	middle := make([]float32, len(updates[0]))
	for k := range middle {
		var v []float64
		for _, u := range updates {
			v = append(v, float64(u[k]))
		}
		middle[k] = float32(slowMedian(v))
	}
	var norms, sparse []float64
	for _, u := range updates {
		norms = append(norms, math.Sqrt(slowDot(u, u)))
		var classes [2048]int
		for _, v := range u {
			classes[math.Float32bits(v)<<1>>21]++
		}
		total, top, left := 0.0, 0.0, float64(len(u))/100
		for class := 2047; class >= 0; class-- {
			total += float64(classes[class]) * middleSquare(class)
			taken := min(left, float64(classes[class]))
			left -= taken
			top += taken * middleSquare(class)
		}
		share := 0.0
		if total > 0 {
			share = top / total
		}
		sparse = append(sparse, share)
	}
	share := func(from, to int, root bool) []float64 { // of each update's energy, or norm, in a range
		var list []float64
		for i, u := range updates {
			s := 0.0
			if norms[i] > 0 {
				if s = slowDot(u[from:to], u[from:to]) / (norms[i] * norms[i]); root {
					s = math.Sqrt(s)
				}
			}
			list = append(list, s)
		}
		return list
	}
	inLayer, inRow := make([]float64, n), make([]float64, n)
	for i := range inLayer {
		inLayer[i] = math.Inf(-1)
	}
	start := 0
	for _, l := range r.Layers {
		for i, z := range slowScores(share(start, start+l.Len, false), floorShare) {
			inLayer[i] = max(inLayer[i], z)
		}
		for at := start; l.Cols > 0 && at < start+l.Len; at += l.Cols {
			for i, z := range slowScores(share(at, at+l.Cols, true), floorRow) {
				inRow[i] = max(inRow[i], z)
			}
		}
		start += l.Len
	}
	normZ, sparseZ := slowScores(norms, floorNorm*slowMedian(norms)), slowScores(sparse, floorShare)
	for i, u := range updates {
		before, other := math.Inf(-1), math.Inf(-1)
		reached, queue := map[int]bool{i: true}, []int{i}
		for j, w := range updates {
			c := slowCosine(u, w)
			if r.Updates[i].Owner != r.Updates[j].Owner {
				other = max(other, c)
			}
			if r.Updates[i].Digest == r.Updates[j].Digest {
				c = 1
			}
			if j < i {
				before = max(before, c)
			}
		}
		for len(queue) > 0 {
			k := queue[0]
			queue = queue[1:]
			for j := range n {
				if !reached[j] && r.Updates[j].Owner != r.Updates[k].Owner && slowCosine(updates[k], updates[j]) > float64(r.Limits.Cluster)/1000 {
					reached[j], queue = true, append(queue, j)
				}
			}
		}
		v := map[string]string{
			Norm: decimal(normZ[i]), Layers: decimal(inLayer[i]), Rows: decimal(inRow[i]), Sparsity: decimal(sparseZ[i]),
			Direction: decimal(slowCosine(u, middle)), Duplicate: decimal(before), Cluster: decimal(other),
		}
		for name, value := range v {
			if math.IsInf(map[string]float64{Duplicate: before, Cluster: other}[name], -1) {
				value = ""
			}
			v[name] = value
		}
		values, sizes = append(values, v), append(sizes, len(reached))
	}
	f := (n - 3) / 2
	var krum []float64
	for i, u := range updates {
		var far []float64
		for j, w := range updates {
			if i != j {
				d := 0.0
				for k := range u {
					d += (float64(u[k]) - float64(w[k])) * (float64(u[k]) - float64(w[k]))
				}
				far = append(far, d)
			}
		}
		slices.Sort(far)
		s := 0.0
		for _, d := range far[:n-f-2] {
			s += d
		}
		krum = append(krum, s)
	}
	for i, s := range krum {
		if m := slowMedian(krum); m > 0 {
			s /= m
		}
		values[i][KrumScore] = decimal(s)
	}
	return values, sizes
}

// mixed draws updates of a few members that are honest, copies, nearly copies, nothing.
func mixed(t *rapid.T) ([][]float32, Round) {
	n := rapid.IntRange(4, 9).Draw(t, "n")
	updates := honest(rapid.Uint64Range(0, 1000).Draw(t, "seed"), n)
	for i := 1; i < n; i++ {
		switch from := rapid.IntRange(0, i-1).Draw(t, "from"); rapid.SampledFrom([]string{"own", "own", "copy", "near", "nothing", "turned"}).Draw(t, "kind") {
		case "copy":
			copy(updates[i], updates[from])
		case "near":
			copy(updates[i], updates[from])
			jitter(updates[i:i+1], rapid.SampledFrom([]float64{0.0003, 0.0015, 0.003}).Draw(t, "jitter"))
		case "nothing":
			clear(updates[i])
		case "turned":
			for k, v := range updates[from] {
				updates[i][k] = -v
			}
		}
	}
	r := round(updates)
	for i := range r.Updates {
		r.Updates[i].Owner = rapid.Int64Range(1, 5).Draw(t, "owner")
	}
	r.Limits.Divide = true
	return updates, r
}

func TestFindingsAreThePlainOnes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		updates, r := mixed(rt)
		want, sizes := slow(updates, r)
		for i, v := range run(t, updates, r) {
			for name, value := range want[i] {
				if got := find(t, v, name); got.Value != value {
					rt.Fatalf("%s of update %d: %q, plainly %q", name, i, got.Value, value)
				}
			}
			if want[i][Cluster] != "" && v.Divisor != int64(sizes[i]) {
				rt.Fatalf("update %d counts for a %dth, its cluster has %d", i, v.Divisor, sizes[i])
			}
			sum := NewSketcher(r.Seed)
			sum.Add(0, updates[i], 1)
			if sum.Sketch() != v.Sketch {
				rt.Fatalf("update %d has another sketch than alone", i)
			}
		}
	})
}

// Where there are too many pairs their sketches are compared, and the findings
// say so: values within four standard errors (1 − c²)/32, copies and clusters of near
// copies found as before.
func TestSketchesOfTooManyPairs(t *testing.T) {
	updates := honest(3, 9)
	copy(updates[4], updates[1])
	copy(updates[7], updates[2])
	jitter(updates[7:8], 0.0003)
	r := round(updates)
	exact := run(t, updates, r)
	m, err := measure(robust.Memory(updates), r, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range exact {
		got := m.judge(i)
		for _, name := range []string{Duplicate, Cluster} {
			a, b := find(t, got, name), find(t, want, name)
			if a.Outcome != b.Outcome || (a.Value == "") != (b.Value == "") {
				t.Errorf("%s of update %d: %+v by sketches, %+v exactly", name, i, a, b)
			}
			var x, y float64
			if a.Value != "" {
				_, _ = fmt.Sscan(a.Value, &x)
				_, _ = fmt.Sscan(b.Value, &y)
			}
			if math.Abs(x-y) > 4*(1-y*y)/32+1e-5 { // four standard errors, and integers
				t.Errorf("%s of update %d: %s by sketches, %s exactly", name, i, a.Value, b.Value)
			}
		}
		if got.Outcome != want.Outcome || got.Divisor != want.Divisor {
			t.Errorf("update %d: %s by sketches, %s exactly", i, got.Outcome, want.Outcome)
		}
		if f := find(t, got, KrumScore); f.Outcome != NotRun || f.Value != "" {
			t.Errorf("Krum's score of update %d: %+v, want not run", i, f)
		}
		for j := range i {
			if c := m.all[i].sketch.Cosine(&m.all[j].sketch); c > m.pairs.before[i] {
				t.Errorf("cosine of sketches %d and %d is %v, the largest found %v", i, j, c, m.pairs.before[i])
			}
		}
	}
}

func TestMedianBySelection(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.SliceOfN(rapid.OneOf(rapid.Float64Range(-3, 3), rapid.SampledFrom([]float64{0, 1, 1, 2})), 1, 40).Draw(t, "values")
		if got, want := median(v), slowMedian(v); got != want {
			t.Fatalf("median of %v = %v, want %v", v, got, want)
		}
	})
	v := make([]float64, 5000)
	r := rand.New(rand.NewPCG(1, 1))
	for _, fill := range []func(i int) float64{
		func(i int) float64 { return float64(i) }, func(i int) float64 { return float64(-i) }, func(int) float64 { return 7 }, func(int) float64 { return r.NormFloat64() },
	} {
		for i := range v {
			v[i] = fill(i)
		}
		if got, want := median(v), slowMedian(v); got != want {
			t.Errorf("median of 5,000 values = %v, want %v", got, want)
		}
	}
}
