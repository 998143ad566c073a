package tensor

import "golang.org/x/sys/cpu"

const (
	levelPortable = iota
	levelAVX2
	levelAVX512
)

var levels = []string{Portable, AVX2, AVX512}

// best is found once, from CPUID and from what the operating system saves.
var best = func() int32 {
	switch {
	case !cpu.X86.HasAVX2 || !cpu.X86.HasFMA:
		return levelPortable
	case !cpu.X86.HasAVX512F:
		return levelAVX2
	}
	return levelAVX512
}()

// The tiles compute C[m × n] (+)= A[m × k]·B[k × n] with element (i, l) of A
// at a[i*rs + l*cs], B in panels of 32 floats per l, row stride ldc of C, all
// counted in floats; add 0 starts the chains at +0. k must be at least 1.

//go:noescape
func tile8x32AVX512(k int, a *float32, rs, cs int, b, c *float32, ldc, add int)

//go:noescape
func tile12x32RowsAVX512(k int, a *float32, rs int, b, c *float32, ldc, add int)

//go:noescape
func tile12x32PackedAVX512(k int, a, b, c *float32, ldc, add int)

//go:noescape
func tile1x32AVX512(k int, a *float32, cs int, b, c *float32, add int)

//go:noescape
func tile4x16AVX2(k int, a *float32, rs, cs int, b, c *float32, ldc, add int)

//go:noescape
func tile1x32AVX2(k int, a *float32, cs int, b, c *float32, add int)

// tile12x32 multiplies 12 rows, row-major (cs = 1) or packed (rs = 1, cs = 12).
func tile12x32(level int32, k int, a []float32, rs, cs int, b, c []float32, ldc, add int) {
	_, _, _ = a[11*rs+(k-1)*cs], b[k*32-1], c[11*ldc+31]
	switch {
	case level != levelAVX512:
		tile8x32(level, k, a, rs, cs, b, c, ldc, add)
		tile4x32(level, k, a[8*rs:], rs, cs, b, c[8*ldc:], ldc, add)
	case cs == 1:
		tile12x32RowsAVX512(k, &a[0], rs, &b[0], &c[0], ldc, add)
	case rs == 1 && cs == 12:
		tile12x32PackedAVX512(k, &a[0], &b[0], &c[0], ldc, add)
	default:
		panic("tensor: twelve rows are neither row-major nor packed")
	}
}

// tile4x32 multiplies 4 rows on what is no AVX-512.
func tile4x32(level int32, k int, a []float32, rs, cs int, b, c []float32, ldc, add int) {
	_, _, _ = a[3*rs+(k-1)*cs], b[k*32-1], c[3*ldc+31]
	if level == levelPortable {
		for i := range 4 {
			tilePortable(k, a[i*rs:], cs, b, c[i*ldc:], add)
		}
		return
	}
	tile4x16AVX2(k, &a[0], rs, cs, &b[0], &c[0], ldc, add)
	tile4x16AVX2(k, &a[0], rs, cs, &b[16], &c[16], ldc, add)
}

// tile8x32 multiplies 8 rows; a and c begin at the tile, b at the first k.
func tile8x32(level int32, k int, a []float32, rs, cs int, b, c []float32, ldc, add int) {
	_, _, _ = a[7*rs+(k-1)*cs], b[k*32-1], c[7*ldc+31]
	switch level {
	case levelAVX512:
		tile8x32AVX512(k, &a[0], rs, cs, &b[0], &c[0], ldc, add)
	case levelAVX2:
		tile4x16AVX2(k, &a[0], rs, cs, &b[0], &c[0], ldc, add)
		tile4x16AVX2(k, &a[0], rs, cs, &b[16], &c[16], ldc, add)
		tile4x16AVX2(k, &a[4*rs], rs, cs, &b[0], &c[4*ldc], ldc, add)
		tile4x16AVX2(k, &a[4*rs], rs, cs, &b[16], &c[4*ldc+16], ldc, add)
	default:
		for i := range 8 {
			tilePortable(k, a[i*rs:], cs, b, c[i*ldc:], add)
		}
	}
}

// tile1x32 multiplies one row.
func tile1x32(level int32, k int, a []float32, cs int, b, c []float32, add int) {
	_, _, _ = a[(k-1)*cs], b[k*32-1], c[31]
	switch level {
	case levelAVX512:
		tile1x32AVX512(k, &a[0], cs, &b[0], &c[0], add)
	case levelAVX2:
		tile1x32AVX2(k, &a[0], cs, &b[0], &c[0], add)
	default:
		tilePortable(k, a, cs, b, c, add)
	}
}
