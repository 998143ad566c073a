//go:build !amd64

package robust

// wide is false: this processor has no vectors that were tested here.
var wide = false

func squaresHead(_, _ []float32, _ *[4]float64) int { return 0 }

func squares4Head(_, _, _, _, _ []float32, _ *[4][4]float64) int { return 0 }

func pointHead([]float32, []float64, *[4]float64) int { return 0 }

func exchangeWide([]int32, []pair) bool { return false }

// fused and wider are false with it.
var fused, wider = false, false

func packHead([]float64, []float32) int { return 0 }

func quadWide(*[16]float64, []float64, []float64) bool { return false }

func dotsHead(_, _ []float32, _, _ *[8]float64) int { return 0 }

func keysHead([]int32, []float32) int { return 0 }

func middleHead(_ []float32, _, _ []int32) int { return 0 }
