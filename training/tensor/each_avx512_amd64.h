// How functions that treat every element by itself go through their arrays
// with AVX-512. All pointers move together, by AX bytes.

// Sixteen elements, and the elements that the mask in K1 names.
#define LOADALL(p, z) VMOVUPS (p)(AX*1), z
#define STOREALL(z, p) VMOVUPS z, (p)(AX*1)
#define LOADSOME(p, z) VMOVUPS.Z (p)(AX*1), K1, z
#define STORESOME(z, p) VMOVUPS z, K1, (p)(AX*1)

// MASK sets K1 to the lowest CX lanes.
#define MASK \
	MOVL  $1, BX \
	SHLL  CX, BX \
	DECL  BX     \
	KMOVW BX, K1

// EACH does f for CX elements, sixteen at a time and then what is left.
#define EACH(f) \
	XORQ AX, AX            \
	SUBQ $16, CX           \
	JL   rest              \
loop:                      \
	f(LOADALL, STOREALL)   \
	ADDQ $64, AX           \
	SUBQ $16, CX           \
	JGE  loop              \
rest:                      \
	ADDQ $16, CX           \
	JZ   done              \
	MASK                   \
	f(LOADSOME, STORESOME) \
done:
