package tensor

import (
	"fmt"
	"sync/atomic"
)

// The kernels. All give the same bits.
const (
	Portable = "portable" // plain Go, any processor
	AVX2     = "avx2"     // x86-64 with AVX2 and FMA
	AVX512   = "avx512"   // x86-64 with AVX-512 F as well
	NEON     = "neon"     // 64-bit ARM, matrix products only
)

// level is what the next operation uses: an index of levels, the names of this
// architecture's kernels. best is the highest that the processor has; 0 is
// Portable.
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
