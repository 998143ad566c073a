//go:build !amd64 && !arm64

package tensor

var levels = []string{Portable}

// best: other processors run plain Go.
const best = int32(0)

func tile12x32(_ int32, k int, a []float32, rs, cs int, b, c []float32, ldc, add int) {
	for i := range 12 {
		tilePortable(k, a[i*rs:], cs, b, c[i*ldc:], add)
	}
}

func tile8x32(_ int32, k int, a []float32, rs, cs int, b, c []float32, ldc, add int) {
	for i := range 8 {
		tilePortable(k, a[i*rs:], cs, b, c[i*ldc:], add)
	}
}

func tile1x32(_ int32, k int, a []float32, cs int, b, c []float32, add int) {
	tilePortable(k, a, cs, b, c, add)
}
