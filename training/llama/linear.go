package llama

import "codeberg.org/althing/althing/training/tensor"

// linearForward sets y (N × out) = x (N × in) · wᵀ, w output × input.
func linearForward(team *tensor.Team, y, x, w tensor.Matrix) { team.MulNT(y, x, w, false) }

// linearBackward sets dw = dyᵀ·x and sets dx = dy·w, or adds to dx if add.
func linearBackward(team *tensor.Team, dx, dw, dy, x, w tensor.Matrix, add bool) {
	team.MulTN(dw, dy, x, false)
	team.MulNN(dx, dy, w, add)
}
