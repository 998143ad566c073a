package fedavg

import "golang.org/x/sys/cpu"

// wide says that the processor and the operating system carry AVX2. Both paths
// give the same bits; a test compares them.
var wide = cpu.X86.HasAVX2

//go:noescape
func accumulateAVX2(n int, sum *float64, u *float32, w float64)

//go:noescape
func finiteAVX2(n int, v *float32) uint32

//go:noescape
func divideAVX2(n int, dst *float32, sum *float64, total float64) uint32

// accumulateHead does the longest prefix that the vectors cover and returns its
// length; the caller does the rest.
func accumulateHead(sum []float64, u []float32, w float64) int {
	n := len(u) &^ 15
	if n == 0 || !wide {
		return 0
	}
	accumulateAVX2(n, &sum[:n][0], &u[0], w)
	return n
}

// finiteHead looks at the longest prefix that the vectors cover and returns its
// length and whether it is finite.
func finiteHead(v []float32) (int, bool) {
	n := len(v) &^ 15
	if n == 0 || !wide {
		return 0, true
	}
	return n, finiteAVX2(n, &v[0]) == 0
}

// divideHead divides the longest prefix that the vectors cover and returns its
// length and whether it is finite.
func divideHead(dst []float32, sum []float64, total float64) (int, bool) {
	n := len(dst) &^ 7
	if n == 0 || !wide {
		return 0, true
	}
	return n, divideAVX2(n, &dst[0], &sum[:n][0], total) == 0
}
