package robust

import (
	"cmp"
	"fmt"
	"slices"

	"codeberg.org/althing/althing/training/fedavg"
)

// Choice says whom a rule of distances believed; the round's page shows it.
type Choice struct {
	Scores []float64 // Krum's score of each update, in the order of the cohort
	Chosen []int     // places of the updates that entered the result, ascending
}

// Scores returns Krum's score of each update: the sum of the squared distances
// to its n−f−2 nearest others (Blanchard et al. 2017, section 4), added in
// ascending order. It refuses n < 2f+3.
func Scores(d *Distances, f int) ([]float64, error) {
	if n := d.Len(); f < 0 || n < 2*f+3 {
		return nil, fmt.Errorf("krum with %d bad of %d updates: %w, want at least %d", f, n, ErrTooFew, 2*f+3)
	}
	list, _ := scores(d, places(d.Len()), d.Len()-f-2)
	return list, nil
}

// scores returns the score of each member of a set over its nearest others in
// the set (of fewer others all count), and the sum over all others.
func scores(d *Distances, set []int, nearest int) (near, all []float64) {
	near, all = make([]float64, len(set)), make([]float64, len(set))
	others := make([]float64, 0, len(set))
	for k, i := range set {
		others = others[:0]
		for _, j := range set {
			if j != i {
				others = append(others, d.At(i, j))
			}
		}
		slices.Sort(others)
		for rank, v := range others {
			if rank < nearest {
				near[k] += v
			}
			all[k] += v
		}
	}
	return near, all
}

// ranking returns the members of a set, best score first. Two that are each
// other's only neighbour have the same score: then the one nearer to all
// others comes first, and after that the lower place.
func ranking(d *Distances, set []int, nearest int) []int {
	near, all := scores(d, set, nearest)
	order := places(len(set))
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(near[a], near[b]), cmp.Compare(all[a], all[b]))
	})
	for rank, k := range order {
		order[rank] = set[k]
	}
	return order
}

// Krum sets dst to the update with the lowest score: the one whose n−f−2
// nearest others lie closest. It refuses n < 2f+3, below which its resilience
// is not proved.
func Krum(dst []float32, c Cohort, f int) (Choice, error) { return MultiKrum(dst, c, f, 1) }

// MultiKrum sets dst to the mean of the m updates with the lowest scores,
// 1 ≤ m ≤ n−f−2 (Blanchard et al. 2017, section 5). A larger m is less noisy
// and m = 1 is Krum. It reads the cohort twice.
func MultiKrum(dst []float32, c Cohort, f, m int) (Choice, error) {
	if err := check(c, dst, 2*f+3, "krum", f); err != nil {
		return Choice{}, err
	}
	n, _ := c.Size()
	if m < 1 || m > n-f-2 {
		return Choice{}, fmt.Errorf("multi-krum of %d updates with %d bad: mean of %d, want 1 to %d", n, f, m, n-f-2)
	}
	d, err := Measure(c)
	if err != nil {
		return Choice{}, fmt.Errorf("krum: %w", err)
	}
	choice := Choice{}
	if choice.Scores, err = Scores(d, f); err != nil {
		return Choice{}, err
	}
	order := ranking(d, places(n), n-f-2)
	choice.Chosen = slices.Sorted(slices.Values(order[:m]))
	factors := make([]float64, n)
	for _, i := range choice.Chosen {
		factors[i] = 1
	}
	if err := weigh(dst, c, factors, float64(m)); err != nil {
		return Choice{}, fmt.Errorf("krum: %w", err)
	}
	return choice, nil
}

// weigh sets dst to Σ w_i·Δ_i / total. Updates of weight 0 are not read, so
// one of weight 1 and total 1 comes out as the bits that it is.
func weigh(dst []float32, c Cohort, weights []float64, total float64) error {
	return walk(c, func(from int, part [][]float32) error {
		fedavg.Split(len(part[0]), Block, func(lo, hi int) {
			var z [Block]float64
			for ; lo < hi; lo += Block {
				end := min(lo+Block, hi)
				sum := z[:end-lo]
				clear(sum)
				for i, w := range weights {
					if w != 0 {
						fedavg.Accumulate(sum, part[i][lo:end], w)
					}
				}
				for k, v := range sum {
					dst[from+lo+k] = float32(v / total)
				}
			}
		})
		return nil
	})
}
