#include "textflag.h"
#include "each_avx512_amd64.h"

// Single copies of the constants of the exponential function (package comment).
DATA e<>+0(SB)/4, $0xc2ae0000  // lo = -87.0
DATA e<>+4(SB)/4, $0x3fb8aa3b  // log2e = 1.4426950408889634
DATA e<>+8(SB)/4, $0x4b400000  // magic = 12582912.0
DATA e<>+12(SB)/4, $0x3f318000 // c1 = 0.693359375
DATA e<>+16(SB)/4, $0xb95e8083 // c2 = -0.00021219444
DATA e<>+20(SB)/4, $0x39506967 // p0 = 0.000198756915
DATA e<>+24(SB)/4, $0x3ab743ce // p1 = 0.0013981999507
DATA e<>+28(SB)/4, $0x3c088908 // p2 = 0.0083334519073
DATA e<>+32(SB)/4, $0x3d2aa9c1 // p3 = 0.041665795894
DATA e<>+36(SB)/4, $0x3e2aaaaa // p4 = 0.16666665459
DATA e<>+40(SB)/4, $0x3f000000 // p5 = 0.50000001201
DATA e<>+44(SB)/4, $0x3f800000 // one = 1.0
DATA e<>+48(SB)/4, $0x42b00000 // hi = 88.0
DATA e<>+52(SB)/4, $0x80000000 // sign = -0.0
DATA e<>+56(SB)/4, $0xff800000 // -Inf
GLOBL e<>(SB), RODATA|NOPTR, $60

#define CONSTANTS \
	VBROADCASTSS e<>+0(SB), Z19  \
	VBROADCASTSS e<>+4(SB), Z20  \
	VBROADCASTSS e<>+8(SB), Z21  \
	VBROADCASTSS e<>+12(SB), Z22 \
	VBROADCASTSS e<>+16(SB), Z23 \
	VBROADCASTSS e<>+20(SB), Z24 \
	VBROADCASTSS e<>+24(SB), Z25 \
	VBROADCASTSS e<>+28(SB), Z26 \
	VBROADCASTSS e<>+32(SB), Z27 \
	VBROADCASTSS e<>+36(SB), Z28 \
	VBROADCASTSS e<>+40(SB), Z29 \
	VBROADCASTSS e<>+44(SB), Z30 \
	VBROADCASTSS e<>+48(SB), Z31

// EXP replaces x by exp(x); t, p and r are scratch. n is scaled in as a number,
// which gives the same bits as raising the exponent, because y and y·2ⁿ are
// normal; a NaN goes through every step, and the comparison lets it pass.
#define EXP(x, t, p, r) \
	VMINPS  x, Z31, x   \
	VMULPS  Z20, x, t   \
	VADDPS  Z21, t, t   \
	VSUBPS  Z21, t, t   \
	VMULPS  Z22, t, r   \
	VSUBPS  r, x, r     \
	VMULPS  Z23, t, p   \
	VSUBPS  p, r, r     \
	VMULPS  Z24, r, p   \
	VADDPS  Z25, p, p   \
	VMULPS  r, p, p     \
	VADDPS  Z26, p, p   \
	VMULPS  r, p, p     \
	VADDPS  Z27, p, p   \
	VMULPS  r, p, p     \
	VADDPS  Z28, p, p   \
	VMULPS  r, p, p     \
	VADDPS  Z29, p, p   \
	VMULPS  r, r, Z17   \
	VMULPS  Z17, p, p   \
	VADDPS  r, p, p     \
	VADDPS  Z30, p, p   \
	VSCALEFPS t, p, p   \
	VCMPPS  $5, Z19, x, K2 \
	VMOVAPS.Z p, K2, x

