#include "textflag.h"

// func packPanelAVX2(k int, dst, src *float32, stride int)
// Copies k rows of 32 elements, stride apart, to rows without gaps.
TEXT ·packPanelAVX2(SB), NOSPLIT, $0-32
	MOVQ k+0(FP), CX
	MOVQ dst+8(FP), DI
	MOVQ src+16(FP), SI
	MOVQ stride+24(FP), R8
	SHLQ $2, R8
	LEAQ (SI)(R8*8), DX

row:
	PREFETCHT0 (DX)
	PREFETCHT0 64(DX)
	VMOVUPS (SI), Y0
	VMOVUPS 32(SI), Y1
	VMOVUPS 64(SI), Y2
	VMOVUPS 96(SI), Y3
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	VMOVUPS Y2, 64(DI)
	VMOVUPS Y3, 96(DI)
	ADDQ R8, SI
	ADDQ R8, DX
	ADDQ $128, DI
	DECQ CX
	JNZ  row
	VZEROUPPER
	RET

// func packTilesAVX2(k, tiles int, dst, src *float32, stride int)
// Copies 12·tiles columns of k rows, stride apart, to tiles of k rows of 12.
TEXT ·packTilesAVX2(SB), NOSPLIT, $0-40
	MOVQ k+0(FP), CX
	MOVQ tiles+8(FP), BX
	MOVQ dst+16(FP), DI
	MOVQ src+24(FP), SI
	MOVQ stride+32(FP), R8
	SHLQ $2, R8
	LEAQ (CX)(CX*2), R9
	SHLQ $4, R9           // bytes of one tile

row:
	MOVQ SI, R10
	MOVQ DI, R11
	LEAQ (SI)(R8*8), DX
	MOVQ BX, R12

tile:
	PREFETCHT0 (DX)
	VMOVUPS (R10), Y0
	VMOVUPS 32(R10), X1
	VMOVUPS Y0, (R11)
	VMOVUPS X1, 32(R11)
	ADDQ $48, R10
	ADDQ $48, DX
	ADDQ R9, R11
	DECQ R12
	JNZ  tile

	ADDQ R8, SI
	ADDQ $48, DI
	DECQ CX
	JNZ  row
	VZEROUPPER
	RET

// func packTransposedAVX2(k int, dst, src *float32, stride int)
// Turns 8 rows of k elements, stride apart, into k rows of 8 elements, 32
// apart; k is a multiple of 8. Eight by eight: pairs of rows are interleaved
// by elements, then by pairs, then halves change places.
TEXT ·packTransposedAVX2(SB), NOSPLIT, $0-32
	MOVQ k+0(FP), CX
	MOVQ dst+8(FP), DI
	MOVQ src+16(FP), SI
	MOVQ stride+24(FP), R8
	SHLQ $2, R8
	LEAQ (R8)(R8*2), R9
	LEAQ (SI)(R8*4), BX
	SHRQ $3, CX
	JZ   done

block:
	VMOVUPS (SI), Y0
	VMOVUPS (SI)(R8*1), Y1
	VMOVUPS (SI)(R8*2), Y2
	VMOVUPS (SI)(R9*1), Y3
	VMOVUPS (BX), Y4
	VMOVUPS (BX)(R8*1), Y5
	VMOVUPS (BX)(R8*2), Y6
	VMOVUPS (BX)(R9*1), Y7
	VUNPCKLPS Y1, Y0, Y8
	VUNPCKHPS Y1, Y0, Y9
	VUNPCKLPS Y3, Y2, Y10
	VUNPCKHPS Y3, Y2, Y11
	VUNPCKLPS Y5, Y4, Y12
	VUNPCKHPS Y5, Y4, Y13
	VUNPCKLPS Y7, Y6, Y14
	VUNPCKHPS Y7, Y6, Y15
	VUNPCKLPD Y10, Y8, Y0
	VUNPCKHPD Y10, Y8, Y1
	VUNPCKLPD Y11, Y9, Y2
	VUNPCKHPD Y11, Y9, Y3
	VUNPCKLPD Y14, Y12, Y4
	VUNPCKHPD Y14, Y12, Y5
	VUNPCKLPD Y15, Y13, Y6
	VUNPCKHPD Y15, Y13, Y7
	VPERM2F128 $0x20, Y4, Y0, Y8
	VPERM2F128 $0x20, Y5, Y1, Y9
	VPERM2F128 $0x20, Y6, Y2, Y10
	VPERM2F128 $0x20, Y7, Y3, Y11
	VPERM2F128 $0x31, Y4, Y0, Y12
	VPERM2F128 $0x31, Y5, Y1, Y13
	VPERM2F128 $0x31, Y6, Y2, Y14
	VPERM2F128 $0x31, Y7, Y3, Y15
	VMOVUPS Y8, (DI)
	VMOVUPS Y9, 128(DI)
	VMOVUPS Y10, 256(DI)
	VMOVUPS Y11, 384(DI)
	VMOVUPS Y12, 512(DI)
	VMOVUPS Y13, 640(DI)
	VMOVUPS Y14, 768(DI)
	VMOVUPS Y15, 896(DI)
	ADDQ $32, SI
	ADDQ $32, BX
	ADDQ $1024, DI
	DECQ CX
	JNZ  block

done:
	VZEROUPPER
	RET
