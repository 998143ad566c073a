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

// func packAVX2(steps int, dst *float64, src *float32)
// writes 8 coordinates of one vector of a panel of four at each step.
TEXT ·packAVX2(SB), NOSPLIT, $0-24
	MOVQ steps+0(FP), CX
	MOVQ dst+8(FP), DI
	MOVQ src+16(FP), SI

pack:
	VCVTPS2PD (SI), Y0
	VCVTPS2PD 16(SI), Y1
	VMOVUPD   Y0, (DI)
	VMOVUPD   Y1, 32(DI)
	ADDQ      $32, SI
	ADDQ      $256, DI
	DECQ      CX
	JNZ       pack
	VZEROUPPER
	RET

// ROW512 adds the products of one vector of a with the four of b.
#define ROW512(x, s0, s1, s2, s3) \
	VFMADD231PD Z20, x, s0 \
	VFMADD231PD Z21, x, s1 \
	VFMADD231PD Z22, x, s2 \
	VFMADD231PD Z23, x, s3

// FOLD512 adds the lanes of two sums, l and l+4, then l and l+2, then the last
// two, and stores both.
#define FOLD512(z0, y0, x0, z1, y1, x1, at) \
	VEXTRACTF64X4 $1, z0, Y16 \
	VEXTRACTF64X4 $1, z1, Y17 \
	VADDPD        Y16, y0, y0 \
	VADDPD        Y17, y1, y1 \
	VEXTRACTF32X4 $1, y0, X16 \
	VEXTRACTF32X4 $1, y1, X17 \
	VADDPD        X16, x0, x0 \
	VADDPD        X17, x1, x1 \
	VHADDPD       x1, x0, x0  \
	VMOVUPD       x0, at(DI)

// func quadAVX512(steps int, a, b *float64, out *[16]float64)
TEXT ·quadAVX512(SB), NOSPLIT, $0-32
	MOVQ   steps+0(FP), CX
	MOVQ   a+8(FP), SI
	MOVQ   b+16(FP), R8
	MOVQ   out+24(FP), DI
	VPXORQ Z0, Z0, Z0
	VPXORQ Z1, Z1, Z1
	VPXORQ Z2, Z2, Z2
	VPXORQ Z3, Z3, Z3
	VPXORQ Z4, Z4, Z4
	VPXORQ Z5, Z5, Z5
	VPXORQ Z6, Z6, Z6
	VPXORQ Z7, Z7, Z7
	VPXORQ Z8, Z8, Z8
	VPXORQ Z9, Z9, Z9
	VPXORQ Z10, Z10, Z10
	VPXORQ Z11, Z11, Z11
	VPXORQ Z12, Z12, Z12
	VPXORQ Z13, Z13, Z13
	VPXORQ Z14, Z14, Z14
	VPXORQ Z15, Z15, Z15

quad512:
	VMOVUPD (SI), Z16
	VMOVUPD 64(SI), Z17
	VMOVUPD 128(SI), Z18
	VMOVUPD 192(SI), Z19
	VMOVUPD (R8), Z20
	VMOVUPD 64(R8), Z21
	VMOVUPD 128(R8), Z22
	VMOVUPD 192(R8), Z23
	ROW512(Z16, Z0, Z1, Z2, Z3)
	ROW512(Z17, Z4, Z5, Z6, Z7)
	ROW512(Z18, Z8, Z9, Z10, Z11)
	ROW512(Z19, Z12, Z13, Z14, Z15)
	ADDQ    $256, SI
	ADDQ    $256, R8
	DECQ    CX
	JNZ     quad512
	FOLD512(Z0, Y0, X0, Z1, Y1, X1, 0)
	FOLD512(Z2, Y2, X2, Z3, Y3, X3, 16)
	FOLD512(Z4, Y4, X4, Z5, Y5, X5, 32)
	FOLD512(Z6, Y6, X6, Z7, Y7, X7, 48)
	FOLD512(Z8, Y8, X8, Z9, Y9, X9, 64)
	FOLD512(Z10, Y10, X10, Z11, Y11, X11, 80)
	FOLD512(Z12, Y12, X12, Z13, Y13, X13, 96)
	FOLD512(Z14, Y14, X14, Z15, Y15, X15, 112)
	VZEROUPPER
	RET

// FOLD2 is the end of FOLD512.
#define FOLD2(y0, x0, y1, x1, at) \
	VEXTRACTF128 $1, y0, X8 \
	VEXTRACTF128 $1, y1, X9 \
	VADDPD       X8, x0, x0 \
	VADDPD       X9, x1, x1 \
	VHADDPD      x1, x0, x0 \
	VMOVUPD      x0, at(DI)

// func quadAVX2(steps int, a, b *float64, out *[4]float64)
// one vector of a, in its panel, with the four of b.
TEXT ·quadAVX2(SB), NOSPLIT, $0-32
	MOVQ  steps+0(FP), CX
	MOVQ  a+8(FP), SI
	MOVQ  b+16(FP), R8
	MOVQ  out+24(FP), DI
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1
	VXORPD Y2, Y2, Y2
	VXORPD Y3, Y3, Y3
	VXORPD Y4, Y4, Y4
	VXORPD Y5, Y5, Y5
	VXORPD Y6, Y6, Y6
	VXORPD Y7, Y7, Y7