// TREE adds the 16 lanes of z (whose lower parts are y and x) in the order 8,
// 4, 2, 1 into the lowest; Y1 is scratch.
#define TREE(z, y, x) \
	VEXTRACTF64X4 $1, z, Y1 \
	VADDPS     Y1, y, y  \
	VEXTRACTF128 $1, y, X1 \
	VADDPS     X1, x, x  \
	VPERMILPD  $1, x, X1 \
	VADDPS     X1, x, x  \
	VMOVSHDUP  x, X1     \
	VADDSS     X1, x, x

// func softmaxAVX512(n int, dst, src *float32, scale float32, out *float32)
// dst = exp(src·scale - m)/Σ; out gets m and Σ. n is at least 1.
TEXT ·softmaxAVX512(SB), NOSPLIT, $0-40
	MOVQ n+0(FP), R8
	MOVQ dst+8(FP), DI
	MOVQ src+16(FP), SI
	VBROADCASTSS scale+24(FP), Z16
	MOVQ out+32(FP), R9
	CONSTANTS
	MOVQ R8, CX
	ANDQ $15, CX
	MASK
	MOVQ R8, DX
	SHRQ $4, DX        // whole vectors
	VBROADCASTSS e<>+56(SB), Z0
	MOVQ DX, CX
	XORQ AX, AX
	TESTQ CX, CX
	JZ   maxrest

max:
	VMOVUPS (SI)(AX*1), Z2
	VMAXPS Z0, Z2, Z0
	ADDQ $64, AX
	DECQ CX
	JNZ  max

maxrest:
	VMOVUPS.Z (SI)(AX*1), K1, Z2
	VMAXPS Z0, Z2, K1, Z0
	VEXTRACTF64X4 $1, Z0, Y1
	VMAXPS Y1, Y0, Y0
	VEXTRACTF128 $1, Y0, X1
	VMAXPS X1, X0, X0
	VPERMILPD $1, X0, X1
	VMAXPS X1, X0, X0
	VMOVSHDUP X0, X1
	VMAXSS X1, X0, X0
	VMULSS X16, X0, X0
	VMOVSS X0, (R9)
	VBROADCASTSS X0, Z18
	VPXORQ Z0, Z0, Z0  // sum
	MOVQ DX, CX
	XORQ AX, AX
	TESTQ CX, CX
	JZ   exprest

exp:
	VMULPS (SI)(AX*1), Z16, Z2
	VSUBPS Z18, Z2, Z2
	EXP(Z2, Z3, Z4, Z5)
	VMOVUPS Z2, (DI)(AX*1)
	VADDPS Z2, Z0, Z0
	ADDQ $64, AX
	DECQ CX
	JNZ  exp

exprest:
	VMOVUPS.Z (SI)(AX*1), K1, Z2
	VMULPS Z16, Z2, Z2
	VSUBPS Z18, Z2, Z2
	EXP(Z2, Z3, Z4, Z5)
	VMOVUPS Z2, K1, (DI)(AX*1)
	VADDPS Z2, Z0, K1, Z0
	TREE(Z0, Y0, X0)
	VMOVSS X0, 4(R9)
	VDIVSS X0, X30, X0
	VBROADCASTSS X0, Z0
	MOVQ DX, CX
	XORQ AX, AX
	TESTQ CX, CX
	JZ   dividerest

divide:
	VMULPS (DI)(AX*1), Z0, Z2
	VMOVUPS Z2, (DI)(AX*1)
	ADDQ $64, AX
	DECQ CX
	JNZ  divide

dividerest:
	VMOVUPS.Z (DI)(AX*1), K1, Z2
	VMULPS Z0, Z2, Z2
	VMOVUPS Z2, K1, (DI)(AX*1)
	VZEROUPPER
	RET

// func dotAVX512(n int, x, y *float32) float32
TEXT ·dotAVX512(SB), NOSPLIT, $0-28
	MOVQ n+0(FP), CX
	MOVQ x+8(FP), SI
	MOVQ y+16(FP), DX
	VPXORQ Z0, Z0, Z0
	SUBQ $16, CX
	JL   rest

