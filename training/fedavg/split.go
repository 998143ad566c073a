package fedavg

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Split calls f for ranges that cover 0 to n, whose bounds are multiples of
// grain, and returns when all are done. With two ranges or more they run on all
// processors, each taking the next as it becomes free. Callers see to it that
// ranges do not meet, so that the split changes no bit.
func Split(n, grain int, f func(from, to int)) {
	const perWorker = 4 // so that a processor that is taken away leaves its share to the others
	grains := (n + grain - 1) / grain
	workers := min(runtime.GOMAXPROCS(0), grains)
	if workers < 2 {
		if n > 0 {
			f(0, n)
		}
		return
	}
	size := (grains + perWorker*workers - 1) / (perWorker * workers) * grain
	var next atomic.Int64
	var wait sync.WaitGroup
	for range workers {
		wait.Go(func() {
			for {
				to := int(next.Add(int64(size)))
				if to-size >= n {
					return
				}
				f(to-size, min(to, n))
			}
		})
	}
	wait.Wait()
}
