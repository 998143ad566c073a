#include "textflag.h"

// DIFF adds (a-b)² of four coordinates to an accumulator: a is in Y0 as
// float64, b at mem as float32; no step is fused.
#define DIFF(mem, t, acc) \
	VCVTPS2PD mem, t     \
	VSUBPD    t, Y0, t   \
	VMULPD    t, t, t    \
	VADDPD    t, acc, acc

// func squaresAVX2(n int, a, b *float32, lane *[4]float64)
// n is a multiple of 4.
TEXT ·squaresAVX2(SB), NOSPLIT, $0-32
	MOVQ    n+0(FP), CX
	MOVQ    a+8(FP), SI
	MOVQ    b+16(FP), R8
	MOVQ    lane+24(FP), DI
	VMOVUPD (DI), Y8
	SHRQ    $2, CX
	XORQ    AX, AX

loop:
	VCVTPS2PD (SI)(AX*1), Y0
	DIFF((R8)(AX*1), Y1, Y8)
	ADDQ      $16, AX
	DECQ      CX
	JNZ       loop
	VMOVUPD   Y8, (DI)
	VZEROUPPER
	RET

// func squares4AVX2(n int, a, b0, b1, b2, b3 *float32, lane *[4][4]float64)
// n is a multiple of 4.
TEXT ·squares4AVX2(SB), NOSPLIT, $0-56
	MOVQ    n+0(FP), CX
	MOVQ    a+8(FP), SI
	MOVQ    b0+16(FP), R8
	MOVQ    b1+24(FP), R9
	MOVQ    b2+32(FP), R10
	MOVQ    b3+40(FP), R11
	MOVQ    lane+48(FP), DI
	VMOVUPD (DI), Y8
	VMOVUPD 32(DI), Y9
	VMOVUPD 64(DI), Y10
	VMOVUPD 96(DI), Y11
	SHRQ    $2, CX
	XORQ    AX, AX

loop4:
	VCVTPS2PD (SI)(AX*1), Y0
	DIFF((R8)(AX*1), Y1, Y8)
	DIFF((R9)(AX*1), Y2, Y9)
	DIFF((R10)(AX*1), Y3, Y10)
	DIFF((R11)(AX*1), Y4, Y11)
	ADDQ      $16, AX
	DECQ      CX
	JNZ       loop4
	VMOVUPD   Y8, (DI)
	VMOVUPD   Y9, 32(DI)
	VMOVUPD   Y10, 64(DI)
	VMOVUPD   Y11, 96(DI)
	VZEROUPPER
	RET

// func pointAVX2(n int, u *float32, z *float64, lane *[4]float64)
// adds (u-z)² to the lanes; n is a multiple of 4.
TEXT ·pointAVX2(SB), NOSPLIT, $0-32
	MOVQ    n+0(FP), CX
	MOVQ    u+8(FP), SI
	MOVQ    z+16(FP), R8
	MOVQ    lane+24(FP), DI
	VMOVUPD (DI), Y8
	SHRQ    $2, CX

loopz:
	VCVTPS2PD (SI), Y0
	VSUBPD    (R8), Y0, Y0
	VMULPD    Y0, Y0, Y0
	VADDPD    Y0, Y8, Y8
	ADDQ      $16, SI
	ADDQ      $32, R8
	DECQ      CX
	JNZ       loopz
	VMOVUPD   Y8, (DI)
	VZEROUPPER
	RET

// SWAP4 orders 32 keys of two rows.
#define SWAP4(at) \
	VMOVDQU at(R8), Y0       \
	VMOVDQU at+32(R8), Y1    \
	VMOVDQU at+64(R8), Y2    \
	VMOVDQU at+96(R8), Y3    \
	VMOVDQU at(R9), Y4       \
	VMOVDQU at+32(R9), Y5    \
	VMOVDQU at+64(R9), Y6    \
	VMOVDQU at+96(R9), Y7    \
	VPMINSD Y0, Y4, Y8       \
	VPMINSD Y1, Y5, Y9       \
	VPMINSD Y2, Y6, Y10      \
	VPMINSD Y3, Y7, Y11      \
	VPMAXSD Y0, Y4, Y4       \
	VPMAXSD Y1, Y5, Y5       \
	VPMAXSD Y2, Y6, Y6       \
	VPMAXSD Y3, Y7, Y7       \
	VMOVDQU Y8, at(R8)       \
	VMOVDQU Y9, at+32(R8)    \
	VMOVDQU Y10, at+64(R8)   \
	VMOVDQU Y11, at+96(R8)   \
	VMOVDQU Y4, at(R9)       \
	VMOVDQU Y5, at+32(R9)    \
	VMOVDQU Y6, at+64(R9)    \
	VMOVDQU Y7, at+96(R9)

// func exchangeAVX2(count int, net *pair, keys *int32)
// Rows are 128 keys, 512 bytes.
TEXT ·exchangeAVX2(SB), NOSPLIT, $0-24
	MOVQ count+0(FP), CX
	MOVQ net+8(FP), SI
	MOVQ keys+16(FP), DI

next:
	MOVL (SI), R8
	MOVL 4(SI), R9
	SHLQ $9, R8
	SHLQ $9, R9
	ADDQ DI, R8
	ADDQ DI, R9
	SWAP4(0)
	SWAP4(128)
	SWAP4(256)
	SWAP4(384)
	ADDQ $8, SI
	DECQ CX
	JNZ  next
	VZEROUPPER
	RET
