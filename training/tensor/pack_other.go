//go:build !amd64

package tensor

// Without assembly the plain loops do everything.

func packPanel(int, []float32, []float32, int) bool     { return false }
func packTiles(int, int, []float32, []float32, int) int { return 0 }
func packTransposed(int, []float32, []float32, int) int { return 0 }
