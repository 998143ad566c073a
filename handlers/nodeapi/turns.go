package nodeapi

import (
	"context"
	"sync/atomic"
)

// A crowd of nodes comes at one moment, when a round opens and when it ends.
// What they bring is taken in turns, so that readers of pages find connections
// to the database free, and in a bounded part of the memory.
const (
	writers = 8        // reports and finished uploads that are taken at once
	held    = 64 << 20 // bytes of uploads that wait in memory
)

// turn waits until the request may write, and returns what ends its turn.
func (a *API) turn(ctx context.Context) (leave func(), err error) {
	select {
	case a.turns <- struct{}{}:
		return func() { <-a.turns }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// room is memory that uploads may take.
type room struct{ taken atomic.Int64 }

// take reports whether there was room for n bytes, and takes it.
func (r *room) take(n int64) bool {
	if r.taken.Add(n) <= held {
		return true
	}
	r.taken.Add(-n)
	return false
}

func (r *room) give(n int64) { r.taken.Add(-n) }
