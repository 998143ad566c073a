#include "textflag.h"

// The 12-row tiles: fewer loads per multiplication than 8 rows, and unrolled by
// four steps of k. They need a row-major or a packed A.

// The two registers of one row of C.
#define LOAD(first, second, lo, hi) \
	VMOVUPS first, lo  \
	VMOVUPS second, hi

#define STORE(first, second, lo, hi) \
	VMOVUPS lo, first  \
	VMOVUPS hi, second

// One step of k for 12 rows: as ROW, with the two registers of B in Z24 and Z25.
#define STEP(addr, z, lo, hi) \
	VBROADCASTSS addr, z    \
	VFMADD231PS  Z24, z, lo \
	VFMADD231PS  Z25, z, hi

// Twelve rows of A at displacement d from three pointers, each to four rows.
#define STEPROWS(d) \
	STEP(d(SI), Z26, Z0, Z1)           \
	STEP(d(SI)(R8*1), Z27, Z2, Z3)     \
	STEP(d(SI)(R8*2), Z28, Z4, Z5)     \
	STEP(d(SI)(R12*1), Z29, Z6, Z7)    \
	STEP(d(BX), Z30, Z8, Z9)           \
	STEP(d(BX)(R8*1), Z31, Z10, Z11)   \
	STEP(d(BX)(R8*2), Z26, Z12, Z13)   \
	STEP(d(BX)(R12*1), Z27, Z14, Z15)  \
	STEP(d(AX), Z28, Z16, Z17)         \
	STEP(d(AX)(R8*1), Z29, Z18, Z19)   \
	STEP(d(AX)(R8*2), Z30, Z20, Z21)   \
	STEP(d(AX)(R12*1), Z31, Z22, Z23)

// Twelve packed elements of A from displacement d.
#define STEPPACKED(d) \
	STEP(d+0(SI), Z26, Z0, Z1)    \
	STEP(d+4(SI), Z27, Z2, Z3)    \
	STEP(d+8(SI), Z28, Z4, Z5)    \
	STEP(d+12(SI), Z29, Z6, Z7)   \
	STEP(d+16(SI), Z30, Z8, Z9)   \
	STEP(d+20(SI), Z31, Z10, Z11) \
	STEP(d+24(SI), Z26, Z12, Z13) \
	STEP(d+28(SI), Z27, Z14, Z15) \
	STEP(d+32(SI), Z28, Z16, Z17) \
	STEP(d+36(SI), Z29, Z18, Z19) \
	STEP(d+40(SI), Z30, Z20, Z21) \
	STEP(d+44(SI), Z31, Z22, Z23)

#define ZERO12 \
	VPXORQ Z0, Z0, Z0 \
	VPXORQ Z1, Z1, Z1 \
	VPXORQ Z2, Z2, Z2 \
	VPXORQ Z3, Z3, Z3 \
	VPXORQ Z4, Z4, Z4 \
	VPXORQ Z5, Z5, Z5 \
	VPXORQ Z6, Z6, Z6 \
	VPXORQ Z7, Z7, Z7 \
	VPXORQ Z8, Z8, Z8 \
	VPXORQ Z9, Z9, Z9 \
	VPXORQ Z10, Z10, Z10 \
	VPXORQ Z11, Z11, Z11 \
	VPXORQ Z12, Z12, Z12 \
	VPXORQ Z13, Z13, Z13 \
	VPXORQ Z14, Z14, Z14 \
	VPXORQ Z15, Z15, Z15 \
	VPXORQ Z16, Z16, Z16 \
	VPXORQ Z17, Z17, Z17 \
	VPXORQ Z18, Z18, Z18 \
	VPXORQ Z19, Z19, Z19 \
	VPXORQ Z20, Z20, Z20 \
	VPXORQ Z21, Z21, Z21 \
	VPXORQ Z22, Z22, Z22 \
	VPXORQ Z23, Z23, Z23

#define LOAD12 \
	LOAD((DI), 64(DI), Z0, Z1) \
	LOAD((DI)(R10*1), 64(DI)(R10*1), Z2, Z3) \
	LOAD((DI)(R10*2), 64(DI)(R10*2), Z4, Z5) \
	LOAD((DI)(R13*1), 64(DI)(R13*1), Z6, Z7) \
	LEAQ (DI)(R10*4), DI \
	LOAD((DI), 64(DI), Z8, Z9) \
	LOAD((DI)(R10*1), 64(DI)(R10*1), Z10, Z11) \
	LOAD((DI)(R10*2), 64(DI)(R10*2), Z12, Z13) \
	LOAD((DI)(R13*1), 64(DI)(R13*1), Z14, Z15) \
	LEAQ (DI)(R10*4), DI \
	LOAD((DI), 64(DI), Z16, Z17) \
	LOAD((DI)(R10*1), 64(DI)(R10*1), Z18, Z19) \
	LOAD((DI)(R10*2), 64(DI)(R10*2), Z20, Z21) \
	LOAD((DI)(R13*1), 64(DI)(R13*1), Z22, Z23)

