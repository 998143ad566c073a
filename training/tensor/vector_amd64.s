#include "textflag.h"

// Eight copies of each constant of the exponential function (package comment).
#define CONST(at, v) \
	DATA k<>+at(SB)/8, $v      \
	DATA k<>+at+8(SB)/8, $v    \
	DATA k<>+at+16(SB)/8, $v   \
	DATA k<>+at+24(SB)/8, $v

CONST(0, 0xc2ae0000c2ae0000) // lo = -87.0
CONST(32, 0x3fb8aa3b3fb8aa3b) // log2e = 1.4426950408889634
CONST(64, 0x4b4000004b400000) // magic = 12582912.0
CONST(96, 0x3f3180003f318000) // c1 = 0.693359375
CONST(128, 0xb95e8083b95e8083) // c2 = -0.00021219444
CONST(160, 0x3950696739506967) // p0 = 0.000198756915
CONST(192, 0x3ab743ce3ab743ce) // p1 = 0.0013981999507
CONST(224, 0x3c0889083c088908) // p2 = 0.0083334519073
CONST(256, 0x3d2aa9c13d2aa9c1) // p3 = 0.041665795894
CONST(288, 0x3e2aaaaa3e2aaaaa) // p4 = 0.16666665459
CONST(320, 0x3f0000003f000000) // p5 = 0.50000001201
CONST(352, 0x3f8000003f800000) // one = 1.0
CONST(384, 0x42b0000042b00000) // hi = 88.0
CONST(416, 0x8000000080000000) // sign = -0.0
GLOBL k<>(SB), RODATA|NOPTR, $448

// EXP replaces x by exp(x); t, p and m are scratch, Y15 holds the upper bound
// of x. The minimum keeps a NaN of x, and the last two lines restore it.
#define EXP(x, t, p, m) \
	VMINPS  x, Y15, x              \
	VMULPS  k<>+32(SB), x, t       \
	VADDPS  k<>+64(SB), t, t       \
	VSUBPS  k<>+64(SB), t, p       \
	VPSLLD  $23, t, t              \
	VMULPS  k<>+96(SB), p, m       \
	VMULPS  k<>+128(SB), p, p      \
	VSUBPS  m, x, m                \
	VSUBPS  p, m, m                \
	VMULPS  k<>+160(SB), m, p      \
	VADDPS  k<>+192(SB), p, p      \
	VMULPS  m, p, p                \
	VADDPS  k<>+224(SB), p, p      \
	VMULPS  m, p, p                \
	VADDPS  k<>+256(SB), p, p      \
	VMULPS  m, p, p                \
	VADDPS  k<>+288(SB), p, p      \
	VMULPS  m, p, p                \
	VADDPS  k<>+320(SB), p, p      \
	VMULPS  m, m, Y14              \
	VMULPS  Y14, p, p              \
	VADDPS  m, p, p                \
	VADDPS  k<>+352(SB), p, p      \
	VPADDD  t, p, p                \
	VCMPPS  $1, k<>(SB), x, m      \
	VANDNPS p, m, p                \
	VCMPPS  $3, x, x, m            \
	VORPS   m, p, x

// SIGMOID sets s to sigmoid(a); needs what SIGMOIDCONSTANTS loads, Y1 to Y3 are scratch.
#define SIGMOIDCONSTANTS \
	VMOVUPS k<>+384(SB), Y15 \
	VMOVUPS k<>+352(SB), Y13 \
	VMOVUPS k<>+416(SB), Y12

#define SIGMOID(a, s) \
	VXORPS Y12, a, s   \
	EXP(s, Y1, Y2, Y3) \
	VADDPS Y13, s, s   \
	VDIVPS s, Y13, s

// func expAVX2(n int, dst, src *float32, scale, shift float32)
// dst = exp(src·scale - shift); n is a multiple of 8.
TEXT ·expAVX2(SB), NOSPLIT, $0-32
	MOVQ n+0(FP), CX
	MOVQ dst+8(FP), DI
	MOVQ src+16(FP), SI
	VBROADCASTSS scale+24(FP), Y12
	VBROADCASTSS shift+28(FP), Y13
	VMOVUPS k<>+384(SB), Y15
	SHRQ $3, CX
	JZ   done

loop:
	VMULPS (SI), Y12, Y0
	VSUBPS Y13, Y0, Y0
	EXP(Y0, Y1, Y2, Y3)
	VMOVUPS Y0, (DI)
	ADDQ $32, SI
	ADDQ $32, DI
	DECQ CX
	JNZ  loop

done:
	VZEROUPPER
	RET

// func swigluAVX2(n int, h, a, u *float32)
// h = (a·sigmoid(a))·u; n is a multiple of 8.
TEXT ·swigluAVX2(SB), NOSPLIT, $0-32
	MOVQ n+0(FP), CX
	MOVQ h+8(FP), DI
	MOVQ a+16(FP), SI
	MOVQ u+24(FP), DX
	SIGMOIDCONSTANTS
	SHRQ $3, CX
	JZ   done

loop:
	VMOVUPS (SI), Y4
	SIGMOID(Y4, Y0)
	VMULPS  Y0, Y4, Y4
	VMULPS  (DX), Y4, Y4
	VMOVUPS Y4, (DI)
	ADDQ $32, SI
	ADDQ $32, DX
	ADDQ $32, DI
	DECQ CX
	JNZ  loop

