package tensor

import "math"

// Add adds x to dst element by element.
func Add(dst, x []float32) { Sum2(dst[:len(x)], dst, x) }

// Sum2 sets dst to x + y.
func Sum2(dst, x, y []float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := addHead(dst, x, y); i < len(dst); i++ {
		dst[i] = x[i] + y[i]
	}
}

// Scale sets dst to src·s; both may be the same.
func Scale(dst, src []float32, s float32) {
	src = src[:len(dst)]
	for i := scaleHead(dst, src, s); i < len(dst); i++ {
		dst[i] = src[i] * s
	}
}

// ScaleMul sets y to (x·r)·g, the row of a norm.
func ScaleMul(y, x, g []float32, r float32) {
	x, g = x[:len(y)], g[:len(y)]
	for i := scaleMulHead(y, x, g, r); i < len(y); i++ {
		y[i] = float32(x[i]*r) * g[i]
	}
}

// GainGrad adds dy·(x·r) to sum and sets t to dy·g: what a row of a norm gives
// to the gradient of its gains, and the gradient of the scaled row.
func GainGrad(sum, t, dy, x, g []float32, r float32) {
	t, dy, x, g = t[:len(sum)], dy[:len(sum)], x[:len(sum)], g[:len(sum)]
	for i := gainGradHead(sum, t, dy, x, g, r); i < len(sum); i++ {
		sum[i] += float32(dy[i] * float32(x[i]*r))
		t[i] = float32(dy[i] * g[i])
	}
}

// InputGrad adds r·t - x·k to dx, the gradient of a norm's input.
func InputGrad(dx, t, x []float32, r, k float32) {
	t, x = t[:len(dx)], x[:len(dx)]
	for i := inputGradHead(dx, t, x, r, k); i < len(dx); i++ {
		dx[i] += float32(r*t[i]) - float32(x[i]*k)
	}
}

// Rotate turns the pairs (lo, hi) by angles with cosine c and sine sign·s.
func Rotate(lo, hi, c, s []float32, sign float32) {
	hi, c, s = hi[:len(lo)], c[:len(lo)], s[:len(lo)]
	for i := rotateHead(lo, hi, c, s, sign); i < len(lo); i++ {
		sin, a, b := sign*s[i], lo[i], hi[i]
		lo[i] = float32(a*c[i]) - float32(b*sin)
		hi[i] = float32(b*c[i]) + float32(a*sin)
	}
}

// AdamWStep holds the numbers of one update of optim.AdamW, each rounded once
// to binary32, in the order in which the kernels read them.
type AdamWStep struct{ B1, C1, B2, C2, Eps, Rate, Root, Decay float32 }

// Update changes weights w and moments m and v by the gradient g (Loshchilov
// and Hutter 2019, Algorithm 2; the formula stands at optim.AdamW).
func (k *AdamWStep) Update(w, g, m, v []float32) {
	g, m, v = g[:len(w)], m[:len(w)], v[:len(w)]
	for i := adamWHead(w, g, m, v, k); i < len(w); i++ {
		x := g[i]
		m[i] = float32(k.B1*m[i]) + float32(k.C1*x)
		v[i] = float32(k.B2*v[i]) + float32(k.C2*float32(x*x))
		d := float32(float32(math.Sqrt(float64(v[i])))*k.Root) + k.Eps
		y := w[i] - float32(k.Decay*w[i])
		w[i] = y - float32(k.Rate*m[i])/d
	}
}
