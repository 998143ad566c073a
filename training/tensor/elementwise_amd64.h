// The arithmetic of the functions that treat every element by itself, written
// once for AVX2 and AVX-512: each product and sum is rounded by itself, as in
// the plain loops of elementwise.go. V0 to V5 are registers of elements and C0
// to C7 of scalars; load(p, v) reads the elements at pointer p, store(v, p)
// writes them. Who includes this names the registers, the loads and the stores.

// dst = src·s
#define SCALE(load, store) \
	load(SI, V0)      \
	VMULPS C0, V0, V0 \
	store(V0, DI)

// dst = x + y
#define ADD(load, store) \
	load(SI, V0)      \
	load(DX, V1)      \
	VADDPS V1, V0, V0 \
	store(V0, DI)

// y = (x·r)·gain
#define SCALEMUL(load, store) \
	load(SI, V0)      \
	load(DX, V1)      \
	VMULPS C0, V0, V0 \
	VMULPS V1, V0, V0 \
	store(V0, DI)

// sum += dy·(x·r), t = dy·gain
#define GAINGRAD(load, store) \
	load(DX, V0)      \
	load(R8, V1)      \
	load(R9, V2)      \
	load(DI, V3)      \
	VMULPS C0, V1, V1 \
	VMULPS V1, V0, V1 \
	VADDPS V1, V3, V3 \
	VMULPS V2, V0, V0 \
	store(V3, DI)     \
	store(V0, SI)

// dx += r·t - x·k
#define INPUTGRAD(load, store) \
	load(SI, V0)      \
	load(DX, V1)      \
	load(DI, V2)      \
	VMULPS C0, V0, V0 \
	VMULPS C1, V1, V1 \
	VSUBPS V1, V0, V0 \
	VADDPS V0, V2, V2 \
	store(V2, DI)

// dx = (p·(dp - d))·s
#define SOFTGRAD(load, store) \
	load(SI, V0)      \
	load(DX, V1)      \
	VSUBPS C0, V1, V1 \
	VMULPS V1, V0, V0 \
	VMULPS C1, V0, V0 \
	store(V0, DI)

// lo, hi = lo·c - hi·(sign·s), hi·c + lo·(sign·s)
#define ROTATE(load, store) \
	load(DI, V0)      \
	load(SI, V1)      \
	load(DX, V2)      \
	load(R8, V3)      \
	VMULPS C0, V3, V3 \
	VMULPS V2, V0, V4 \
	VMULPS V3, V1, V5 \
	VSUBPS V5, V4, V4 \
	VMULPS V2, V1, V1 \
	VMULPS V3, V0, V0 \
	VADDPS V0, V1, V1 \
	store(V4, DI)     \
	store(V1, SI)

// The numbers of optim.AdamW at BX: b1, c1, b2, c2, eps, rate, root, decay.
#define ADAMWSTEP \
	VBROADCASTSS 0(BX), C0  \
	VBROADCASTSS 4(BX), C1  \
	VBROADCASTSS 8(BX), C2  \
	VBROADCASTSS 12(BX), C3 \
	VBROADCASTSS 16(BX), C4 \
	VBROADCASTSS 20(BX), C5 \
	VBROADCASTSS 24(BX), C6 \
	VBROADCASTSS 28(BX), C7

// m = b1·m + c1·g, v = b2·v + c2·(g·g), w = (w - decay·w) - (rate·m)/(√v·root + eps)
#define ADAMW(load, store) \
	load(DI, V0)      \
	load(SI, V1)      \
	load(DX, V2)      \
	load(R8, V3)      \
	VMULPS C0, V2, V2 \
	VMULPS C1, V1, V4 \
	VADDPS V4, V2, V2 \
	VMULPS C2, V3, V3 \
	VMULPS V1, V1, V1 \
	VMULPS C3, V1, V1 \
	VADDPS V1, V3, V3 \
	VSQRTPS V3, V4    \
	VMULPS C6, V4, V4 \
	VADDPS C4, V4, V4 \
	VMULPS C7, V0, V1 \
	VSUBPS V1, V0, V0 \
	VMULPS C5, V2, V1 \
	VDIVPS V4, V1, V1 \
	VSUBPS V1, V0, V0 \
	store(V0, DI)     \
	store(V2, DX)     \
	store(V3, R8)
