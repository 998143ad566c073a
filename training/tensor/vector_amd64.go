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

// The functions below do the longest prefix that vectors of 8 or 16 cover and
// return its length; the caller does the rest in plain Go.

func expHead(dst, src []float32, scale, shift float32) int {
	n := len(src) &^ 7
	if n == 0 || level.Load() == levelPortable {
		return 0
	}
	expAVX2(n, &dst[:n][0], &src[0], scale, shift)
	return n
}

func swigluHead(h, a, u []float32) int {
	n := len(h) &^ 7
	if n == 0 || level.Load() == levelPortable {
		return 0
	}
	swigluAVX2(n, &h[0], &a[:n][0], &u[:n][0])
	return n
}

func swigluGradHead(da, du, dh, a, u []float32) int {
	n := len(dh) &^ 7
	if n == 0 || level.Load() == levelPortable {
		return 0
	}
	swigluGradAVX2(n, &da[:n][0], &du[:n][0], &dh[0], &a[:n][0], &u[:n][0])
	return n
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
