package tensor

// tilePortable computes one row of 32 columns: element l of A at a[l*cs],
// B in a panel of 32 floats per l. Four chains run side by side because each
// step waits for the rounding of the one before.
func tilePortable(k int, a []float32, cs int, b, c []float32, add int) {
	b, c = b[:k*32], c[:32]
	for j := 0; j < 32; j += 4 {
		var c0, c1, c2, c3 float32
		if add != 0 {
			c0, c1, c2, c3 = c[j], c[j+1], c[j+2], c[j+3]
		}
		for at, l := 0, j; l < len(b)-3; at, l = at+cs, l+32 {
			x, v := float64(a[at]), b[l:l+4:l+4]
			p0, p1, p2, p3 := x*float64(v[0]), x*float64(v[1]), x*float64(v[2]), x*float64(v[3])
			s0, s1, s2, s3 := p0+float64(c0), p1+float64(c1), p2+float64(c2), p3+float64(c3)
			if awkward(s0) || awkward(s1) || awkward(s2) || awkward(s3) {
				c0 = roundOdd(p0, float64(c0), s0)
				c1 = roundOdd(p1, float64(c1), s1)
				c2 = roundOdd(p2, float64(c2), s2)
				c3 = roundOdd(p3, float64(c3), s3)
				continue
			}
			c0, c1, c2, c3 = float32(s0), float32(s1), float32(s2), float32(s3)
		}
		c[j], c[j+1], c[j+2], c[j+3] = c0, c1, c2, c3
	}
}
