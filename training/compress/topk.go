package compress

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
)

// magnitude orders float32 by |v|: without its sign bit a finite float32 is a
// whole number in the order of its size.
func magnitude(v float32) uint32 { return math.Float32bits(v) &^ (1 << 31) }

// threshold returns the k-th largest magnitude and how many elements of just
// that magnitude belong to the k largest. It counts in two passes, first the
// upper 16 bits and then the lower 15 of those on the edge, so the time does
// not depend on what is in p.
func threshold(p []float32, k int) (edge uint32, equal int) {
	counts := make([]int, 1<<16)
	for _, v := range p {
		counts[magnitude(v)>>15]++
	}
	upper, left := descend(counts, k)
	clear(counts)
	for _, v := range p {
		if m := magnitude(v); m>>15 == upper {
			counts[m&(1<<15-1)]++
		}
	}
	lower, left := descend(counts, left)
	return upper<<15 | lower, left
}

// descend returns the bin that holds the k-th from above, and which of that
// bin it is, from 1.
func descend(counts []int, k int) (bin uint32, left int) {
	bin = uint32(len(counts) - 1)
	for counts[bin] < k {
		k -= counts[bin]
		bin--
	}
	return bin, k
}

// appendTop writes the k largest by magnitude, on the edge those that come
// first: k gaps as unsigned varints (how many parameters were left out before
// this one), then k float32. The residual becomes p where nothing was sent and
// 0 where p was.
func appendTop(b []byte, k int, p, residual []float32) []byte {
	edge, equal := threshold(p, k)
	copy(residual, p)
	sent := make([]float32, 0, k)
	next := 0 // first index that a gap of 0 would mean
	for i, v := range p {
		m := magnitude(v)
		if m < edge || m == edge && equal == 0 {
			continue
		}
		if m == edge {
			equal--
		}
		b = binary.AppendUvarint(b, uint64(i-next))
		next = i + 1
		sent = append(sent, v)
		residual[i] = 0
	}
	return appendFloats(b, sent)
}

func readTop(dst []float32, body []byte, k int) error {
	if len(body) < 5*k {
		return fmt.Errorf("%d bytes for %d indices and values: %w", len(body), k, ErrFormat)
	}
	values := body[len(body)-4*k:]
	indices := body[:len(body)-4*k]
	clear(dst)
	next := 0
	for range k {
		gap, n := binary.Uvarint(indices)
		if n <= 0 || gap >= uint64(len(dst)-next) || n != max(1, (bits.Len64(gap)+6)/7) {
			return fmt.Errorf("index after element %d: %w", next, ErrFormat)
		}
		i := next + int(gap)
		v := math.Float32frombits(binary.LittleEndian.Uint32(values))
		if !finite(v) {
			return notFinite(i, v)
		}
		dst[i] = v
		indices, values, next = indices[n:], values[4:], i+1
	}
	if len(indices) != 0 {
		return fmt.Errorf("%d bytes between indices and values: %w", len(indices), ErrFormat)
	}
	return nil
}
