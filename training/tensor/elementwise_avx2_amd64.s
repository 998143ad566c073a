#include "textflag.h"

// Functions that treat every element by itself, each product and sum rounded
// by itself as in the plain loops. Plain Go does what is left of the last vector.

// func scaleAVX2(n int, dst, src *float32, s float32)
// dst = src·s. n is a multiple of 8.
TEXT ·scaleAVX2(SB), NOSPLIT, $0-28
	MOVQ n+0(FP), CX
	MOVQ dst+8(FP), DI
	MOVQ src+16(FP), SI
	VBROADCASTSS s+24(FP), Y8
	XORQ AX, AX
	SUBQ $8, CX
	JL   rest

loop:
	VMOVUPS (SI)(AX*1), Y0
	VMULPS Y8, Y0, Y0
	VMOVUPS Y0, (DI)(AX*1)
	ADDQ $32, AX
	SUBQ $8, CX
	JGE  loop

rest:
	VZEROUPPER
	RET

// func addAVX2(n int, dst, x, y *float32)
// dst = x + y. n is a multiple of 8.
TEXT ·addAVX2(SB), NOSPLIT, $0-32
	MOVQ n+0(FP), CX
	MOVQ dst+8(FP), DI
	MOVQ x+16(FP), SI
	MOVQ y+24(FP), DX
	XORQ AX, AX
	SUBQ $8, CX
	JL   rest

loop:
	VMOVUPS (SI)(AX*1), Y0
	VMOVUPS (DX)(AX*1), Y1
	VADDPS Y1, Y0, Y0
	VMOVUPS Y0, (DI)(AX*1)
	ADDQ $32, AX
	SUBQ $8, CX
	JGE  loop

rest:
	VZEROUPPER
	RET

// func scaleMulAVX2(n int, y, x, gain *float32, r float32)
// y = (x·r)·gain. n is a multiple of 8.
TEXT ·scaleMulAVX2(SB), NOSPLIT, $0-36
	MOVQ n+0(FP), CX
	MOVQ y+8(FP), DI
	MOVQ x+16(FP), SI
	MOVQ gain+24(FP), DX
	VBROADCASTSS r+32(FP), Y8
	XORQ AX, AX
	SUBQ $8, CX
	JL   rest

loop:
	VMOVUPS (SI)(AX*1), Y0
	VMOVUPS (DX)(AX*1), Y1
	VMULPS Y8, Y0, Y0
	VMULPS Y1, Y0, Y0
	VMOVUPS Y0, (DI)(AX*1)
	ADDQ $32, AX
	SUBQ $8, CX
	JGE  loop

rest:
	VZEROUPPER
	RET

// func gainGradAVX2(n int, sum, t, dy, x, gain *float32, r float32)
// sum += dy·(x·r), t = dy·gain. n is a multiple of 8.
TEXT ·gainGradAVX2(SB), NOSPLIT, $0-52
	MOVQ n+0(FP), CX
	MOVQ sum+8(FP), DI
	MOVQ t+16(FP), SI
	MOVQ dy+24(FP), DX
	MOVQ x+32(FP), R8
	MOVQ gain+40(FP), R9
	VBROADCASTSS r+48(FP), Y8
	XORQ AX, AX
	SUBQ $8, CX
	JL   rest

loop:
	VMOVUPS (DX)(AX*1), Y0
	VMOVUPS (R8)(AX*1), Y1
	VMOVUPS (R9)(AX*1), Y2
	VMOVUPS (DI)(AX*1), Y3
	VMULPS Y8, Y1, Y1
	VMULPS Y1, Y0, Y1
	VADDPS Y1, Y3, Y3
	VMULPS Y2, Y0, Y0
	VMOVUPS Y3, (DI)(AX*1)
	VMOVUPS Y0, (SI)(AX*1)
	ADDQ $32, AX
	SUBQ $8, CX
	JGE  loop

rest:
	VZEROUPPER
	RET

// func inputGradAVX2(n int, dx, t, x *float32, r, k float32)
// dx += r·t - x·k. n is a multiple of 8.
TEXT ·inputGradAVX2(SB), NOSPLIT, $0-40
	MOVQ n+0(FP), CX
	MOVQ dx+8(FP), DI
	MOVQ t+16(FP), SI
	MOVQ x+24(FP), DX
	VBROADCASTSS r+32(FP), Y8
	VBROADCASTSS k+36(FP), Y9
	XORQ AX, AX
	SUBQ $8, CX
	JL   rest

loop:
	VMOVUPS (SI)(AX*1), Y0
	VMOVUPS (DX)(AX*1), Y1
	VMOVUPS (DI)(AX*1), Y2
	VMULPS Y8, Y0, Y0
	VMULPS Y9, Y1, Y1
	VSUBPS Y1, Y0, Y0
	VADDPS Y0, Y2, Y2
	VMOVUPS Y2, (DI)(AX*1)
	ADDQ $32, AX
	SUBQ $8, CX
	JGE  loop

