package tensor

import "math"

// tree adds the 16 lanes of a reduction in the fixed order 8, 4, 2, 1.
func tree(lane *[16]float32) float32 {
	s0, s1, s2, s3 := lane[0]+lane[8], lane[1]+lane[9], lane[2]+lane[10], lane[3]+lane[11]
	s4, s5, s6, s7 := lane[4]+lane[12], lane[5]+lane[13], lane[6]+lane[14], lane[7]+lane[15]
	s0, s1, s2, s3 = s0+s4, s1+s5, s2+s6, s3+s7
	return (s0 + s2) + (s1 + s3)
}

// Sum returns Σ x in 16 lanes.
func Sum(x []float32) float32 {
	var lane [16]float32
	for i := sumHead(x, &lane); i < len(x); i++ {
		lane[i&15] += x[i]
	}
	return tree(&lane)
}

// Dot returns Σ round(x·y) in 16 lanes; y is at least as long as x.
func Dot(x, y []float32) float32 {
	if d, done := dot(x, y); done {
		return d
	}
	var lane [16]float32
	y = y[:len(x)]
	for i := dotHead(x, y, &lane); i < len(x); i++ {
		lane[i&15] += float32(x[i] * y[i])
	}
	return tree(&lane)
}

// Max returns the largest element, -Inf of none.
func Max(x []float32) float32 {
	var lane [16]float32
	for j := range lane {
		lane[j] = float32(math.Inf(-1))
	}
	for i := maxHead(x, &lane); i < len(x); i++ {
		if v := x[i]; v > lane[i&15] {
			lane[i&15] = v
		}
	}
	top := lane[0]
	for _, v := range lane[1:] {
		if v > top {
			top = v
		}
	}
	return top
}

// Exp sets dst to exp(round(src·scale) - shift). The function is 0 below -87
// and constant above 88 (package comment).
func Exp(dst, src []float32, scale, shift float32) {
	dst = dst[:len(src)]
	for i := expHead(dst, src, scale, shift); i < len(src); i++ {
		dst[i] = exp32(float32(src[i]*scale) - shift)
	}
}

// exp32 is the scalar form of the vector function, step by step.
func exp32(x float32) float32 {
	const magic = 12582912 // 1.5·2²³: adding it leaves the integer in the low bits
	switch {
	case x != x:
		return x
	case x < -87:
		return 0
	case x > 88:
		x = 88
	}
	t := float32(x*1.44269504088896341) + magic
	n := t - magic
	r := x - float32(n*0.693359375)
	r -= float32(n * -2.12194440e-4)
	p := float32(r*1.9875691500e-4) + 1.3981999507e-3
	p = float32(p*r) + 8.3334519073e-3
	p = float32(p*r) + 4.1665795894e-2
	p = float32(p*r) + 1.6666665459e-1
	p = float32(p*r) + 5.0000001201e-1
	y := float32(p*float32(r*r)) + r
	y++
	return math.Float32frombits(math.Float32bits(y) + math.Float32bits(t)<<23)
}

// Softmax sets dst to exp(scale·src - m)/Σ and returns m = max(scale·src) and
// the sum Σ before the division; scale is positive.
func Softmax(dst, src []float32, scale float32) (m, sum float32) {
	if m, sum, done := softmax(dst, src, scale); done {
		return m, sum
	}
	m = float32(Max(src) * scale)
	Exp(dst, src, scale, m)
	sum = Sum(dst[:len(src)])
	Scale(dst[:len(src)], dst, 1/sum)
	return m, sum
}

// SoftmaxGrad sets dx to scale·p·(dp - Σ p·dp), the gradient of the unscaled
// input of Softmax from that of its output p.
func SoftmaxGrad(dx, p, dp []float32, scale float32) {
	d := Dot(p, dp)
	dx, dp = dx[:len(p)], dp[:len(p)]
	for i := softGradHead(dx, p, dp, d, scale); i < len(p); i++ {
		dx[i] = float32(p[i]*(dp[i]-d)) * scale
	}
}

// SwiGLU sets h to (a·sigmoid(a))·u (Shazeer 2020, section 2).
func SwiGLU(h, a, u []float32) {
	a, u = a[:len(h)], u[:len(h)]
	for i := swigluHead(h, a, u); i < len(h); i++ {
		s := 1 / (1 + exp32(-a[i]))
		h[i] = float32(a[i]*s) * u[i]
	}
}

// SwiGLUGrad sets du = dh·silu(a) and da = dh·u·silu'(a), where
// silu'(a) = s + silu(a)·(1 - s) and s = sigmoid(a).
func SwiGLUGrad(da, du, dh, a, u []float32) {
	da, du, a, u = da[:len(dh)], du[:len(dh)], a[:len(dh)], u[:len(dh)]
	for i := swigluGradHead(da, du, dh, a, u); i < len(dh); i++ {
		s := 1 / (1 + exp32(-a[i]))
		y := float32(a[i] * s)
		g := s + float32(y*(1-s))
		du[i], da[i] = float32(dh[i]*y), float32(float32(dh[i]*u[i])*g)
	}
}
