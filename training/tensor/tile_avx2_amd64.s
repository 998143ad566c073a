#include "textflag.h"

// One step of k: row r of A is broadcast and multiplied with 16 columns of B
// in Y8 and Y9. Every accumulator lane is one chain of fused steps.
#define ROW(addr, y, lo, hi) \
	VBROADCASTSS addr, y   \
	VFMADD231PS  Y8, y, lo \
	VFMADD231PS  Y9, y, hi

// func tile4x16AVX2(k int, a *float32, rs, cs int, b, c *float32, ldc, add int)
// Accumulators Y0 to Y7, row r in Y(2r) and Y(2r+1): eight chains are what
// two units of four cycles' latency need.
TEXT ·tile4x16AVX2(SB), NOSPLIT, $0-64
	MOVQ k+0(FP), CX
	MOVQ a+8(FP), SI
	MOVQ rs+16(FP), R8
	MOVQ cs+24(FP), R9
	MOVQ b+32(FP), DX
	MOVQ c+40(FP), DI
	MOVQ ldc+48(FP), R10
	MOVQ add+56(FP), R11
	SHLQ $2, R8
	SHLQ $2, R9
	LEAQ (R8)(R8*2), R12      // 3 rows of A
	LEAQ (DI)(R10*4), BX      // row 1 of C
	LEAQ (BX)(R10*4), R13     // row 2
	LEAQ (R13)(R10*4), AX     // row 3
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	VXORPS Y2, Y2, Y2
	VXORPS Y3, Y3, Y3
	VXORPS Y4, Y4, Y4
	VXORPS Y5, Y5, Y5
	VXORPS Y6, Y6, Y6
	VXORPS Y7, Y7, Y7
	TESTQ R11, R11
	JZ   loop
	VMOVUPS (DI), Y0
	VMOVUPS 32(DI), Y1
	VMOVUPS (BX), Y2
	VMOVUPS 32(BX), Y3
	VMOVUPS (R13), Y4
	VMOVUPS 32(R13), Y5
	VMOVUPS (AX), Y6
	VMOVUPS 32(AX), Y7

loop:
	VMOVUPS (DX), Y8
	VMOVUPS 32(DX), Y9
	ROW((SI), Y10, Y0, Y1)
	ROW((SI)(R8*1), Y11, Y2, Y3)
	ROW((SI)(R8*2), Y12, Y4, Y5)
	ROW((SI)(R12*1), Y13, Y6, Y7)
	ADDQ R9, SI
	ADDQ $128, DX
	DECQ CX
	JNZ  loop

	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	VMOVUPS Y2, (BX)
	VMOVUPS Y3, 32(BX)
	VMOVUPS Y4, (R13)
	VMOVUPS Y5, 32(R13)
	VMOVUPS Y6, (AX)
	VMOVUPS Y7, 32(AX)
	VZEROUPPER
	RET

// func tile1x32AVX2(k int, a *float32, cs int, b, c *float32, add int)
TEXT ·tile1x32AVX2(SB), NOSPLIT, $0-48
	MOVQ k+0(FP), CX
	MOVQ a+8(FP), SI
	MOVQ cs+16(FP), R9
	MOVQ b+24(FP), DX
	MOVQ c+32(FP), DI
	MOVQ add+40(FP), R11
	SHLQ $2, R9
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	VXORPS Y2, Y2, Y2
	VXORPS Y3, Y3, Y3
	TESTQ R11, R11
	JZ   row
	VMOVUPS (DI), Y0
	VMOVUPS 32(DI), Y1
	VMOVUPS 64(DI), Y2
	VMOVUPS 96(DI), Y3

row:
	VBROADCASTSS (SI), Y10
	VFMADD231PS (DX), Y10, Y0
	VFMADD231PS 32(DX), Y10, Y1
	VFMADD231PS 64(DX), Y10, Y2
	VFMADD231PS 96(DX), Y10, Y3
	ADDQ R9, SI
	ADDQ $128, DX
	DECQ CX
	JNZ  row

	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	VMOVUPS Y2, 64(DI)
	VMOVUPS Y3, 96(DI)
	VZEROUPPER
	RET
