// Four rows of 32 columns of C from DI in eight registers; R10 is the distance
// of rows in bytes and R13 three times that.
#define LOAD4(a0, a1, b0, b1, c0, c1, d0, d1) \
	VMOVUPS (DI), a0          \
	VMOVUPS 64(DI), a1        \
	VMOVUPS (DI)(R10*1), b0   \
	VMOVUPS 64(DI)(R10*1), b1 \
	VMOVUPS (DI)(R10*2), c0   \
	VMOVUPS 64(DI)(R10*2), c1 \
	VMOVUPS (DI)(R13*1), d0   \
	VMOVUPS 64(DI)(R13*1), d1

#define STORE4(a0, a1, b0, b1, c0, c1, d0, d1) \
	VMOVUPS a0, (DI)          \
	VMOVUPS a1, 64(DI)        \
	VMOVUPS b0, (DI)(R10*1)   \
	VMOVUPS b1, 64(DI)(R10*1) \
	VMOVUPS c0, (DI)(R10*2)   \
	VMOVUPS c1, 64(DI)(R10*2) \
	VMOVUPS d0, (DI)(R13*1)   \
	VMOVUPS d1, 64(DI)(R13*1)

#define ZERO4(a0, a1, b0, b1, c0, c1, d0, d1) \
	VPXORQ a0, a0, a0 \
	VPXORQ a1, a1, a1 \
	VPXORQ b0, b0, b0 \
	VPXORQ b1, b1, b1 \
	VPXORQ c0, c0, c0 \
	VPXORQ c1, c1, c1 \
	VPXORQ d0, d0, d0 \
	VPXORQ d1, d1, d1
