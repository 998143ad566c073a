package tensor

//go:noescape
func scaleAVX512(n int, dst, src *float32, s float32)

//go:noescape
func scaleAVX2(n int, dst, src *float32, s float32)

//go:noescape
func addAVX512(n int, dst, x, y *float32)

//go:noescape
func addAVX2(n int, dst, x, y *float32)

//go:noescape
func scaleMulAVX512(n int, y, x, gain *float32, r float32)

//go:noescape
func scaleMulAVX2(n int, y, x, gain *float32, r float32)

//go:noescape
func gainGradAVX512(n int, sum, t, dy, x, gain *float32, r float32)

//go:noescape
func gainGradAVX2(n int, sum, t, dy, x, gain *float32, r float32)

//go:noescape
func inputGradAVX512(n int, dx, t, x *float32, r, k float32)

//go:noescape
func inputGradAVX2(n int, dx, t, x *float32, r, k float32)

//go:noescape
func softGradAVX512(n int, dx, p, dp *float32, d, s float32)

//go:noescape
func softGradAVX2(n int, dx, p, dp *float32, d, s float32)

//go:noescape
func rotateAVX512(n int, lo, hi, c, s *float32, sign float32)

//go:noescape
func rotateAVX2(n int, lo, hi, c, s *float32, sign float32)

//go:noescape
func adamWAVX512(n int, w, grad, m, v, k *float32)

//go:noescape
func adamWAVX2(n int, w, grad, m, v, k *float32)

// The functions below do what vectors cover of the loops in elementwise.go and
// return how much; the first argument gives the length.

func scaleHead(dst, src []float32, s float32) int {
	n, l := len(dst), level.Load()
	if l == levelAVX512 && n > 0 {
		scaleAVX512(n, &dst[:n][0], &src[:n][0], s)
		return n
	}
	if n &^= 7; n == 0 || l == levelPortable {
		return 0
	}
	scaleAVX2(n, &dst[:n][0], &src[:n][0], s)
	return n
}

func addHead(dst, x, y []float32) int {
	n, l := len(dst), level.Load()
	if l == levelAVX512 && n > 0 {
		addAVX512(n, &dst[:n][0], &x[:n][0], &y[:n][0])
		return n
	}
	if n &^= 7; n == 0 || l == levelPortable {
		return 0
	}
	addAVX2(n, &dst[:n][0], &x[:n][0], &y[:n][0])
	return n
}

func scaleMulHead(y, x, g []float32, r float32) int {
	n, l := len(y), level.Load()
	if l == levelAVX512 && n > 0 {
		scaleMulAVX512(n, &y[:n][0], &x[:n][0], &g[:n][0], r)
		return n
	}
	if n &^= 7; n == 0 || l == levelPortable {
		return 0
	}
	scaleMulAVX2(n, &y[:n][0], &x[:n][0], &g[:n][0], r)
	return n
}

func gainGradHead(sum, t, dy, x, g []float32, r float32) int {
	n, l := len(sum), level.Load()
	if l == levelAVX512 && n > 0 {
		gainGradAVX512(n, &sum[:n][0], &t[:n][0], &dy[:n][0], &x[:n][0], &g[:n][0], r)
		return n
	}
	if n &^= 7; n == 0 || l == levelPortable {
		return 0
	}
	gainGradAVX2(n, &sum[:n][0], &t[:n][0], &dy[:n][0], &x[:n][0], &g[:n][0], r)
	return n
}

func inputGradHead(dx, t, x []float32, r, k float32) int {
	n, l := len(dx), level.Load()
	if l == levelAVX512 && n > 0 {
		inputGradAVX512(n, &dx[:n][0], &t[:n][0], &x[:n][0], r, k)
		return n
	}
	if n &^= 7; n == 0 || l == levelPortable {
		return 0
	}
	inputGradAVX2(n, &dx[:n][0], &t[:n][0], &x[:n][0], r, k)
	return n
}

func softGradHead(dx, p, dp []float32, d, s float32) int {
	n, l := len(dx), level.Load()
	if l == levelAVX512 && n > 0 {
		softGradAVX512(n, &dx[:n][0], &p[:n][0], &dp[:n][0], d, s)
		return n
	}
	if n &^= 7; n == 0 || l == levelPortable {
		return 0
	}
	softGradAVX2(n, &dx[:n][0], &p[:n][0], &dp[:n][0], d, s)
	return n
}

func rotateHead(lo, hi, c, s []float32, sign float32) int {
	n, l := len(lo), level.Load()
	if l == levelAVX512 && n > 0 {
		rotateAVX512(n, &lo[:n][0], &hi[:n][0], &c[:n][0], &s[:n][0], sign)
		return n
	}
	if n &^= 7; n == 0 || l == levelPortable {
		return 0
	}
	rotateAVX2(n, &lo[:n][0], &hi[:n][0], &c[:n][0], &s[:n][0], sign)
	return n
}

func adamWHead(w, g, m, v []float32, k *AdamWStep) int {
	n, l := len(w), level.Load()
	if l == levelAVX512 && n > 0 {
		adamWAVX512(n, &w[:n][0], &g[:n][0], &m[:n][0], &v[:n][0], &k.B1)
		return n
	}
	if n &^= 7; n == 0 || l == levelPortable {
		return 0
	}
	adamWAVX2(n, &w[:n][0], &g[:n][0], &m[:n][0], &v[:n][0], &k.B1)
	return n
}
