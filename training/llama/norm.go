package llama

import (
	"math"

	"codeberg.org/althing/althing/training/tensor"
)

// gainRows are the rows whose gain gradients are summed together before the
// blocks are: a constant of arith/1, independent of threads.
const gainRows = 128

// normRow sets y = (x·r)·g with r = 1/√(mean x² + ε) and returns r.
func normRow(y, x, g []float32, eps float32) float32 {
	mean := tensor.Dot(x, x) / float32(len(x))
	r := 1 / float32(math.Sqrt(float64(mean+eps)))
	tensor.ScaleMul(y[:len(x)], x, g, r)
	return r
}

// normForward applies normRow to every row and keeps the factors r.
func normForward(team *tensor.Team, y, x tensor.Matrix, g, r []float32, eps float32) {
	team.Split(x.Rows, 1, func(_, lo, hi int) {
		for i := lo; i < hi; i++ {
			r[i] = normRow(y.Row(i), x.Row(i), g, eps)
		}
	})
}

// normBackward adds to dx the gradient of the input and sets dg to that of the
// gains. With t = dy∘g: dx += r·t - x·(r³·Σ(t∘x)/C), dg = Σ dy∘x·r.
// part holds one row of C per block of gainRows rows and one per thread.
func normBackward(team *tensor.Team, dx, dy, x tensor.Matrix, g, r, dg, part []float32) {
	c := x.Cols
	blocks := (x.Rows + gainRows - 1) / gainRows
	scratch := part[blocks*c:]
	team.Split(x.Rows, gainRows, func(worker, lo, hi int) {
		t := scratch[worker*c : (worker+1)*c]
		for i := lo; i < hi; i++ {
			sum := part[i/gainRows*c : (i/gainRows+1)*c]
			if i%gainRows == 0 {
				clear(sum)
			}
			xi, dyi, f := x.Row(i), dy.Row(i), r[i]
			tensor.GainGrad(sum, t, dyi, xi, g, f)
			k := float32(float32(f*f)*f) * (tensor.Dot(t, xi) / float32(c))
			tensor.InputGrad(dx.Row(i), t, xi, f, k)
		}
	})
	clear(dg)
	for b := range blocks {
		tensor.Add(dg, part[b*c:(b+1)*c])
	}
}
