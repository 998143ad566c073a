#include "textflag.h"
#include "tile_avx512_amd64.h"

// The 12-row tiles: fewer loads per multiplication than 8 rows, and unrolled by
// four steps of k. They need a row-major or a packed A.

// One step of k for 12 rows: as ROW of the 8-row tile, with B in Z24 and Z25.
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
	ZERO4(Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7)         \
	ZERO4(Z8, Z9, Z10, Z11, Z12, Z13, Z14, Z15)   \
	ZERO4(Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z23)

#define LOAD12 \
	LOAD4(Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7)         \
	LEAQ (DI)(R10*4), DI                          \
	LOAD4(Z8, Z9, Z10, Z11, Z12, Z13, Z14, Z15)   \
	LEAQ (DI)(R10*4), DI                          \
	LOAD4(Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z23)

#define STORE12 \
	STORE4(Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7)         \
	LEAQ (DI)(R10*4), DI                           \
	STORE4(Z8, Z9, Z10, Z11, Z12, Z13, Z14, Z15)   \
	LEAQ (DI)(R10*4), DI                           \
	STORE4(Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z23)

// BEGIN12 makes the distance of rows in R10 one of bytes and sets the registers
// to C at DI, or to zero where R11 is zero.
#define BEGIN12 \
	SHLQ $2, R10           \
	LEAQ (R10)(R10*2), R13 \
	TESTQ R11, R11         \
	JZ   zero              \
	MOVQ DI, R11           \
	LOAD12                 \
	MOVQ R11, DI           \
	JMP  begin             \
zero:                      \
	ZERO12                 \
begin:

// B2 reads the 32 columns of B at displacement d.
#define B2(d) \
	VMOVUPS d(DX), Z24    \
	VMOVUPS d+64(DX), Z25

// MULTIPLY12 takes CX steps of k, four at a time and then one by one. step(d)
// multiplies what A has at displacement d, size bytes per step, and next(n)
// moves the pointers to A by n steps.
#define MULTIPLY12(step, size, next) \
	SUBQ $4, CX    \
	JL   rest      \
	PCALIGN $32    \
four:              \
	B2(0)          \
	step(0)        \
	B2(128)        \
	step(size)     \
	B2(256)        \
	step(2*size)   \
	B2(384)        \
	step(3*size)   \
	next(4)        \
	ADDQ $512, DX  \
	SUBQ $4, CX    \
	JGE  four      \
rest:              \
	ADDQ $4, CX    \
	JZ   store     \
one:               \
	B2(0)          \
	step(0)        \
	next(1)        \
	ADDQ $128, DX  \
	DECQ CX        \
	JNZ  one       \
store:

#define NEXTROWS(n) \
	ADDQ $4*n, SI \
	ADDQ $4*n, BX \
	ADDQ $4*n, AX

#define NEXTPACKED(n) ADDQ $48*n, SI

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
	BEGIN12
	MULTIPLY12(STEPROWS, 4, NEXTROWS)
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
	BEGIN12
	MULTIPLY12(STEPPACKED, 48, NEXTPACKED)
	STORE12
	VZEROUPPER
	RET
