package robust

import (
	"fmt"
	"slices"
)

// Bulyan chooses θ = n−2f updates by Krum, one at a time and each time among
// those that are left, and sets each coordinate of dst to the mean of the
// β = θ−2f chosen values nearest to their median (El Mhamdi, Guerraoui, Rouault
// 2018, section 4). So it bounds each coordinate, where Krum alone lets an
// attacker hide one large lie in a vector of many. It needs n ≥ 4f+3 and reads
// the cohort twice.
//
// With m updates left Krum's neighbours are the max(1, m−f−2) nearest: the
// paper's loop runs down to m = 2f+1, where m−f−2 alone would be f−1. Of two
// values equally near to the median the smaller is taken.
func Bulyan(dst []float32, c Cohort, f int) (Choice, error) {
	if err := check(c, dst, 4*f+3, "bulyan", f); err != nil {
		return Choice{}, err
	}
	d, err := Measure(c)
	if err != nil {
		return Choice{}, fmt.Errorf("bulyan: %w", err)
	}
	choice := Choice{}
	if choice.Scores, err = Scores(d, f); err != nil {
		return Choice{}, err
	}
	n := d.Len()
	theta := n - 2*f
	choice.Chosen = selection(d, f, theta)
	err = columns(dst, c, choice.Chosen, wires{0, theta}, func(dst []float32, sorted [][]int32) {
		nearest(dst, sorted, theta-2*f)
	})
	if err != nil {
		return Choice{}, fmt.Errorf("bulyan: %w", err)
	}
	return choice, nil
}

// selection returns the places of the theta updates that repeated Krum takes,
// ascending.
func selection(d *Distances, f, theta int) []int {
	left := places(d.Len())
	var chosen []int
	for range theta {
		best := ranking(d, left, max(1, len(left)-f-2))[0]
		chosen = append(chosen, best)
		left = slices.DeleteFunc(left, func(i int) bool { return i == best })
	}
	slices.Sort(chosen)
	return chosen
}

// nearest sets each coordinate to the mean of the count values nearest to the
// median of its sorted column. They are neighbours in the column, so the
// window starts at the lowest values and moves up while that brings a nearer
// value in than it lets go.
func nearest(dst []float32, sorted [][]int32, count int) {
	theta := len(sorted)
	for k := range dst {
		median := (value(sorted[(theta-1)/2][k]) + value(sorted[theta/2][k])) / 2
		low := 0
		for low+count < theta && median-value(sorted[low][k]) > value(sorted[low+count][k])-median {
			low++
		}
		sum := 0.0
		for _, row := range sorted[low : low+count] {
			sum += value(row[k])
		}
		dst[k] = float32(sum / float64(count))
	}
}
