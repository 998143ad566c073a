#include "textflag.h"

// One step of k: row r of A is broadcast, its pointer advanced, and multiplied
// with 16 columns of B in V16 to V19. VFMLA is fused, so every accumulator
// lane is one chain.
#define ROW(at, c0, c1, c2, c3) \
	VLD1R.P (at)(R5), [V20.S4]      \
	VFMLA   V16.S4, V20.S4, c0.S4   \
	VFMLA   V17.S4, V20.S4, c1.S4   \
	VFMLA   V18.S4, V20.S4, c2.S4   \
	VFMLA   V19.S4, V20.S4, c3.S4

#define ZERO(c0, c1, c2, c3) \
	VEOR c0.B16, c0.B16, c0.B16 \
	VEOR c1.B16, c1.B16, c1.B16 \
	VEOR c2.B16, c2.B16, c2.B16 \
	VEOR c3.B16, c3.B16, c3.B16

// func tile4x16NEON(k int, a *float32, rs, cs int, b, c *float32, ldc, add int)
// Accumulators V0 to V15, row r in V(4r) to V(4r+3).
TEXT ·tile4x16NEON(SB), NOSPLIT, $0-64
	MOVD k+0(FP), R0
	MOVD a+8(FP), R1
	MOVD rs+16(FP), R4
	MOVD cs+24(FP), R5
	MOVD b+32(FP), R6
	MOVD c+40(FP), R7
	MOVD ldc+48(FP), R8
	MOVD add+56(FP), R9
	LSL  $2, R4
	LSL  $2, R5
	LSL  $2, R8
	ADD  R4, R1, R2   // rows 1 to 3 of A
	ADD  R4, R2, R3
	ADD  R4, R3, R4
	ADD  R8, R7, R10  // rows 1 to 3 of C
	ADD  R8, R10, R11
	ADD  R8, R11, R12
	CBZ  R9, zero
	VLD1 (R7), [V0.S4, V1.S4, V2.S4, V3.S4]
	VLD1 (R10), [V4.S4, V5.S4, V6.S4, V7.S4]
	VLD1 (R11), [V8.S4, V9.S4, V10.S4, V11.S4]
	VLD1 (R12), [V12.S4, V13.S4, V14.S4, V15.S4]
	B    loop

zero:
	ZERO(V0, V1, V2, V3)
	ZERO(V4, V5, V6, V7)
	ZERO(V8, V9, V10, V11)
	ZERO(V12, V13, V14, V15)

loop:
	VLD1 (R6), [V16.S4, V17.S4, V18.S4, V19.S4]
	ADD  $128, R6
	ROW(R1, V0, V1, V2, V3)
	ROW(R2, V4, V5, V6, V7)
	ROW(R3, V8, V9, V10, V11)
	ROW(R4, V12, V13, V14, V15)
	SUBS $1, R0
	BNE  loop

	VST1 [V0.S4, V1.S4, V2.S4, V3.S4], (R7)
	VST1 [V4.S4, V5.S4, V6.S4, V7.S4], (R10)
	VST1 [V8.S4, V9.S4, V10.S4, V11.S4], (R11)
	VST1 [V12.S4, V13.S4, V14.S4, V15.S4], (R12)
	RET

// func tile1x32NEON(k int, a *float32, cs int, b, c *float32, add int)
TEXT ·tile1x32NEON(SB), NOSPLIT, $0-48
	MOVD k+0(FP), R0
	MOVD a+8(FP), R1
	MOVD cs+16(FP), R5
	MOVD b+24(FP), R6
	MOVD c+32(FP), R7
	MOVD add+40(FP), R9
	LSL  $2, R5
	ADD  $64, R7, R10
	CBZ  R9, zero
	VLD1 (R7), [V0.S4, V1.S4, V2.S4, V3.S4]
	VLD1 (R10), [V4.S4, V5.S4, V6.S4, V7.S4]
	B    loop

zero:
	ZERO(V0, V1, V2, V3)
	ZERO(V4, V5, V6, V7)

loop:
	VLD1.P 64(R6), [V16.S4, V17.S4, V18.S4, V19.S4]
	ROW(R1, V0, V1, V2, V3)
	VLD1.P 64(R6), [V16.S4, V17.S4, V18.S4, V19.S4]
	VFMLA  V16.S4, V20.S4, V4.S4
	VFMLA  V17.S4, V20.S4, V5.S4
	VFMLA  V18.S4, V20.S4, V6.S4
	VFMLA  V19.S4, V20.S4, V7.S4
	SUBS   $1, R0
	BNE    loop

	VST1 [V0.S4, V1.S4, V2.S4, V3.S4], (R7)
	VST1 [V4.S4, V5.S4, V6.S4, V7.S4], (R10)
	RET
