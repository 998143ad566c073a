//go:build !amd64

package fedavg

// wide is false: this processor has no vectors that were tested here.
var wide = false

func accumulateHead([]float64, []float32, float64) int { return 0 }

func finiteHead([]float32) (int, bool) { return 0, true }

func divideHead([]float32, []float64, float64) (int, bool) { return 0, true }
