#include "textflag.h"

#define V0 Y0
#define V1 Y1
#define V2 Y2
#define V3 Y3
#define V4 Y4
#define V5 Y5
#define C0 Y8
#define C1 Y9
#define C2 Y10
#define C3 Y11
#define C4 Y12
#define C5 Y13
#define C6 Y14
#define C7 Y15
#include "elementwise_amd64.h"

#define LOAD(p, y) VMOVUPS (p)(AX*1), y
#define STORE(y, p) VMOVUPS y, (p)(AX*1)

// EACH does f for CX elements, eight at a time. All pointers move by AX bytes.
#define EACH(f) \
	XORQ AX, AX    \
	SUBQ $8, CX    \
	JL   rest      \
loop:              \
	f(LOAD, STORE) \
	ADDQ $32, AX   \
	SUBQ $8, CX    \
	JGE  loop      \
rest:

// The functions of elementwise_amd64.h on vectors of 8 elements; n is a
// multiple of 8, plain Go does what is left.

// func scaleAVX2(n int, dst, src *float32, s float32)
TEXT ·scaleAVX2(SB), NOSPLIT, $0-28
	MOVQ n+0(FP), CX
	MOVQ dst+8(FP), DI
	MOVQ src+16(FP), SI
	VBROADCASTSS s+24(FP), C0
	EACH(SCALE)
	VZEROUPPER
	RET

// func addAVX2(n int, dst, x, y *float32)
TEXT ·addAVX2(SB), NOSPLIT, $0-32
	MOVQ n+0(FP), CX
	MOVQ dst+8(FP), DI
	MOVQ x+16(FP), SI
	MOVQ y+24(FP), DX
	EACH(ADD)
	VZEROUPPER
	RET

// func scaleMulAVX2(n int, y, x, gain *float32, r float32)
TEXT ·scaleMulAVX2(SB), NOSPLIT, $0-36
	MOVQ n+0(FP), CX
	MOVQ y+8(FP), DI
	MOVQ x+16(FP), SI
	MOVQ gain+24(FP), DX
	VBROADCASTSS r+32(FP), C0
	EACH(SCALEMUL)
	VZEROUPPER
	RET

// func gainGradAVX2(n int, sum, t, dy, x, gain *float32, r float32)
TEXT ·gainGradAVX2(SB), NOSPLIT, $0-52
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

// func inputGradAVX2(n int, dx, t, x *float32, r, k float32)
TEXT ·inputGradAVX2(SB), NOSPLIT, $0-40
	MOVQ n+0(FP), CX
	MOVQ dx+8(FP), DI
	MOVQ t+16(FP), SI
	MOVQ x+24(FP), DX
	VBROADCASTSS r+32(FP), C0
	VBROADCASTSS k+36(FP), C1
	EACH(INPUTGRAD)
	VZEROUPPER
	RET

// func softGradAVX2(n int, dx, p, dp *float32, d, s float32)
TEXT ·softGradAVX2(SB), NOSPLIT, $0-40
	MOVQ n+0(FP), CX
	MOVQ dx+8(FP), DI
	MOVQ p+16(FP), SI
	MOVQ dp+24(FP), DX
	VBROADCASTSS d+32(FP), C0
	VBROADCASTSS s+36(FP), C1
	EACH(SOFTGRAD)
	VZEROUPPER
	RET

// func rotateAVX2(n int, lo, hi, c, s *float32, sign float32)
TEXT ·rotateAVX2(SB), NOSPLIT, $0-44
	MOVQ n+0(FP), CX
	MOVQ lo+8(FP), DI
	MOVQ hi+16(FP), SI
	MOVQ c+24(FP), DX
	MOVQ s+32(FP), R8
	VBROADCASTSS sign+40(FP), C0
	EACH(ROTATE)
	VZEROUPPER
	RET

// func adamWAVX2(n int, w, grad, m, v, k *float32)
TEXT ·adamWAVX2(SB), NOSPLIT, $0-48
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
