package tensor

//go:noescape
func burnAVX512(n int)

//go:noescape
func burnAVX2(n int)

// burnRounds does n rounds in registers and returns the operations of one
// round, 0 if the kernels in use have no such loop.
func burnRounds(n int) int {
	switch level.Load() {
	case levelAVX512:
		burnAVX512(n)
		return 16 * 16 * 2
	case levelAVX2:
		burnAVX2(n)
		return 12 * 8 * 2
	}
	return 0
}
