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
