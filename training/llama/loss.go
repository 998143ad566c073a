package llama

import "codeberg.org/althing/althing/training/tensor"

// Ignore as a target leaves its position out of the loss (padding, a prompt).
const Ignore int32 = -1

// crossEntropy sets nll[i] = -log p(target i), 0 where it is to be ignored, and
// replaces the logits by their gradient weight·(p - onehot), 0 where ignored.
func crossEntropy(team *tensor.Team, logits tensor.Matrix, targets []int32, nll []float32, weight float32) {
	team.Split(logits.Rows, 1, func(_, lo, hi int) {
		for i := lo; i < hi; i++ {
			row, target := logits.Row(i), targets[i]
			if target < 0 {
				nll[i] = 0
				clear(row)
				continue
			}
			chosen := row[target]
			top, sum := tensor.Softmax(row, row, 1)
			nll[i] = float32(tensor.Log64(float64(sum))) - (chosen - top)
			row[target]--
			tensor.Scale(row, row, weight)
		}
	})
}

// mean returns the mean of nll over count positions, summed in order in
// binary64.
func mean(nll []float32, count int) float64 {
	sum := 0.0
	for _, v := range nll {
		sum += float64(v)
	}
	return sum / float64(max(count, 1))
}
