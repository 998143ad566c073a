package llama

import (
	"math"

	"codeberg.org/althing/althing/training/tensor"
)

// normRow sets y = (x·r)·g with r = 1/√(mean x² + ε) and returns r.
func normRow(y, x, g []float32, eps float32) float32 {
	mean := tensor.Dot(x, x) / float32(len(x))
	r := 1 / float32(math.Sqrt(float64(mean+eps)))
	tensor.ScaleMul(y[:len(x)], x, g, r)
	return r
}

// normForward applies normRow to every row and keeps the factors r.
func normForward(y, x tensor.Matrix, g, r []float32, eps float32) {
	for i := range x.Rows {
		r[i] = normRow(y.Row(i), x.Row(i), g, eps)
	}
}

// normBackward adds to dx the gradient of the input and sets sum to what the
// rows, one block of them, give to the gradient of the gains. With t = dy∘g:
// dx += r·t - x·(r³·Σ(t∘x)/C), sum = Σ dy∘x·r. t is scratch of C.
func normBackward(dx, dy, x tensor.Matrix, g, r, sum, t []float32) {
	clear(sum)
	for i := range x.Rows {
		xi, f := x.Row(i), r[i]
		tensor.GainGrad(sum, t, dy.Row(i), xi, g, f)
		k := float32(float32(f*f)*f) * (tensor.Dot(t, xi) / float32(x.Cols))
		tensor.InputGrad(dx.Row(i), t, xi, f, k)
	}
}

// sumGains sets dg to the sum of the blocks' parts in their order.
func sumGains(dg, part []float32) {
	clear(dg)
	for c := len(dg); len(part) >= c; part = part[c:] {
		tensor.Add(dg, part[:c])
	}
}
