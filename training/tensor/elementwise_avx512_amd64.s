#include "textflag.h"
#include "each_avx512_amd64.h"

#define V0 Z0
#define V1 Z1
#define V2 Z2
#define V3 Z3
#define V4 Z4
#define V5 Z5
#define C0 Z16
#define C1 Z17
#define C2 Z18
#define C3 Z19
#define C4 Z20
#define C5 Z21
#define C6 Z22
#define C7 Z23
#include "elementwise_amd64.h"

// The functions of elementwise_amd64.h on vectors of 16 elements; a mask does
// what is left of the last.

// func scaleAVX512(n int, dst, src *float32, s float32)
TEXT ·scaleAVX512(SB), NOSPLIT, $0-28
	MOVQ n+0(FP), CX
	MOVQ dst+8(FP), DI
	MOVQ src+16(FP), SI
	VBROADCASTSS s+24(FP), C0
	EACH(SCALE)
	VZEROUPPER
	RET

// func addAVX512(n int, dst, x, y *float32)
TEXT ·addAVX512(SB), NOSPLIT, $0-32
	MOVQ n+0(FP), CX
	MOVQ dst+8(FP), DI
	MOVQ x+16(FP), SI
	MOVQ y+24(FP), DX
	EACH(ADD)
	VZEROUPPER
	RET

// func scaleMulAVX512(n int, y, x, gain *float32, r float32)
TEXT ·scaleMulAVX512(SB), NOSPLIT, $0-36
	MOVQ n+0(FP), CX
	MOVQ y+8(FP), DI
	MOVQ x+16(FP), SI
	MOVQ gain+24(FP), DX
	VBROADCASTSS r+32(FP), C0
	EACH(SCALEMUL)
	VZEROUPPER
	RET

// func gainGradAVX512(n int, sum, t, dy, x, gain *float32, r float32)
TEXT ·gainGradAVX512(SB), NOSPLIT, $0-52
	MOVQ n+0(FP), CX
	MOVQ sum+8(FP), DI
	MOVQ t+16(FP), SI
	MOVQ dy+24(FP), DX
	MOVQ x+32(FP), R8
	MOVQ gain+40(FP), R9
	VBROADCASTSS r+48(FP), C0
	EACH(GAINGRAD)
	VZEROUPPER
	RET

// func inputGradAVX512(n int, dx, t, x *float32, r, k float32)
TEXT ·inputGradAVX512(SB), NOSPLIT, $0-40
	MOVQ n+0(FP), CX
	MOVQ dx+8(FP), DI
	MOVQ t+16(FP), SI
	MOVQ x+24(FP), DX
	VBROADCASTSS r+32(FP), C0
	VBROADCASTSS k+36(FP), C1
	EACH(INPUTGRAD)
	VZEROUPPER
	RET

// func softGradAVX512(n int, dx, p, dp *float32, d, s float32)
TEXT ·softGradAVX512(SB), NOSPLIT, $0-40
	MOVQ n+0(FP), CX
	MOVQ dx+8(FP), DI
	MOVQ p+16(FP), SI
	MOVQ dp+24(FP), DX
	VBROADCASTSS d+32(FP), C0
	VBROADCASTSS s+36(FP), C1
	EACH(SOFTGRAD)
	VZEROUPPER
	RET

// func rotateAVX512(n int, lo, hi, c, s *float32, sign float32)
TEXT ·rotateAVX512(SB), NOSPLIT, $0-44
	MOVQ n+0(FP), CX
	MOVQ lo+8(FP), DI
	MOVQ hi+16(FP), SI
	MOVQ c+24(FP), DX
	MOVQ s+32(FP), R8
	VBROADCASTSS sign+40(FP), C0
	EACH(ROTATE)
	VZEROUPPER
	RET

// func adamWAVX512(n int, w, grad, m, v, k *float32)
TEXT ·adamWAVX512(SB), NOSPLIT, $0-48
	MOVQ n+0(FP), CX
	MOVQ w+8(FP), DI
	MOVQ grad+16(FP), SI
	MOVQ m+24(FP), DX
	MOVQ v+32(FP), R8
	MOVQ k+40(FP), BX
	ADAMWSTEP
	EACH(ADAMW)
	VZEROUPPER
	RET
