package tensor

const (
	levelPortable = iota
	levelNEON
)

var levels = []string{Portable, NEON}

// best: every 64-bit ARM processor has NEON with fused multiply-add.
const best = int32(levelNEON)

// The tiles compute C[m × n] (+)= A[m × k]·B[k × n] with element (i, l) of A
// at a[i*rs + l*cs], B in panels of 32 floats per l, row stride ldc of C, all
// counted in floats; add 0 starts the chains at +0. k must be at least 1.

//go:noescape
func tile4x16NEON(k int, a *float32, rs, cs int, b, c *float32, ldc, add int)

//go:noescape
func tile1x32NEON(k int, a *float32, cs int, b, c *float32, add int)

// tile12x32 multiplies 12 rows.
func tile12x32(level int32, k int, a []float32, rs, cs int, b, c []float32, ldc, add int) {
	_, _, _ = a[11*rs+(k-1)*cs], b[k*32-1], c[11*ldc+31]
	tile8x32(level, k, a, rs, cs, b, c, ldc, add)
	if a, c = a[8*rs:], c[8*ldc:]; level == levelPortable {
		for i := range 4 {
			tilePortable(k, a[i*rs:], cs, b, c[i*ldc:], add)
		}
		return
	}
	tile4x16NEON(k, &a[0], rs, cs, &b[0], &c[0], ldc, add)
	tile4x16NEON(k, &a[0], rs, cs, &b[16], &c[16], ldc, add)
}

// tile8x32 multiplies 8 rows; a and c begin at the tile, b at the first k.
func tile8x32(level int32, k int, a []float32, rs, cs int, b, c []float32, ldc, add int) {
	_, _, _ = a[7*rs+(k-1)*cs], b[k*32-1], c[7*ldc+31]
	if level == levelPortable {
		for i := range 8 {
			tilePortable(k, a[i*rs:], cs, b, c[i*ldc:], add)
		}
		return
	}
	tile4x16NEON(k, &a[0], rs, cs, &b[0], &c[0], ldc, add)
	tile4x16NEON(k, &a[0], rs, cs, &b[16], &c[16], ldc, add)
	tile4x16NEON(k, &a[4*rs], rs, cs, &b[0], &c[4*ldc], ldc, add)
	tile4x16NEON(k, &a[4*rs], rs, cs, &b[16], &c[4*ldc+16], ldc, add)
}

// tile1x32 multiplies one row.
func tile1x32(level int32, k int, a []float32, cs int, b, c []float32, add int) {
	_, _, _ = a[(k-1)*cs], b[k*32-1], c[31]
	if level == levelPortable {
		tilePortable(k, a, cs, b, c, add)
		return
	}
	tile1x32NEON(k, &a[0], cs, &b[0], &c[0], add)
}
