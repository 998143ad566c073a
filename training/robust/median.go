package robust

import "fmt"

// Median sets each coordinate of dst to the median of the updates' values, the
// mean of the two middle ones where n is even (Yin et al. 2018, Definition 1).
// It refuses unless 2f < n. The order of the cohort does not change a bit.
func Median(dst []float32, c Cohort, f int) error {
	if err := check(c, dst, 2*f+1, "median", f); err != nil {
		return err
	}
	n, _ := c.Size()
	m := NewMedians(n)
	err := walk(c, func(from int, part [][]float32) error {
		m.Of(dst[from:from+len(part[0])], part)
		return nil
	})
	if err != nil {
		return fmt.Errorf("median: %w", err)
	}
	return nil
}

// Medians finds the medians of n updates range by range, for callers that have
// more to do with a range while it is in the caches.
type Medians struct {
	sorter    *sorter
	low, high int
}

// NewMedians returns the medians of n updates, at least 1.
func NewMedians(n int) *Medians {
	low, high := (n-1)/2, n/2
	return &Medians{newSorter(places(n), wires{low, high + 1}), low, high}
}

// Of sets dst to the medians of one range, of which part holds the n updates.
// Values must be finite; of others the medians are of no use.
func (m *Medians) Of(dst []float32, part [][]float32) {
	m.sorter.each(dst, part, func(dst []float32, sorted [][]int32) {
		a, b := sorted[m.low], sorted[m.high]
		for k := middleHead(dst, a, b); k < len(dst); k++ {
			dst[k] = float32((value(a[k]) + value(b[k])) / 2)
		}
	})
}

// TrimmedMean sets each coordinate of dst to the mean of the updates' values
// without the k smallest and the k largest (Yin et al. 2018, Definition 2, with
// k = ⌊βn⌋). It bears f ≤ k bad updates and refuses unless 2k < n. The order
// of the cohort does not change a bit.
func TrimmedMean(dst []float32, c Cohort, k int) error {
	if err := check(c, dst, 2*k+1, "trimmed mean", k); err != nil {
		return err
	}
	n, _ := c.Size()
	count := float64(n - 2*k)
	err := columns(dst, c, places(n), wires{k, n - k}, func(dst []float32, sorted [][]int32) {
		var sum [tile]float64
		for _, row := range sorted[k : n-k] {
			for i, x := range row {
				sum[i] += value(x)
			}
		}
		for i := range dst {
			dst[i] = float32(sum[i] / count)
		}
	})
	if err != nil {
		return fmt.Errorf("trimmed mean: %w", err)
	}
	return nil
}

// places returns 0 to n−1.
func places(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}