quad2:
	VMOVUPD     (SI), Y8
	VMOVUPD     32(SI), Y9
	VFMADD231PD (R8), Y8, Y0
	VFMADD231PD 32(R8), Y9, Y1
	VFMADD231PD 64(R8), Y8, Y2
	VFMADD231PD 96(R8), Y9, Y3
	VFMADD231PD 128(R8), Y8, Y4
	VFMADD231PD 160(R8), Y9, Y5
	VFMADD231PD 192(R8), Y8, Y6
	VFMADD231PD 224(R8), Y9, Y7
	ADDQ        $256, SI
	ADDQ        $256, R8
	DECQ        CX
	JNZ         quad2
	VADDPD      Y1, Y0, Y0
	VADDPD      Y3, Y2, Y2
	VADDPD      Y5, Y4, Y4
	VADDPD      Y7, Y6, Y6
	FOLD2(Y0, X0, Y2, X2, 0)
	FOLD2(Y4, X4, Y6, X6, 16)
	VZEROUPPER
	RET

// func dotsAVX2(steps int, v, w *float32, own, with *[8]float64)
TEXT ·dotsAVX2(SB), NOSPLIT, $0-40
	MOVQ   steps+0(FP), CX
	MOVQ   v+8(FP), SI
	MOVQ   w+16(FP), R8
	MOVQ   own+24(FP), DI
	MOVQ   with+32(FP), DX
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1
	VXORPD Y2, Y2, Y2
	VXORPD Y3, Y3, Y3

dots:
	VCVTPS2PD   (SI), Y4
	VCVTPS2PD   16(SI), Y5
	VCVTPS2PD   (R8), Y6
	VCVTPS2PD   16(R8), Y7
	VFMADD231PD Y4, Y4, Y0
	VFMADD231PD Y5, Y5, Y1
	VFMADD231PD Y4, Y6, Y2
	VFMADD231PD Y5, Y7, Y3
	ADDQ        $32, SI
	ADDQ        $32, R8
	DECQ        CX
	JNZ         dots
	VMOVUPD     Y0, (DI)
	VMOVUPD     Y1, 32(DI)
	VMOVUPD     Y2, (DX)
	VMOVUPD     Y3, 32(DX)
	VZEROUPPER
	RET

// func keysAVX2(n int, dst *int32, src *float32)
// turns all bits but the sign of negative numbers; n is a multiple of 8.
TEXT ·keysAVX2(SB), NOSPLIT, $0-24
	MOVQ n+0(FP), CX
	MOVQ dst+8(FP), DI
	MOVQ src+16(FP), SI
	SHRQ $3, CX

keys:
	VMOVDQU (SI), Y0
	VPSRAD  $31, Y0, Y1
	VPSRLD  $1, Y1, Y1
	VPXOR   Y1, Y0, Y0
	VMOVDQU Y0, (DI)
	ADDQ    $32, SI
	ADDQ    $32, DI
	DECQ    CX
	JNZ     keys
	VZEROUPPER
	RET

// NUMBERS sets y0 and y1 to the float64 of 8 keys.
#define NUMBERS(mem, y0, y1) \
	VMOVDQU      mem, Y8    \
	VPSRAD       $31, Y8, Y9 \
	VPSRLD       $1, Y9, Y9 \
	VPXOR        Y9, Y8, Y8 \
	VEXTRACTF128 $1, Y8, X9 \
	VCVTPS2PD    X8, y0     \
	VCVTPS2PD    X9, y1

// func middleAVX2(n int, dst *float32, low, high *int32)
// dst = (low + high)/2 in float64, rounded once; n is a multiple of 8.
TEXT ·middleAVX2(SB), NOSPLIT, $0-32
	MOVQ         n+0(FP), CX
	MOVQ         dst+8(FP), DI
	MOVQ         low+16(FP), SI
	MOVQ         high+24(FP), R8
	MOVQ         $0x3fe0000000000000, AX
	MOVQ         AX, X7
	VBROADCASTSD X7, Y7
	SHRQ         $3, CX

middle:
	NUMBERS((SI), Y0, Y1)
	NUMBERS((R8), Y2, Y3)
	VADDPD      Y2, Y0, Y0
	VADDPD      Y3, Y1, Y1
	VMULPD      Y7, Y0, Y0
	VMULPD      Y7, Y1, Y1
	VCVTPD2PSY  Y0, X0
	VCVTPD2PSY  Y1, X1
	VMOVUPS     X0, (DI)
	VMOVUPS     X1, 16(DI)
	ADDQ        $32, SI
	ADDQ        $32, R8
	ADDQ        $32, DI
	DECQ        CX
	JNZ         middle
	VZEROUPPER
	RET
