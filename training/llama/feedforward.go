package llama

import "codeberg.org/althing/althing/training/tensor"

// swigluForward sets h = silu(a)∘u row by row (N × F).
func swigluForward(team *tensor.Team, h, a, u tensor.Matrix) {
	team.Split(h.Rows, 1, func(_, lo, hi int) {
		for i := lo; i < hi; i++ {
			tensor.SwiGLU(h.Row(i), a.Row(i), u.Row(i))
		}
	})
}

// swigluBackward sets da and du from dh; da may share memory with dh.
func swigluBackward(team *tensor.Team, da, du, dh, a, u tensor.Matrix) {
	team.Split(dh.Rows, 1, func(_, lo, hi int) {
		for i := lo; i < hi; i++ {
			tensor.SwiGLUGrad(da.Row(i), du.Row(i), dh.Row(i), a.Row(i), u.Row(i))
		}
	})
}
