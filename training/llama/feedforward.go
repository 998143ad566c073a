package llama

import "codeberg.org/althing/althing/training/tensor"

// swigluForward sets h = silu(a)∘u row by row (N × F).
func swigluForward(h, a, u tensor.Matrix) {
	for i := range h.Rows {
		tensor.SwiGLU(h.Row(i), a.Row(i), u.Row(i))
	}
}

// swigluBackward sets da and du from dh; da may share memory with dh.
func swigluBackward(da, du, dh, a, u tensor.Matrix) {
	for i := range dh.Rows {
		tensor.SwiGLUGrad(da.Row(i), du.Row(i), dh.Row(i), a.Row(i), u.Row(i))
	}
}
