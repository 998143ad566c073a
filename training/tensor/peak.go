package tensor

// Burn does fused multiply-adds as fast as the kernels in use can, n rounds
// without touching memory, and returns how many additions and multiplications
// that were. Timed, it is the peak of which a training step gets a share.
// Where there is no such loop it multiplies one small tile over and over.
func Burn(n int) int {
	if per := burnRounds(n); per > 0 {
		return n * per
	}
	const k = 64
	var a, b, c [k * panelWidth]float32
	for range max(1, n/(k*panelWidth)) {
		tile8x32(level.Load(), k, a[:], k, 1, b[:], c[:], panelWidth, 0)
	}
	return max(1, n/(k*panelWidth)) * 2 * 8 * k * panelWidth
}
