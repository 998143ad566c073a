#include "textflag.h"

// func accumulateAVX2(n int, sum *float64, u *float32, w float64)
// sum += w·u with the product rounded by itself; n is a multiple of 16.
TEXT ·accumulateAVX2(SB), NOSPLIT, $0-32
	MOVQ         n+0(FP), CX
	MOVQ         sum+8(FP), DI
	MOVQ         u+16(FP), SI
	VBROADCASTSD w+24(FP), Y8
	SHRQ         $4, CX

loop:
	VCVTPS2PD (SI), Y0
	VCVTPS2PD 16(SI), Y1
	VCVTPS2PD 32(SI), Y2
	VCVTPS2PD 48(SI), Y3
	VMULPD    Y8, Y0, Y0
	VMULPD    Y8, Y1, Y1
	VMULPD    Y8, Y2, Y2
	VMULPD    Y8, Y3, Y3
	VADDPD    (DI), Y0, Y0
	VADDPD    32(DI), Y1, Y1
	VADDPD    64(DI), Y2, Y2
	VADDPD    96(DI), Y3, Y3
	VMOVUPD   Y0, (DI)
	VMOVUPD   Y1, 32(DI)
	VMOVUPD   Y2, 64(DI)
	VMOVUPD   Y3, 96(DI)
	ADDQ      $64, SI
	ADDQ      $128, DI
	DECQ      CX
	JNZ       loop
	VZEROUPPER
	RET

// func finiteAVX2(n int, v *float32) uint32
// returns 0 when no exponent is all ones, which is NaN and the infinities;
// n is a multiple of 16. Adding one to the exponent of such a value carries
// into the sign.
TEXT ·finiteAVX2(SB), NOSPLIT, $0-20
	MOVQ         n+0(FP), CX
	MOVQ         v+8(FP), SI
	MOVL         $0x7f800000, AX
	VMOVD        AX, X8
	VPBROADCASTD X8, Y8
	MOVL         $0x00800000, AX
	VMOVD        AX, X9
	VPBROADCASTD X9, Y9
	VPXOR        Y6, Y6, Y6
	VPXOR        Y7, Y7, Y7
	SHRQ         $4, CX

look:
	VPAND  (SI), Y8, Y0
	VPAND  32(SI), Y8, Y1
	VPADDD Y9, Y0, Y0
	VPADDD Y9, Y1, Y1
	VPOR   Y0, Y6, Y6
	VPOR   Y1, Y7, Y7
	ADDQ   $64, SI
	DECQ   CX
	JNZ    look
	VPOR   Y6, Y7, Y6
	VMOVMSKPS Y6, AX
	MOVL   AX, ret+16(FP)
	VZEROUPPER
	RET

// func divideAVX2(n int, dst *float32, sum *float64, total float64) uint32
// dst = sum/total, rounded to float64 and then to float32; returns as
// finiteAVX2 does; n is a multiple of 8.
TEXT ·divideAVX2(SB), NOSPLIT, $0-36
	MOVQ         n+0(FP), CX
	MOVQ         dst+8(FP), DI
	MOVQ         sum+16(FP), SI
	VBROADCASTSD total+24(FP), Y7
	MOVL         $0x7f800000, AX
	VMOVD        AX, X8
	VPBROADCASTD X8, X8
	MOVL         $0x00800000, AX
	VMOVD        AX, X9
	VPBROADCASTD X9, X9
	VPXOR        X6, X6, X6
	SHRQ         $3, CX

split:
	VMOVUPD    (SI), Y0
	VMOVUPD    32(SI), Y1
	VDIVPD     Y7, Y0, Y0
	VDIVPD     Y7, Y1, Y1
	VCVTPD2PSY Y0, X0
	VCVTPD2PSY Y1, X1
	VMOVUPS    X0, (DI)
	VMOVUPS    X1, 16(DI)
	VPAND      X8, X0, X0
	VPAND      X8, X1, X1
	VPADDD     X9, X0, X0
	VPADDD     X9, X1, X1
	VPOR       X0, X6, X6
	VPOR       X1, X6, X6
	ADDQ       $64, SI
	ADDQ       $32, DI
	DECQ       CX
	JNZ        split
	VMOVMSKPS  X6, AX
	MOVL       AX, ret+32(FP)
	VZEROUPPER
	RET
