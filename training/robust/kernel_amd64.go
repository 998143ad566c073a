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

// fused and wider say that the processor also carries FMA and AVX-512. Where
// products are fused nothing is rounded differently: those of two float32 are
// exact in float64.
var (
	fused = wide && cpu.X86.HasFMA
	wider = fused && cpu.X86.HasAVX512F && cpu.X86.HasAVX512VL
)

//go:noescape
func packAVX2(steps int, dst *float64, src *float32)

//go:noescape
func quadAVX512(steps int, a, b *float64, out *[16]float64)

//go:noescape
func quadAVX2(steps int, a, b *float64, out *[4]float64)

//go:noescape
func dotsAVX2(steps int, v, w *float32, own, with *[8]float64)

//go:noescape
func keysAVX2(n int, dst *int32, src *float32)

//go:noescape
func middleAVX2(n int, dst *float32, low, high *int32)

// packHead packs the longest prefix that the vectors cover and returns its length.
func packHead(dst []float64, u []float32) int {
	steps := len(u) / step
	if steps == 0 || !wide {
		return 0
	}
	_ = dst[(steps-1)*four*step+step-1]
	packAVX2(steps, &dst[0], &u[0])
	return steps * step
}

// quadWide computes a quad, or says that it did nothing.
func quadWide(out *[16]float64, a, b []float64) bool {
	if !wide || !fused {
		return false
	}
	steps := len(a) / (four * step)
	b = b[:steps*four*step]
	if wider {
		quadAVX512(steps, &a[0], &b[0], out)
		return true
	}
	for r := range four {
		quadAVX2(steps, &a[step*r], &b[0], (*[4]float64)(out[four*r:]))
	}
	return true
}

// dotsHead adds the longest prefix that the vectors cover to the lanes and
// returns its length.
func dotsHead(v, w []float32, own, with *[8]float64) int {
	steps := len(v) / step
	if steps == 0 || !wide || !fused {
		return 0
	}
	dotsAVX2(steps, &v[0], &w[0], own, with)
	return steps * step
}

// keysHead sets a prefix of row to the keys of v and returns its length.
func keysHead(row []int32, v []float32) int {
	n := len(v) &^ 7
	if n == 0 || !wide {
		return 0
	}
	keysAVX2(n, &row[:n][0], &v[0])
	return n
}

// middleHead sets a prefix of dst to the means of the numbers of two rows of
// keys and returns its length.
func middleHead(dst []float32, low, high []int32) int {
	n := len(dst) &^ 7
	if n == 0 || !wide {
		return 0
	}
	middleAVX2(n, &dst[0], &low[:n][0], &high[:n][0])
	return n
}