done:
	VZEROUPPER
	RET

// func swigluGradAVX2(n int, da, du, dh, a, u *float32)
// du = dh·(a·s), da = (dh·u)·(s + (a·s)·(1 - s)) with s = sigmoid(a).
TEXT ·swigluGradAVX2(SB), NOSPLIT, $0-48
	MOVQ n+0(FP), CX
	MOVQ da+8(FP), DI
	MOVQ du+16(FP), R8
	MOVQ dh+24(FP), R9
	MOVQ a+32(FP), SI
	MOVQ u+40(FP), DX
	SIGMOIDCONSTANTS
	SHRQ $3, CX
	JZ   done

loop:
	VMOVUPS (SI), Y4
	SIGMOID(Y4, Y0)
	VMULPS  Y0, Y4, Y4  // a·s
	VMOVUPS (R9), Y5    // dh
	VMULPS  (DX), Y5, Y6
	VMULPS  Y4, Y5, Y5
	VSUBPS  Y0, Y13, Y7
	VMULPS  Y7, Y4, Y7
	VADDPS  Y7, Y0, Y7
	VMULPS  Y7, Y6, Y6
	VMOVUPS Y5, (R8)
	VMOVUPS Y6, (DI)
	ADDQ $32, SI
	ADDQ $32, DX
	ADDQ $32, DI
	ADDQ $32, R8
	ADDQ $32, R9
	DECQ CX
	JNZ  loop

done:
	VZEROUPPER
	RET

// func dotAVX2(n int, x, y, lane *float32)
// Adds the rounded products x·y to 16 lanes; n is a
// multiple of 16.
TEXT ·dotAVX2(SB), NOSPLIT, $0-32
	MOVQ n+0(FP), CX
	MOVQ x+8(FP), SI
	MOVQ y+16(FP), DX
	MOVQ lane+24(FP), DI
	VMOVUPS (DI), Y0
	VMOVUPS 32(DI), Y1
	SHRQ $4, CX
	JZ   done

loop:
	VMOVUPS (SI), Y2
	VMOVUPS 32(SI), Y3
	VMULPS  (DX), Y2, Y2
	VMULPS  32(DX), Y3, Y3
	VADDPS  Y2, Y0, Y0
	VADDPS  Y3, Y1, Y1
	ADDQ $64, SI
	ADDQ $64, DX
	DECQ CX
	JNZ  loop

done:
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	VZEROUPPER
	RET

// func sumAVX2(n int, x, lane *float32)
TEXT ·sumAVX2(SB), NOSPLIT, $0-24
	MOVQ n+0(FP), CX
	MOVQ x+8(FP), SI
	MOVQ lane+16(FP), DI
	VMOVUPS (DI), Y0
	VMOVUPS 32(DI), Y1
	SHRQ $4, CX
	JZ   done

loop:
	VADDPS (SI), Y0, Y0
	VADDPS 32(SI), Y1, Y1
	ADDQ $64, SI
	DECQ CX
	JNZ  loop

done:
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	VZEROUPPER
	RET

// func maxAVX2(n int, x, lane *float32)
// A NaN in x is passed over, as in a comparison.
TEXT ·maxAVX2(SB), NOSPLIT, $0-24
	MOVQ n+0(FP), CX
	MOVQ x+8(FP), SI
	MOVQ lane+16(FP), DI
	VMOVUPS (DI), Y0
	VMOVUPS 32(DI), Y1
	SHRQ $4, CX
	JZ   done

loop:
	VMOVUPS (SI), Y2
	VMOVUPS 32(SI), Y3
	VMAXPS  Y0, Y2, Y0
	VMAXPS  Y1, Y3, Y1
	ADDQ $64, SI
	DECQ CX
	JNZ  loop

done:
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	VZEROUPPER
	RET

// func squaresAVX2(n int, x *float32, lane *float64)
// Adds the exact squares of x to 16 lanes in binary64; n is a multiple of 16.
TEXT ·squaresAVX2(SB), NOSPLIT, $0-24
	MOVQ n+0(FP), CX
	MOVQ x+8(FP), SI
	MOVQ lane+16(FP), DI
	VMOVUPD (DI), Y0
	VMOVUPD 32(DI), Y1
	VMOVUPD 64(DI), Y2
	VMOVUPD 96(DI), Y3
	SHRQ $4, CX
	JZ   done

loop:
	VCVTPS2PD (SI), Y4
	VCVTPS2PD 16(SI), Y5
	VCVTPS2PD 32(SI), Y6
	VCVTPS2PD 48(SI), Y7
	VMULPD Y4, Y4, Y4
	VMULPD Y5, Y5, Y5
	VMULPD Y6, Y6, Y6
	VMULPD Y7, Y7, Y7
	VADDPD Y4, Y0, Y0
	VADDPD Y5, Y1, Y1
	VADDPD Y6, Y2, Y2
	VADDPD Y7, Y3, Y3
	ADDQ $64, SI
	DECQ CX
	JNZ  loop

done:
	VMOVUPD Y0, (DI)
	VMOVUPD Y1, 32(DI)
	VMOVUPD Y2, 64(DI)
	VMOVUPD Y3, 96(DI)
	VZEROUPPER
	RET
