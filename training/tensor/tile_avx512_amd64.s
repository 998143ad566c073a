#include "textflag.h"
#include "tile_avx512_amd64.h"

// One step of k: row r of A is broadcast and multiplied with 32 columns of B
// in Z16 and Z17. Every accumulator lane is one chain of fused steps.
#define ROW(addr, z, lo, hi) \
	VBROADCASTSS addr, z    \
	VFMADD231PS  Z16, z, lo \
	VFMADD231PS  Z17, z, hi

// func tile8x32AVX512(k int, a *float32, rs, cs int, b, c *float32, ldc, add int)
// Accumulators Z0 to Z15, row r in Z(2r) and Z(2r+1).
TEXT ·tile8x32AVX512(SB), NOSPLIT, $0-64
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
	SHLQ $2, R10
	LEAQ (R8)(R8*2), R12   // 3 rows of A
	LEAQ (SI)(R8*4), BX    // row 4 of A
	LEAQ (R10)(R10*2), R13 // 3 rows of C
	TESTQ R11, R11
	JZ   zero
	MOVQ DI, R11
	LOAD4(Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7)
	LEAQ (DI)(R10*4), DI
	LOAD4(Z8, Z9, Z10, Z11, Z12, Z13, Z14, Z15)
	MOVQ R11, DI
	JMP  loop

zero:
	ZERO4(Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7)
	ZERO4(Z8, Z9, Z10, Z11, Z12, Z13, Z14, Z15)

	PCALIGN $32

loop:
	VMOVUPS (DX), Z16
	VMOVUPS 64(DX), Z17
	ROW((SI), Z18, Z0, Z1)
	ROW((SI)(R8*1), Z19, Z2, Z3)
	ROW((SI)(R8*2), Z20, Z4, Z5)
	ROW((SI)(R12*1), Z21, Z6, Z7)
	ROW((BX), Z22, Z8, Z9)
	ROW((BX)(R8*1), Z23, Z10, Z11)
	ROW((BX)(R8*2), Z24, Z12, Z13)
	ROW((BX)(R12*1), Z25, Z14, Z15)
	ADDQ R9, SI
	ADDQ R9, BX
	ADDQ $128, DX
	DECQ CX
	JNZ  loop

	STORE4(Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7)
	LEAQ (DI)(R10*4), DI
	STORE4(Z8, Z9, Z10, Z11, Z12, Z13, Z14, Z15)
	VZEROUPPER
	RET

// func tile1x32AVX512(k int, a *float32, cs int, b, c *float32, add int)
TEXT ·tile1x32AVX512(SB), NOSPLIT, $0-48
	MOVQ k+0(FP), CX
	MOVQ a+8(FP), SI
	MOVQ cs+16(FP), R9
	MOVQ b+24(FP), DX
	MOVQ c+32(FP), DI
	MOVQ add+40(FP), R11
	SHLQ $2, R9
	VPXORQ Z0, Z0, Z0
	VPXORQ Z1, Z1, Z1
	TESTQ R11, R11
	JZ   row
	VMOVUPS (DI), Z0
	VMOVUPS 64(DI), Z1

row:
	VMOVUPS (DX), Z16
	VMOVUPS 64(DX), Z17
	ROW((SI), Z18, Z0, Z1)
	ADDQ R9, SI
	ADDQ $128, DX
	DECQ CX
	JNZ  row

	VMOVUPS Z0, (DI)
	VMOVUPS Z1, 64(DI)
	VZEROUPPER
	RET
