package tensor

import (
	"fmt"
	"sync/atomic"
)

// The kernels, from the slowest. All give the same bits.
const (
	Portable = "portable" // plain Go, any processor
	AVX2     = "avx2"     // x86-64 with AVX2 and FMA
	AVX512   = "avx512"   // x86-64 with AVX-512 F as well
)

const (
	levelPortable = iota
	levelAVX2
	levelAVX512
)

var levels = []string{Portable, AVX2, AVX512}

// level is what the next operation uses; best is the highest the processor has.
var level = func() *atomic.Int32 {
	var l atomic.Int32
	l.Store(best)
	return &l
}()

// Kernel names the kernels in use. It starts as the best of the processor.
func Kernel() string { return levels[level.Load()] }

// Kernels lists the kernels that this processor can run, from the slowest.
func Kernels() []string { return levels[:best+1] }

// Use makes all following operations of the process run on the named kernels,
// for tests and for comparing speeds; results do not change.
func Use(kernel string) error {
	for i, name := range levels {
		if name == kernel && int32(i) <= best {
			level.Store(int32(i))
			return nil
		}
	}
	return fmt.Errorf("use kernels %q: this processor runs %v", kernel, Kernels())
}