#define STORE12 \
	STORE((DI), 64(DI), Z0, Z1) \
	STORE((DI)(R10*1), 64(DI)(R10*1), Z2, Z3) \
	STORE((DI)(R10*2), 64(DI)(R10*2), Z4, Z5) \
	STORE((DI)(R13*1), 64(DI)(R13*1), Z6, Z7) \
	LEAQ (DI)(R10*4), DI \
	STORE((DI), 64(DI), Z8, Z9) \
	STORE((DI)(R10*1), 64(DI)(R10*1), Z10, Z11) \
	STORE((DI)(R10*2), 64(DI)(R10*2), Z12, Z13) \
	STORE((DI)(R13*1), 64(DI)(R13*1), Z14, Z15) \
	LEAQ (DI)(R10*4), DI \
	STORE((DI), 64(DI), Z16, Z17) \
	STORE((DI)(R10*1), 64(DI)(R10*1), Z18, Z19) \
	STORE((DI)(R10*2), 64(DI)(R10*2), Z20, Z21) \
	STORE((DI)(R13*1), 64(DI)(R13*1), Z22, Z23)

// func tile12x32RowsAVX512(k int, a *float32, rs int, b, c *float32, ldc, add int)
// A is row-major with rows rs apart.
TEXT ·tile12x32RowsAVX512(SB), NOSPLIT, $0-56
	MOVQ k+0(FP), CX
	MOVQ a+8(FP), SI
	MOVQ rs+16(FP), R8
	MOVQ b+24(FP), DX
	MOVQ c+32(FP), DI
	MOVQ ldc+40(FP), R10
	MOVQ add+48(FP), R11
	SHLQ $2, R8
	LEAQ (R8)(R8*2), R12   // 3 rows of A
	LEAQ (SI)(R8*4), BX    // row 4
	LEAQ (BX)(R8*4), AX    // row 8
	SHLQ $2, R10
	LEAQ (R10)(R10*2), R13 // 3 rows of C
	TESTQ R11, R11
	JZ   zero
	MOVQ DI, R11
	LOAD12
	MOVQ R11, DI
	JMP  begin

zero:
	ZERO12

begin:
	SUBQ $4, CX
	JL   rest

	PCALIGN $32

four:
	VMOVUPS 0(DX), Z24
	VMOVUPS 64(DX), Z25
	STEPROWS(0)
	VMOVUPS 128(DX), Z24
	VMOVUPS 192(DX), Z25
	STEPROWS(4)
	VMOVUPS 256(DX), Z24
	VMOVUPS 320(DX), Z25
	STEPROWS(8)
	VMOVUPS 384(DX), Z24
	VMOVUPS 448(DX), Z25
	STEPROWS(12)
	ADDQ $16, SI
	ADDQ $16, BX
	ADDQ $16, AX
	ADDQ $512, DX
	SUBQ $4, CX
	JGE  four

rest:
	ADDQ $4, CX
	JZ   store

one:
	VMOVUPS (DX), Z24
	VMOVUPS 64(DX), Z25
	STEPROWS(0)
	ADDQ $4, SI
	ADDQ $4, BX
	ADDQ $4, AX
	ADDQ $128, DX
	DECQ CX
	JNZ  one

store:
	STORE12
	VZEROUPPER
	RET

// func tile12x32PackedAVX512(k int, a, b, c *float32, ldc, add int)
// A is packed: 12 elements per step of k.
TEXT ·tile12x32PackedAVX512(SB), NOSPLIT, $0-48
	MOVQ k+0(FP), CX
	MOVQ a+8(FP), SI
	MOVQ b+16(FP), DX
	MOVQ c+24(FP), DI
	MOVQ ldc+32(FP), R10
	MOVQ add+40(FP), R11
	SHLQ $2, R10
	LEAQ (R10)(R10*2), R13 // 3 rows of C
	TESTQ R11, R11
	JZ   zero
	MOVQ DI, R11
	LOAD12
	MOVQ R11, DI
	JMP  begin

zero:
	ZERO12

begin:
	SUBQ $4, CX
	JL   rest

	PCALIGN $32

four:
	VMOVUPS 0(DX), Z24
	VMOVUPS 64(DX), Z25
	STEPPACKED(0)
	VMOVUPS 128(DX), Z24
	VMOVUPS 192(DX), Z25
	STEPPACKED(48)
	VMOVUPS 256(DX), Z24
	VMOVUPS 320(DX), Z25
	STEPPACKED(96)
	VMOVUPS 384(DX), Z24
	VMOVUPS 448(DX), Z25
	STEPPACKED(144)
	ADDQ $192, SI
	ADDQ $512, DX
	SUBQ $4, CX
	JGE  four

rest:
	ADDQ $4, CX
	JZ   store

one:
	VMOVUPS (DX), Z24
	VMOVUPS 64(DX), Z25
	STEPPACKED(0)
	ADDQ $48, SI
	ADDQ $128, DX
	DECQ CX
	JNZ  one

store:
	STORE12
	VZEROUPPER
	RET
