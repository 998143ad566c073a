package tensor

import (
	"math"
	"strings"
	"testing"

	"codeberg.org/althing/althing/training"
)

func layout(t *testing.T, specs ...Spec) *Params {
	t.Helper()
	p, err := NewParams(specs...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestParamsLieInOrderOfNames(t *testing.T) {
	p := layout(t, Spec{"z", []int{2}}, Spec{"a.10", []int{1, 3}}, Spec{"a.2", []int{1}})
	for i, name := range []string{"a.10", "a.2", "z"} {
		if got := p.Specs()[i].Name; got != name {
			t.Errorf("tensor %d is %q, want %q", i, got, name)
		}
	}
	copy(p.Vector("z"), []float32{1, -2})
	if p.Data[4] != 1 || p.Data[5] != -2 {
		t.Errorf("Data = %v, want z at its end", p.Data)
	}
	if m := p.Matrix("a.10"); m.Rows != 1 || m.Cols != 3 {
		t.Errorf("a.10 is %d × %d, want 1 × 3", m.Rows, m.Cols)
	}
	if _, ok := p.View("b"); ok {
		t.Error("View found a tensor that was not laid out")
	}
	want := training.DigestOf([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0})
	if got := p.Digest(); got != want {
		t.Errorf("Digest = %v, want that of the little-endian bytes %v", got, want)
	}
	q := p.Clone()
	q.AddScaled(0.5, p)
	if p.Data[4] != 1 || q.Data[4] != 1.5 || q.Data[5] != -3 {
		t.Errorf("p + p/2 = %v (p = %v)", q.Data, p.Data)
	}
	if err := p.SameLayout(q); err != nil {
		t.Error(err)
	}
	if err := p.SameLayout(layout(t, Spec{"a.10", []int{3, 1}}, Spec{"a.2", []int{1}}, Spec{"z", []int{2}})); err == nil {
		t.Error("SameLayout passed a transposed shape")
	}
}

func TestParamsRefuseBadLayouts(t *testing.T) {
	for _, specs := range [][]Spec{
		{{"", []int{1}}}, {{"a", []int{0}}}, {{"a", []int{2, -1}}}, {{"a", []int{1}}, {"a", []int{1}}},
		{{"a", []int{1 << 30, 1 << 30}}}, {{"a", []int{1 << 30}}, {"b", []int{1 << 30}}},
	} {
		if _, err := NewParams(specs...); err == nil {
			t.Errorf("NewParams(%v) took a bad layout", specs)
		}
	}
}

func TestNormAndFinite(t *testing.T) {
	p := layout(t, Spec{"a", []int{20}}, Spec{"b", []int{13}})
	sum := 0.0
	for i := range p.Data {
		p.Data[i] = float32(i) - 7.25
		sum += float64(p.Data[i]) * float64(p.Data[i])
	}
	if got := p.Norm(); math.Abs(got-math.Sqrt(sum)) > 1e-12 {
		t.Errorf("Norm = %g, want %g", got, math.Sqrt(sum))
	}
	if err := p.CheckFinite(); err != nil {
		t.Error(err)
	}
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		p.Vector("b")[12] = float32(bad)
		if err := p.CheckFinite(); err == nil || !strings.Contains(err.Error(), `"b": element 12`) {
			t.Errorf("CheckFinite of %g = %v, want element 12 of b", bad, err)
		}
	}
}

func TestSplitCoversEverythingOnce(t *testing.T) {
	for _, threads := range []int{0, 1, 2, 5} {
		for _, n := range []int{0, 1, 7, 8, 9, 100} {
			team, seen := Threads(threads), make([]int32, n)
			team.Split(n, 8, func(worker, lo, hi int) {
				if worker >= team.Size() || lo%8 != 0 {
					t.Errorf("worker %d of %d got [%d, %d)", worker, team.Size(), lo, hi)
				}
				for i := lo; i < hi; i++ {
					seen[i]++
				}
			})
			for i, c := range seen {
				if c != 1 {
					t.Errorf("%d threads, %d items: item %d was visited %d times", threads, n, i, c)
				}
			}
		}
	}
}
