package tensor

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// each runs f once per kernel of this processor and restores the choice.
func each(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	before := Kernel()
	defer func() {
		if err := Use(before); err != nil {
			t.Fatal(err)
		}
	}()
	for _, k := range Kernels() {
		if err := Use(k); err != nil {
			t.Fatal(err)
		}
		t.Run(k, f)
	}
}

func random(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

func same(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Fatalf("%s: element %d is %x (%g), want %x (%g)", what, i,
				math.Float32bits(got[i]), got[i], math.Float32bits(want[i]), want[i])
		}
	}
}

// exactFMA is the definition: a·b + c in arbitrary precision, rounded once.
func exactFMA(a, b, c float32) float32 {
	p := new(big.Float).SetPrec(2000).Mul(big.NewFloat(float64(a)), big.NewFloat(float64(b)))
	f, _ := p.Add(p, big.NewFloat(float64(c))).Float32()
	return f
}

func TestFMARoundsOnce(t *testing.T) {
	a, b := float32(1+math.Ldexp(1, -12)), float32((1-math.Ldexp(1, -12)+math.Ldexp(1, -24))*math.Ldexp(1, -24))
	want := float32(1 + math.Ldexp(1, -23))
	if got := FMA(a, b, 1); got != want {
		t.Errorf("FMA(%g, %g, 1) = %g, want 1+2⁻²³", a, b, got)
	}
	if twice := float32(float64(a)*float64(b) + 1); twice == want {
		t.Error("the case does not tell one rounding from two")
	}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 300_000 {
		bits := func() float32 {
			// Exponents near each other, and short mantissas, so that ties are common.
			u := r.Uint32()&0x80000000 | uint32(127-20+r.IntN(40))<<23 | (r.Uint32()&0x7fffff)>>(r.IntN(24))<<r.IntN(8)&0x7fffff
			if i%5 == 0 {
				u = u&0x807fffff | uint32(1+r.IntN(80))<<23 // products and sums below the normal range
			}
			return math.Float32frombits(u)
		}
		a, b, c := bits(), bits(), bits()
		if i%3 == 0 {
			c = float32(-float64(a) * float64(b) * (1 + float64(r.IntN(3)-1)*math.Ldexp(1, -r.IntN(50))))
		}
		if i%7 == 0 {
			b = math.Float32frombits(math.Float32bits(b)&0x807fffff | uint32(20+r.IntN(30))<<23)
			c = math.Float32frombits(r.Uint32() & 0x80ffffff)
		}
		got, want := FMA(a, b, c), exactFMA(a, b, c)
		if math.Float32bits(got) != math.Float32bits(want) && (got != 0 || want != 0) {
			t.Fatalf("FMA(%x, %x, %x) = %x, want %x", math.Float32bits(a), math.Float32bits(b), math.Float32bits(c),
				math.Float32bits(got), math.Float32bits(want))
		}
	}
}

// reference is the specification of a product: one chain per element.
func reference(c, a, b Matrix, aT, bT bool, kk int, add bool) {
	for i := range c.Rows {
		for j := range c.Cols {
			var s float32
			if add {
				s = c.Data[i*c.Stride+j]
			}
			for k := range kk {
				at, bt := i*a.Stride+k, k*b.Stride+j
				if aT {
					at = k*a.Stride + i
				}
				if bT {
					bt = j*b.Stride + k
				}
				s = FMA(a.Data[at], b.Data[bt], s)
			}
			c.Data[i*c.Stride+j] = s
		}
	}
}

func TestProductsAreOneChainPerElement(t *testing.T) {
	shapes := [][3]int{{1, 1, 1}, {8, 32, 16}, {7, 33, 5}, {17, 31, 300}, {9, 65, 257}, {24, 96, 40}, {3, 0, 2}, {2, 3, 0}}
	each(t, func(t *testing.T) {
		for _, threads := range []int{1, 2, 3} {
			team := Threads(threads)
			for _, s := range shapes {
				for op := range 6 {
					aT, bT, add := op%3 == 2, op%3 == 1, op >= 3
					m, n, k := s[0], s[1], s[2]
					r := rand.New(rand.NewPCG(uint64(m), uint64(n*1000+k)))
					view := func(rows, cols int) Matrix {
						return Matrix{random(r, rows*(cols+3)+1), rows, cols, cols + 3}
					}
					a, b, c := view(m, k), view(k, n), view(m, n)
					if aT {
						a = view(k, m)
					}
					if bT {
						b = view(n, k)
					}
					want := c
					want.Data = append([]float32(nil), c.Data...)
					reference(want, a, b, aT, bT, k, add)
					[]func(c, a, b Matrix, add bool){team.MulNN, team.MulNT, team.MulTN}[op%3](c, a, b, add)
					same(t, fmt.Sprintf("product %d of %v on %d threads", op, s, threads), c.Data, want.Data)
				}
			}
		}
	})
}

func TestPanelsMultiplyPartsOfTheirRows(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	a, at, b := Mat(random(r, 20*12), 20, 12), Mat(random(r, 12*20), 12, 20), Mat(random(r, 30*70), 30, 70)
	bt := Mat(make([]float32, 70*30), 70, 30)
	for i := range 30 {
		for j := range 70 {
			bt.Data[j*30+i] = b.Data[i*70+j]
		}
	}
	each(t, func(t *testing.T) {
		var p, q Panels
		p.Load(b)
		q.LoadT(bt)
		same(t, "panels of the transpose", q.data, p.data)
		got, want := Mat(make([]float32, 20*40), 20, 40), Mat(make([]float32, 20*40), 20, 40)
		p.Mul(got, a, 5, false)
		reference(want, a, b.Sub(5, 0, 12, 40), false, false, 12, false)
		same(t, "Mul", got.Data, want.Data)
		p.MulT(got, at, 9, true)
		reference(want, at, b.Sub(9, 0, 12, 40), true, false, 12, true)
		same(t, "MulT", got.Data, want.Data)
	})
}

