package tensor

//go:noescape
func packPanelAVX2(k int, dst, src *float32, stride int)

//go:noescape
func packTransposedAVX2(k int, dst, src *float32, stride int)

//go:noescape
func packTilesAVX2(k, tiles int, dst, src *float32, stride int)

// packPanel copies k rows of 32 elements, false if plain Go has to.
func packPanel(k int, dst, src []float32, stride int) bool {
	if k == 0 || level.Load() == levelPortable {
		return false
	}
	_, _ = dst[k*panelWidth-1], src[(k-1)*stride+panelWidth-1]
	packPanelAVX2(k, &dst[0], &src[0], stride)
	return true
}

// packTiles arranges the first columns of k rows as tiles of 12 and returns
// how many tiles it made.
func packTiles(k, columns int, tiles, a []float32, stride int) int {
	n := 0
	for left := columns; tileRows(left) == 12; left -= 12 {
		n++
	}
	if n == 0 || level.Load() == levelPortable {
		return 0
	}
	_, _ = tiles[n*12*k-1], a[(k-1)*stride+n*12-1]
	packTilesAVX2(k, n, &tiles[0], &a[0], stride)
	return n
}

// packTransposed turns 8 rows of k elements into columns of a panel and
// returns how many elements of each it did.
func packTransposed(k int, dst, src []float32, stride int) int {
	k &^= 7
	if k == 0 || level.Load() == levelPortable {
		return 0
	}
	_, _ = dst[(k-1)*panelWidth+7], src[7*stride+k-1]
	packTransposedAVX2(k, &dst[0], &src[0], stride)
	return k
}
