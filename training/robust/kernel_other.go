//go:build !amd64

package robust

// wide is false: this processor has no vectors that were tested here.
var wide = false

func squaresHead(_, _ []float32, _ *[4]float64) int { return 0 }

func squares4Head(_, _, _, _, _ []float32, _ *[4][4]float64) int { return 0 }

func pointHead([]float32, []float64, *[4]float64) int { return 0 }

func exchangeWide([]int32, []pair) bool { return false }