loop:
	VMOVUPS (SI), Z2
	VMULPS (DX), Z2, Z2
	VADDPS Z2, Z0, Z0
	ADDQ $64, SI
	ADDQ $64, DX
	SUBQ $16, CX
	JGE  loop

rest:
	ADDQ $16, CX
	JZ   sum
	MASK
	VMOVUPS.Z (SI), K1, Z2
	VMOVUPS.Z (DX), K1, Z3
	VMULPS Z3, Z2, Z2
	VADDPS Z2, Z0, K1, Z0

sum:
	TREE(Z0, Y0, X0)
	VMOVSS X0, ret+24(FP)
	VZEROUPPER
	RET

// SIGMOID sets s to sigmoid(a), with 1 in Z30 and -0 in Z18; Z1 to Z3 are scratch.
#define SIGMOID(a, s) \
	VPXORQ Z18, a, s   \
	EXP(s, Z1, Z2, Z3) \
	VADDPS Z30, s, s   \
	VDIVPS s, Z30, s

// h = (a·s)·u with s = sigmoid(a)
#define SWIGLU(load, store) \
	load(SI, Z4)      \
	load(DX, Z5)      \
	SIGMOID(Z4, Z0)   \
	VMULPS Z0, Z4, Z4 \
	VMULPS Z5, Z4, Z4 \
	store(Z4, DI)

// func swigluAVX512(n int, h, a, u *float32)
TEXT ·swigluAVX512(SB), NOSPLIT, $0-32
	MOVQ n+0(FP), CX
	MOVQ h+8(FP), DI
	MOVQ a+16(FP), SI
	MOVQ u+24(FP), DX
	CONSTANTS
	VBROADCASTSS e<>+52(SB), Z18
	EACH(SWIGLU)
	VZEROUPPER
	RET

// du = dh·(a·s), da = (dh·u)·(s + (a·s)·(1 - s)) with s = sigmoid(a)
#define SWIGLUGRAD(load, store) \
	load(R8, Z4)       \
	load(DX, Z5)       \
	load(R9, Z6)       \
	SIGMOID(Z4, Z0)    \
	VMULPS Z0, Z4, Z4  \
	VMULPS Z6, Z5, Z6  \
	VMULPS Z4, Z5, Z5  \
	VSUBPS Z0, Z30, Z7 \
	VMULPS Z7, Z4, Z7  \
	VADDPS Z7, Z0, Z7  \
	VMULPS Z7, Z6, Z6  \
	store(Z5, SI)      \
	store(Z6, DI)

// func swigluGradAVX512(n int, da, du, dh, a, u *float32)
TEXT ·swigluGradAVX512(SB), NOSPLIT, $0-48
	MOVQ n+0(FP), CX
	MOVQ da+8(FP), DI
	MOVQ du+16(FP), SI
	MOVQ dh+24(FP), DX
	MOVQ a+32(FP), R8
	MOVQ u+40(FP), R9
	CONSTANTS
	VBROADCASTSS e<>+52(SB), Z18
	EACH(SWIGLUGRAD)
	VZEROUPPER
	RET

// func squaresAVX512(n int, x *float32, lane *float64)
// Adds the exact squares of x to 16 lanes in binary64; n is a multiple of 16.
TEXT ·squaresAVX512(SB), NOSPLIT, $0-24
	MOVQ n+0(FP), CX
	MOVQ x+8(FP), SI
	MOVQ lane+16(FP), DI
	VMOVUPD (DI), Z0
	VMOVUPD 64(DI), Z1
	SHRQ $4, CX
	JZ   done

loop:
	VCVTPS2PD (SI), Z2
	VCVTPS2PD 32(SI), Z3
	VMULPD Z2, Z2, Z2
	VMULPD Z3, Z3, Z3
	VADDPD Z2, Z0, Z0
	VADDPD Z3, Z1, Z1
	ADDQ $64, SI
	DECQ CX
	JNZ  loop

done:
	VMOVUPD Z0, (DI)
	VMOVUPD Z1, 64(DI)
	VZEROUPPER
	RET
