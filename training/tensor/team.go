package tensor

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Team runs the pieces of one operation on a fixed number of goroutines, which
// wait for the next operation between two, and owns the packing buffers of
// matrix products. It belongs to one caller at a time. The number of threads
// never changes a result: pieces are rows of an output, or blocks whose bounds
// do not depend on it.
type Team struct {
	*crew
	panels Panels
	packed [][]float32 // one block of a transposed left side per thread
}

// crew is what the waiting goroutines hold: not the Team, so that a Team that
// nobody uses any more is collected and its goroutines end.
type crew struct {
	threads int
	wake    []chan struct{} // of the workers 1, 2, …; empty before the first use
	done    sync.WaitGroup
	f       func(worker, lo, hi int)
	n, size int          // rows in all and in a piece
	next    atomic.Int64 // first row that nobody has taken
}

// Threads returns a team of n threads; less than one means one.
func Threads(n int) *Team {
	t := &Team{crew: &crew{threads: max(n, 1)}}
	t.packed = make([][]float32, t.threads)
	return t
}

// Size returns the number of threads.
func (c *crew) Size() int { return c.threads }

// piecesPerThread lets a thread whose processor is taken away for a while
// leave its share to the others.
const piecesPerThread = 4

// Split cuts [0, n) into contiguous pieces with bounds that are multiples of
// grain and calls f for each, telling which worker (0 … Size-1) runs it, so
// that f can use scratch memory of that worker. Workers take pieces in
// ascending order as they become free. It returns when all pieces are done.
func (t *Team) Split(n, grain int, f func(worker, lo, hi int)) {
	blocks := (n + grain - 1) / grain
	if t.threads == 1 || blocks <= 1 {
		if n > 0 {
			f(0, 0, n)
		}
		return
	}
	if t.wake == nil {
		t.start()
		runtime.AddCleanup(t, (*crew).end, t.crew)
	}
	t.f, t.n, t.size = f, n, (blocks+piecesPerThread*t.threads-1)/(piecesPerThread*t.threads)*grain
	t.next.Store(0)
	helpers := min(t.threads, blocks) - 1
	t.done.Add(helpers)
	for _, w := range t.wake[:helpers] {
		w <- struct{}{}
	}
	t.work(0)
	t.done.Wait()
	t.f = nil
	runtime.KeepAlive(t)
}

func (c *crew) start() {
	for w := 1; w < c.threads; w++ {
		wake := make(chan struct{}, 1)
		c.wake = append(c.wake, wake)
		go func() {
			for range wake {
				c.work(w)
				c.done.Done()
			}
		}()
	}
}

func (c *crew) end() {
	for _, w := range c.wake {
		close(w)
	}
}

// work takes pieces until none is left.
func (c *crew) work(worker int) {
	for {
		hi := int(c.next.Add(int64(c.size)))
		lo := hi - c.size
		if lo >= c.n {
			return
		}
		c.f(worker, lo, min(hi, c.n))
	}
}
