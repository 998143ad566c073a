package tensor

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// TestElementwiseFunctionsAreTheirPlainLoops computes every function on every
// kernel and compares with the formula of the package comment, at lengths with
// and without a rest, and looks whether anything beyond the end was touched.
func TestElementwiseFunctionsAreTheirPlainLoops(t *testing.T) {
	each(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(3, 4))
		for _, n := range []int{0, 1, 7, 8, 15, 16, 17, 31, 32, 48, 344, 1001} {
			in := func() []float32 { return append(random(r, n), 99)[:n] }
			a, b, c, d := in(), in(), in(), in()
			clone := func(x []float32) []float32 { return append(append([]float32(nil), x...), 99)[:n] }
			check := func(what string, got []float32, want func(i int) float32) {
				t.Helper()
				w := make([]float32, n)
				for i := range w {
					w[i] = want(i)
				}
				same(t, fmt.Sprintf("%s of %d", what, n), got, w)
				if got[:n+1][n] != 99 {
					t.Errorf("%s of %d wrote past the end", what, n)
				}
			}
			x := clone(a)
			Add(x, b)
			check("Add", x, func(i int) float32 { return a[i] + b[i] })
			Scale(x, a, 0.7)
			check("Scale", x, func(i int) float32 { return a[i] * 0.7 })
			ScaleMul(x, a, b, 1.3)
			check("ScaleMul", x, func(i int) float32 { return float32(a[i]*1.3) * b[i] })
			x, y := clone(a), clone(a)
			GainGrad(x, y, b, c, d, 0.9)
			check("GainGrad sum", x, func(i int) float32 { return a[i] + float32(b[i]*float32(c[i]*0.9)) })
			check("GainGrad t", y, func(i int) float32 { return b[i] * d[i] })
			x = clone(a)
			InputGrad(x, b, c, 1.1, 0.2)
			check("InputGrad", x, func(i int) float32 { return a[i] + (float32(1.1*b[i]) - float32(c[i]*0.2)) })
			x, y = clone(a), clone(b)
			Rotate(x, y, c, d, -1)
			check("Rotate lo", x, func(i int) float32 { return float32(a[i]*c[i]) - float32(b[i]*-d[i]) })
			check("Rotate hi", y, func(i int) float32 { return float32(b[i]*c[i]) + float32(a[i]*-d[i]) })
			x = clone(a)
			SoftmaxGrad(x, a, b, 0.3)
			dot := Dot(a, b)
			check("SoftmaxGrad", x, func(i int) float32 { return float32(a[i]*(b[i]-dot)) * 0.3 })
		}
	})
}

func TestSoftmaxIsItsSteps(t *testing.T) {
	each(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(5, 6))
		for _, n := range []int{1, 7, 8, 15, 16, 17, 31, 33, 128, 200} {
			src := random(r, n)
			want := make([]float32, n)
			top := float32(math.Inf(-1))
			for _, v := range src {
				top = max(top, v)
			}
			top = float32(top * 0.4)
			for i, v := range src {
				want[i] = exp32(float32(v*0.4) - top)
			}
			total := lanes(want)
			inverse := 1 / total
			for i := range want {
				want[i] *= inverse
			}
			got := append(make([]float32, n), 99)
			m, sum := Softmax(got[:n], src, 0.4)
			same(t, fmt.Sprintf("Softmax of %d", n), append(got, m, sum), append(want, 99, top, total))
		}
		if m, sum := Softmax(nil, nil, 1); !math.IsInf(float64(m), -1) || sum != 0 {
			t.Errorf("Softmax of nothing has maximum %g and sum %g, want -Inf and 0", m, sum)
		}
		far := []float32{0, -1000, -87.1, -86.9, 3, -1e30, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}
		got := make([]float32, len(far))
		Softmax(got, far, 1)
		if got[1] != 0 || got[5] != 0 || !(got[4] > 0) {
			t.Errorf("Softmax of far numbers is %g", got)
		}
		nan := []float32{1, float32(math.NaN()), 2}
		if Softmax(nan, nan, 1); nan[1] == nan[1] {
			t.Errorf("Softmax lost a NaN: %g", nan)
		}
	})
}

func TestAdamWStepAndNormOnEveryKernel(t *testing.T) {
	k := AdamWStep{B1: 0.9, C1: 0.1, B2: 0.999, C2: 0.001, Eps: 1e-8, Rate: 0.01, Root: 31.6, Decay: 1e-4}
	var first [][]float32
	var norm float64
	each(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(8, 9))
		w, g, m, v := random(r, 1003), random(r, 1003), random(r, 1003), random(r, 1003)
		for i := range v {
			v[i] *= v[i]
		}
		n := Norm(g)
		k.Update(w, g, m, v)
		if first == nil {
			first, norm = [][]float32{w, m, v}, n
		}
		if n != norm {
			t.Errorf("Norm = %g, want %g", n, norm)
		}
		for i, x := range [][]float32{w, m, v} {
			same(t, []string{"weights", "first moments", "second moments"}[i], x, first[i])
		}
	})
}
