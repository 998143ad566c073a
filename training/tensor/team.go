package tensor

import "sync"

// Team runs the pieces of one operation on a fixed number of goroutines and
// owns the packing buffer of matrix products. It belongs to one caller at a
// time. The number of threads never changes a result: pieces are rows of an
// output, or blocks whose bounds do not depend on it.
type Team struct {
	threads int
	panels  Panels
}

// Threads returns a team of n threads; less than one means one.
func Threads(n int) *Team { return &Team{threads: max(n, 1)} }

// Size returns the number of threads.
func (t *Team) Size() int { return t.threads }

// Split cuts [0, n) into at most Size contiguous pieces with bounds that are
// multiples of grain and calls f for each, telling which worker (0 … Size-1)
// runs it, so that f can use scratch memory of that worker. It returns when
// all pieces are done.
func (t *Team) Split(n, grain int, f func(worker, lo, hi int)) {
	blocks := (n + grain - 1) / grain
	if t.threads == 1 || blocks <= 1 {
		if n > 0 {
			f(0, 0, n)
		}
		return
	}
	workers := min(t.threads, blocks)
	bound := func(w int) int { return min(blocks*w/workers*grain, n) }
	var wg sync.WaitGroup
	for w := 1; w < workers; w++ {
		wg.Go(func() { f(w, bound(w), bound(w+1)) })
	}
	f(0, 0, bound(1))
	wg.Wait()
}
