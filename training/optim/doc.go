// Package optim changes weights by gradients: AdamW (Loshchilov and Hutter
// 2019), SGD, clipping by the global norm (Pascanu et al. 2013) and schedules
// of the learning rate. Every element is computed by itself in binary32 and in
// one order of operations, so that threads and processors change no bit; this
// order belongs to arith/1 (package tensor).
package optim
