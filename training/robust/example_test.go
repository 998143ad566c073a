package robust_test

import (
	"fmt"

	"codeberg.org/althing/althing/training/fedavg"
	"codeberg.org/althing/althing/training/robust"
)

// Norms are cut to what is usual in the cohort before any rule looks at the
// updates; then the rule that a recipe names combines them. The last of these
// five nodes sends its update a hundred times too large.
func Example() {
	updates := [][]float32{{1, 2}, {2, 1}, {1, 1}, {2, 2}, {100, -100}}
	norms := make([]float64, len(updates))
	for i, u := range updates {
		norms[i] = fedavg.Norm(u)
	}
	usual, err := fedavg.MedianNorm(norms)
	if err != nil {
		panic(err)
	}
	factors := make([]float64, len(updates))
	for i, norm := range norms {
		factors[i] = fedavg.ClipFactor(norm, usual)
	}
	cohort, err := robust.Scaled(robust.Memory(updates), factors)
	if err != nil {
		panic(err)
	}
	next := make([]float32, 2)
	choice, err := robust.MultiKrum(next, cohort, 1, 2)
	fmt.Printf("believed %v, mean %.2f, %v\n", choice.Chosen, next, err)
	err = robust.Median(next, cohort, 3)
	fmt.Println(err)
	// Output:
	// believed [1 3], mean [1.79 1.29], <nil>
	// median with 3 bad of 5 updates: too few updates, want at least 7
}