// lanes is the specification of a sum.
func lanes(x []float32) float32 {
	var l [16]float32
	for i, v := range x {
		l[i%16] += v
	}
	var s [8]float32
	for i := range s {
		s[i] = l[i] + l[i+8]
	}
	return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]))
}

func TestVectorsAreTheirSpecification(t *testing.T) {
	each(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(7, 8))
		for _, n := range []int{1, 7, 8, 15, 16, 17, 31, 48, 344, 1001} {
			x, y, z := random(r, n), random(r, n), random(r, n)
			for i := range x {
				x[i] *= 30
			}
			xy, exp, h, da, du := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
			top := float32(math.Inf(-1))
			for i := range x {
				xy[i] = float32(x[i] * y[i])
				top = max(top, x[i])
				exp[i] = exp32(float32(x[i]*0.7) - 0.3)
				s := 1 / (1 + exp32(-x[i]))
				a := float32(x[i] * s)
				h[i] = float32(a * y[i])
				du[i] = float32(z[i] * a)
				da[i] = float32(float32(z[i]*y[i]) * (s + float32(a*(1-s))))
			}
			same(t, "Sum", []float32{Sum(x)}, []float32{lanes(x)})
			same(t, "Dot", []float32{Dot(x, y)}, []float32{lanes(xy)})
			same(t, "Max", []float32{Max(x)}, []float32{top})
			got, got2 := make([]float32, n), make([]float32, n)
			Exp(got, x, 0.7, 0.3)
			same(t, "Exp", got, exp)
			SwiGLU(got, x, y)
			same(t, "SwiGLU", got, h)
			SwiGLUGrad(got, got2, z, x, y)
			same(t, "SwiGLUGrad da", got, da)
			same(t, "SwiGLUGrad du", got2, du)
		}
	})
}

func TestExpAtItsEdgesAndInBetween(t *testing.T) {
	nan := math.Float32frombits(0x7fc00005)
	inf := float32(math.Inf(1))
	in := []float32{0, -87, -87.00001, -1e30, -inf, 88, 89, inf, nan, 1, -1, 1e-30, -0.5, 12}
	each(t, func(t *testing.T) {
		out := make([]float32, 16)
		Exp(out, append(in, 0, 0), 1, 0)
		top := exp32(88)
		for i, want := range map[int]float32{0: 1, 2: 0, 3: 0, 4: 0, 6: top, 7: top} {
			if out[i] != want {
				t.Errorf("exp(%g) = %g, want %g", in[i], out[i], want)
			}
		}
		if out[8] == out[8] {
			t.Errorf("exp(NaN) = %g, want NaN", out[8])
		}
		worst := 0.0
		x := make([]float32, 1<<14)
		for i := range x {
			x[i] = -87 + 175*float32(i)/float32(len(x))
		}
		y := make([]float32, len(x))
		Exp(y, x, 1, 0)
		for i, v := range x {
			want := math.Exp(float64(v))
			worst = max(worst, math.Abs(float64(y[i])-want)/want*(1<<23))
		}
		if worst > 2 {
			t.Errorf("relative error of exp is %.2f·2⁻²³, want at most 2", worst)
		}
	})
}

func TestFunctionsInBinary64(t *testing.T) {
	near := func(name string, x, got, want, tolerance float64) {
		t.Helper()
		if math.Abs(got-want) > tolerance {
			t.Errorf("%s(%g) = %.17g, want %.17g", name, x, got, want)
		}
	}
	for i := range 20_000 {
		x := float64(i-10_000) * 0.0701
		near("Exp64", x, Exp64(x)/math.Exp(x), 1, 4e-16)
		near("Sin64", x*90, Sin64(x*90), math.Sin(x*90), 3e-16)
		near("Cos64", x*90, Cos64(x*90), math.Cos(x*90), 3e-16)
		if x > 0 {
			near("Log64", x, Log64(x), math.Log(x), 3e-16*max(1, math.Abs(math.Log(x))))
			near("Log64", 1/x, Log64(1/x), math.Log(1/x), 3e-16*max(1, math.Abs(math.Log(x))))
		}
	}
	if Exp64(-800) != 0 || !math.IsInf(Exp64(800), 1) || !math.IsInf(Log64(0), -1) || !math.IsNaN(Log64(-1)) {
		t.Error("limits of Exp64 and Log64 are wrong")
	}
}

func TestUseRefusesWhatIsNotThere(t *testing.T) {
	if err := Use("abacus"); err == nil {
		t.Error("Use took kernels that do not exist")
	}
}

func BenchmarkMul(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, s := range [][3]int{{2048, 128, 128}, {2048, 344, 128}, {2048, 128, 344}} {
		m, n, k := s[0], s[1], s[2]
		x, w, y := Mat(random(r, m*k), m, k), Mat(random(r, n*k), n, k), Mat(random(r, m*n), m, n)
		team := Threads(1)
		run := func(op string, f func()) {
			b.Run(fmt.Sprintf("%s/%dx%dx%d", op, m, n, k), func(b *testing.B) {
				for b.Loop() {
					f()
				}
				b.ReportMetric(2*float64(m*n*k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
		run("forward", func() { team.MulNT(y, x, w, false) })
		run("dX", func() { team.MulNN(x, y, w, false) })
		run("dW", func() { team.MulTN(w, y, x, false) })
	}
}
