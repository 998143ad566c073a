package workers

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training/robust"
)

// inMemory is how many bytes of updates are checked without a file.
const inMemory = 64 << 20

// updates are those of a round in the order of nodes, read once.
type updates struct {
	robust.Cohort
	place map[governance.NodeID]int
	rows  [][]float32 // in memory, or nil
	file  *Spool      // else
}

// gather reads the updates once, into memory or, where they are too many, into
// a private file. As many are decrypted at once as there are processors, and as
// fit into the memory for them.
func (c *combiner) gather(ctx context.Context) (_ *updates, err error) {
	n, dim := len(c.in.Updates), c.mean.elements
	u := &updates{place: make(map[governance.NodeID]int, n)}
	if int64(n)*int64(dim)*4 > inMemory {
		if u.file, err = NewSpool(n, dim); err != nil {
			return nil, err
		}
		u.Cohort = u.file
		defer func() {
			if err != nil {
				err = errors.Join(err, u.Close())
			}
		}()
	} else {
		u.rows = make([][]float32, n)
		u.Cohort = robust.Memory(u.rows)
	}
	norms, failed := make([]float64, n), make([]error, n)
	var next atomic.Int64
	var wait sync.WaitGroup
	for range max(1, min(runtime.GOMAXPROCS(0), n, inMemory/(4*max(1, dim)))) {
		wait.Go(func() {
			var change []float32
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if u.file == nil || change == nil {
					change = make([]float32, dim)
				}
				if norms[i], failed[i] = c.take(ctx, u, i, change); failed[i] != nil {
					next.Store(int64(n)) // what is left need not be read
				}
			}
		})
	}
	wait.Wait()
	for i, up := range c.in.Updates {
		if failed[i] != nil {
			return nil, fmt.Errorf("update of node %d: %w", up.Node, failed[i])
		}
		u.place[up.Node], c.mean.Norms[up.Node] = i, norms[i]
	}
	return u, nil
}

// take reads one update into its place, through change, and returns its norm.
func (c *combiner) take(ctx context.Context, u *updates, i int, change []float32) (float64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	got, err := readUpdate(ctx, c.open, c.in, c.in.Updates[i], c.mean.form, change, nil)
	switch {
	case err != nil:
		return 0, err
	case u.file == nil:
		u.rows[i] = change
		return got.norm, nil
	}
	return got.norm, u.file.Set(i, change)
}

// copy sets dst to the update of a node.
func (u *updates) copy(dst []float32, node governance.NodeID) error {
	i, ok := u.place[node]
	switch {
	case !ok:
		return fmt.Errorf("no update of node %d was read", node)
	case u.file == nil:
		copy(dst, u.rows[i])
		return nil
	}
	return u.file.Get(dst, i)
}

// Close forgets the updates.
func (u *updates) Close() error {
	if u == nil || u.file == nil {
		return nil
	}
	return u.file.Close()
}
