package llama

import (
	"fmt"
	"math"
	"slices"

	"codeberg.org/althing/althing/training/tensor"
)

// Sampling decides how the next token is chosen. The same sampling, prompt and
// weights give the same text anywhere.
type Sampling struct {
	Temperature float64 // 0 takes the most likely token; else 0.01 to 100
	TopK        int     // choose among the K most likely; 0 means all
	// TopP chooses among the fewest most likely tokens that have at least this
	// probability together, after TopK (Holtzman et al. 2020, section 3.1: the
	// nucleus); 0 and 1 mean all.
	TopP float64
	Seed uint64
}

// Check reports a temperature, a K or a P that means nothing.
func (s Sampling) Check() error {
	if s.Temperature != 0 && !(s.Temperature >= 0.01 && s.Temperature <= 100) || s.TopK < 0 || !(s.TopP >= 0 && s.TopP <= 1) {
		return fmt.Errorf("sample at temperature %g from the top %d and %g: want 0 or 0.01 to 100, 0 or more, and 0 to 1",
			s.Temperature, s.TopK, s.TopP)
	}
	return nil
}

// chooser picks tokens for one text.
type chooser struct {
	Sampling
	src  source
	keys []uint64
	p    []float32
}

// choose returns the next token. Equal logits are ordered by token, so that
// ties do not depend on a sorting algorithm.
func (c *chooser) choose(logits []float32) int32 {
	if c.Temperature == 0 {
		best := 0
		for i, v := range logits {
			if v > logits[best] {
				best = i
			}
		}
		return int32(best)
	}
	c.order(logits)
	c.p = c.p[:0]
	for _, key := range c.keys {
		c.p = append(c.p, logits[uint32(key)])
	}
	tensor.Softmax(c.p, c.p, float32(1/c.Temperature))
	u := c.src.uniform()
	if c.TopP > 0 && c.TopP < 1 {
		sum := 0.0
		for i, p := range c.p {
			if sum += float64(p); sum >= c.TopP {
				c.p = c.p[:i+1]
				break
			}
		}
		u = float64(u * sum)
	}
	sum := 0.0
	for i, p := range c.p {
		if sum += float64(p); u < sum {
			return int32(uint32(c.keys[i]))
		}
	}
	return int32(uint32(c.keys[0])) // the probabilities sum to a little less than 1
}

// insertionTop is the K up to which the best are kept sorted while the logits
// pass; more are found by sorting all.
const insertionTop = 256

// order leaves the keys of the TopK largest logits, or of all, in c.keys, the
// largest logit first.
func (c *chooser) order(logits []float32) {
	c.keys = c.keys[:0]
	top := c.TopK
	if top == 0 || top > len(logits) {
		top = len(logits)
	}
	if top > insertionTop {
		for i, v := range logits {
			c.keys = append(c.keys, orderKey(v, i))
		}
		slices.Sort(c.keys)
		c.keys = c.keys[:top]
		return
	}
	for i, v := range logits {
		key := orderKey(v, i)
		if len(c.keys) == top {
			if key > c.keys[top-1] {
				continue
			}
			c.keys = c.keys[:top-1]
		}
		at, _ := slices.BinarySearch(c.keys, key)
		c.keys = slices.Insert(c.keys, at, key)
	}
}

// orderKey is smaller for a larger logit and, of equal ones, for a smaller
// token, which is its lower half. -0 counts as 0, and NaN as less than all.
func orderKey(v float32, token int) uint64 {
	bits := math.Float32bits(v + 0)
	switch {
	case v != v:
		bits = math.MaxUint32
	case bits>>31 == 0:
		bits = ^(bits | 1<<31)
	}
	return uint64(bits)<<32 | uint64(uint32(token))
}