rest:
	VZEROUPPER
	RET

// func softGradAVX2(n int, dx, p, dp *float32, d, s float32)
// dx = (p·(dp - d))·s. n is a multiple of 8.
TEXT ·softGradAVX2(SB), NOSPLIT, $0-40
	MOVQ n+0(FP), CX
	MOVQ dx+8(FP), DI
	MOVQ p+16(FP), SI
	MOVQ dp+24(FP), DX
	VBROADCASTSS d+32(FP), Y8
	VBROADCASTSS s+36(FP), Y9
	XORQ AX, AX
	SUBQ $8, CX
	JL   rest

loop:
	VMOVUPS (SI)(AX*1), Y0
	VMOVUPS (DX)(AX*1), Y1
	VSUBPS Y8, Y1, Y1
	VMULPS Y1, Y0, Y0
	VMULPS Y9, Y0, Y0
	VMOVUPS Y0, (DI)(AX*1)
	ADDQ $32, AX
	SUBQ $8, CX
	JGE  loop

rest:
	VZEROUPPER
	RET

// func rotateAVX2(n int, lo, hi, c, s *float32, sign float32)
// lo, hi = lo·c - hi·(sign·s), hi·c + lo·(sign·s). n is a multiple of 8.
TEXT ·rotateAVX2(SB), NOSPLIT, $0-44
	MOVQ n+0(FP), CX
	MOVQ lo+8(FP), DI
	MOVQ hi+16(FP), SI
	MOVQ c+24(FP), DX
	MOVQ s+32(FP), R8
	VBROADCASTSS sign+40(FP), Y8
	XORQ AX, AX
	SUBQ $8, CX
	JL   rest

loop:
	VMOVUPS (DI)(AX*1), Y0
	VMOVUPS (SI)(AX*1), Y1
	VMOVUPS (DX)(AX*1), Y2
	VMOVUPS (R8)(AX*1), Y3
	VMULPS Y8, Y3, Y3
	VMULPS Y2, Y0, Y4
	VMULPS Y3, Y1, Y5
	VSUBPS Y5, Y4, Y4
	VMULPS Y2, Y1, Y1
	VMULPS Y3, Y0, Y0
	VADDPS Y0, Y1, Y1
	VMOVUPS Y4, (DI)(AX*1)
	VMOVUPS Y1, (SI)(AX*1)
	ADDQ $32, AX
	SUBQ $8, CX
	JGE  loop

rest:
	VZEROUPPER
	RET

// func adamWAVX2(n int, w, grad, m, v, k *float32)
// the update of optim.AdamW; k is b1, c1, b2, c2, eps, rate, root, decay. n is a multiple of 8.
TEXT ·adamWAVX2(SB), NOSPLIT, $0-48
	MOVQ n+0(FP), CX
	MOVQ w+8(FP), DI
	MOVQ grad+16(FP), SI
	MOVQ m+24(FP), DX
	MOVQ v+32(FP), R8
	MOVQ k+40(FP), BX
	VBROADCASTSS 0(BX), Y8
	VBROADCASTSS 4(BX), Y9
	VBROADCASTSS 8(BX), Y10
	VBROADCASTSS 12(BX), Y11
	VBROADCASTSS 16(BX), Y12
	VBROADCASTSS 20(BX), Y13
	VBROADCASTSS 24(BX), Y14
	VBROADCASTSS 28(BX), Y15
	XORQ AX, AX
	SUBQ $8, CX
	JL   rest

loop:
	VMOVUPS (DI)(AX*1), Y0
	VMOVUPS (SI)(AX*1), Y1
	VMOVUPS (DX)(AX*1), Y2
	VMOVUPS (R8)(AX*1), Y3
	VMULPS Y8, Y2, Y2
	VMULPS Y9, Y1, Y4
	VADDPS Y4, Y2, Y2
	VMULPS Y10, Y3, Y3
	VMULPS Y1, Y1, Y1
	VMULPS Y11, Y1, Y1
	VADDPS Y1, Y3, Y3
	VSQRTPS Y3, Y4
	VMULPS Y14, Y4, Y4
	VADDPS Y12, Y4, Y4
	VMULPS Y15, Y0, Y1
	VSUBPS Y1, Y0, Y0
	VMULPS Y13, Y2, Y1
	VDIVPS Y4, Y1, Y1
	VSUBPS Y1, Y0, Y0
	VMOVUPS Y0, (DI)(AX*1)
	VMOVUPS Y2, (DX)(AX*1)
	VMOVUPS Y3, (R8)(AX*1)
	ADDQ $32, AX
	SUBQ $8, CX
	JGE  loop

rest:
	VZEROUPPER
	RET
