// Package tensor is the arithmetic of Althing's training: single-precision
// kernels in Go assembly (AVX-512, AVX2, NEON) and in plain Go that give the same
// bits, named parameters, norms and digests. A second node can therefore
// recompute an update on another processor and compare hashes.
//
// This comment is the specification of "arith/1" (training.Arithmetic). A
// change of anything below is a new name.
//
// # Numbers
//
// All values are IEEE 754 binary32, rounding to nearest, ties to even,
// subnormal numbers kept. round(e) below is one rounding to binary32; a
// product or a sum without fma is rounded by itself and never fused. Equality
// of bits is promised for finite values; a NaN stays a NaN, with any payload.
//
// # Matrix products
//
// An element of C = A·B (or C += A·B) starts at +0 (or at the old C) and is
// one chain c = fma(A[i][k], B[k][j], c) over k ascending, where fma rounds
// once. Blocking, packing and threads never cut a chain; threads split rows
// of C. Where a causal mask makes whole blocks of 32 columns of A zero, their
// terms are not in the chain. The portable fma multiplies in binary64, where
// the product is exact, adds with an error term (TwoSum, Knuth 1969), rounds
// the sum to odd and then to binary32, which is a single rounding (Boldo and
// Melquiond 2008, Theorem 3: binary64 has more than 2·24+2 bits).
//
// # Reductions
//
// Sum and Dot have 16 lanes: lane i adds elements i, i+16, i+32, … in this
// order from +0 (Dot adds the rounded product). The tree is
// s[i] = lane[i]+lane[i+8] for i < 8, then +4, +2, +1. Max has no rounding.
// Norms and the mean loss are sums in binary64: L2 with the same 16 lanes and
// tree, the loss in order of positions. What is summed over rows (gains of the
// norms) is summed within each block of 128 rows in order and then over
// blocks in order; the rows of the embedding gradient are added in order of
// positions, after the part of the tied output matrix.
//
// # Functions in binary32
//
// exp(x): 0 for x < -87; x is cut at 88.
//
//	t = round(round(x·1.44269504) + 12582912); n = round(t - 12582912)
//	r = round(round(x - round(n·0.693359375)) - round(n·-2.12194440e-4))
//	p = 1.9875691500e-4; p = round(round(p·r) + c) for c = 1.3981999507e-3,
//	    8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1
//	y = round(round(round(p·round(r·r)) + r) + 1), exponent raised by n
//
// the polynomial being that of Cephes expf (Moshier 1992). Its error is under
// 2 units in the last place. sigmoid(x) = round(1/round(1 + exp(-x))).
//
// # Functions in binary64
//
// Log64, Exp64, Sin64 and Cos64 use +, -, ·, / and Taylor or atanh series in
// the order of their source; the rotary table, the initial weights, the loss
// (log of the sum) and schedules use them and round once to binary32. Square
// roots are IEEE square roots.
//
// # Layers and optimisers
//
// The formulas of packages llama and optim are evaluated as written there,
// from left to right, every product and sum rounded by itself: normRow and
// normBackward, rotary.row, SwiGLU and SwiGLUGrad, Softmax (which multiplies by
// the rounded reciprocal of the sum) and SoftmaxGrad, crossEntropy, AdamW, SGD
// and Clip. Blocks of 32 queries and of 128 rows are constants.
package tensor
