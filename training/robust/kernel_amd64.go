package robust

import "golang.org/x/sys/cpu"

// wide says that the processor and the operating system carry AVX2. Both paths
// give the same bits; a test compares them.
var wide = cpu.X86.HasAVX2

//go:noescape
func squaresAVX2(n int, a, b *float32, lane *[4]float64)

//go:noescape
func squares4AVX2(n int, a, b0, b1, b2, b3 *float32, lane *[4][4]float64)

//go:noescape
func pointAVX2(n int, u *float32, z *float64, lane *[4]float64)

//go:noescape
func exchangeAVX2(count int, net *pair, keys *int32)

// squaresHead adds the longest prefix that the vectors cover to the lanes and
// returns its length.
func squaresHead(a, b []float32, lane *[4]float64) int {
	n := len(a) &^ 3
	if n == 0 || !wide {
		return 0
	}
	squaresAVX2(n, &a[0], &b[:n][0], lane)
	return n
}

func squares4Head(a, b0, b1, b2, b3 []float32, lane *[4][4]float64) int {
	n := len(a) &^ 3
	if n == 0 || !wide {
		return 0
	}
	squares4AVX2(n, &a[0], &b0[:n][0], &b1[:n][0], &b2[:n][0], &b3[:n][0], lane)
	return n
}

func pointHead(u []float32, z []float64, lane *[4]float64) int {
	n := len(z) &^ 3
	if n == 0 || !wide {
		return 0
	}
	pointAVX2(n, &u[:n][0], &z[0], lane)
	return n
}

// exchangeWide runs the whole network, or says that it did nothing.
func exchangeWide(keys []int32, net []pair) bool {
	if !wide {
		return false
	}
	for _, p := range net {
		_ = keys[int(p.b)*tile+tile-1]
	}
	if len(net) > 0 {
		exchangeAVX2(len(net), &net[0], &keys[0])
	}
	return true
}
