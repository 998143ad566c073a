//go:build !amd64

package tensor

// Without assembly the plain loops do everything: the prefixes are empty.

func expHead(_, _ []float32, _, _ float32) int    { return 0 }
func swigluHead(_, _, _ []float32) int            { return 0 }
func swigluGradHead(_, _, _, _, _ []float32) int  { return 0 }
func dotHead(_, _ []float32, _ *[16]float32) int  { return 0 }
func sumHead(_ []float32, _ *[16]float32) int     { return 0 }
func maxHead(_ []float32, _ *[16]float32) int     { return 0 }
func squaresHead(_ []float32, _ *[16]float64) int { return 0 }

func softmax(_, _ []float32, _ float32) (m, sum float32, done bool) { return 0, 0, false }
func dot(_, _ []float32) (float32, bool)                            { return 0, false }

func scaleHead(_, _ []float32, _ float32) int             { return 0 }
func addHead(_, _, _ []float32) int                       { return 0 }
func scaleMulHead(_, _, _ []float32, _ float32) int       { return 0 }
func gainGradHead(_, _, _, _, _ []float32, _ float32) int { return 0 }
func inputGradHead(_, _, _ []float32, _, _ float32) int   { return 0 }
func softGradHead(_, _, _ []float32, _, _ float32) int    { return 0 }
func rotateHead(_, _, _, _ []float32, _ float32) int      { return 0 }
func adamWHead(_, _, _, _ []float32, _ *AdamWStep) int    { return 0 }
