package tensor

//go:noescape
func expAVX2(n int, dst, src *float32, scale, shift float32)

//go:noescape
func swigluAVX2(n int, h, a, u *float32)

//go:noescape
func swigluGradAVX2(n int, da, du, dh, a, u *float32)

//go:noescape
func dotAVX2(n int, x, y, lane *float32)

//go:noescape
func sumAVX2(n int, x, lane *float32)

//go:noescape
func maxAVX2(n int, x, lane *float32)

//go:noescape
func squaresAVX2(n int, x *float32, lane *float64)

//go:noescape
func softmaxAVX512(n int, dst, src *float32, scale float32, out *float32)

//go:noescape
func dotAVX512(n int, x, y *float32) float32

//go:noescape
func swigluAVX512(n int, h, a, u *float32)

//go:noescape
func swigluGradAVX512(n int, da, du, dh, a, u *float32)

//go:noescape
func squaresAVX512(n int, x *float32, lane *float64)

// The functions below do the longest prefix that vectors cover and return its
// length; the caller does the rest in plain Go. AVX-512 has masks and leaves
// no rest, except of reductions into lanes.

func expHead(dst, src []float32, scale, shift float32) int {
	n := len(src) &^ 7
	if n == 0 || level.Load() == levelPortable {
		return 0
	}
	expAVX2(n, &dst[:n][0], &src[0], scale, shift)
	return n
}

// softmax does all of Softmax, or nothing.
func softmax(dst, src []float32, scale float32) (m, sum float32, done bool) {
	if len(src) == 0 || level.Load() != levelAVX512 {
		return 0, 0, false
	}
	var out [2]float32
	softmaxAVX512(len(src), &dst[:len(src)][0], &src[0], scale, &out[0])
	return out[0], out[1], true
}

func swigluHead(h, a, u []float32) int {
	n, l := len(h), level.Load()
	if l == levelAVX512 && n > 0 {
		swigluAVX512(n, &h[0], &a[:n][0], &u[:n][0])
		return n
	}
	if n &^= 7; n == 0 || l == levelPortable {
		return 0
	}
	swigluAVX2(n, &h[0], &a[:n][0], &u[:n][0])
	return n
}

func swigluGradHead(da, du, dh, a, u []float32) int {
	n, l := len(dh), level.Load()
	if l == levelAVX512 && n > 0 {
		swigluGradAVX512(n, &da[:n][0], &du[:n][0], &dh[0], &a[:n][0], &u[:n][0])
		return n
	}
	if n &^= 7; n == 0 || l == levelPortable {
		return 0
	}
	swigluGradAVX2(n, &da[:n][0], &du[:n][0], &dh[0], &a[:n][0], &u[:n][0])
	return n
}

// dot does all of Dot, or nothing.
func dot(x, y []float32) (float32, bool) {
	if len(x) == 0 || level.Load() != levelAVX512 {
		return 0, false
	}
	return dotAVX512(len(x), &x[0], &y[:len(x)][0]), true
}

func dotHead(x, y []float32, lane *[16]float32) int {
	n := len(x) &^ 15
	if n == 0 || level.Load() == levelPortable {
		return 0
	}
	dotAVX2(n, &x[0], &y[:n][0], &lane[0])
	return n
}

func sumHead(x []float32, lane *[16]float32) int {
	n := len(x) &^ 15
	if n == 0 || level.Load() == levelPortable {
		return 0
	}
	sumAVX2(n, &x[0], &lane[0])
	return n
}

func maxHead(x []float32, lane *[16]float32) int {
	n := len(x) &^ 15
	if n == 0 || level.Load() == levelPortable {
		return 0
	}
	maxAVX2(n, &x[0], &lane[0])
	return n
}

func squaresHead(x []float32, lane *[16]float64) int {
	n := len(x) &^ 15
	switch l := level.Load(); {
	case n == 0 || l == levelPortable:
		return 0
	case l == levelAVX512:
		squaresAVX512(n, &x[0], &lane[0])
	default:
		squaresAVX2(n, &x[0], &lane[0])
	}
	return n
}
