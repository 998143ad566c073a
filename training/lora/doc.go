// Package lora adapts a model without touching it: beside a frozen weight W
// (out × in) it trains two thin matrices, A (rank × in) and B (out × rank), and
// the adapted projection is
//
//	y = x·Wᵀ + (α/rank)·(x·Aᵀ)·Bᵀ          (Hu et al. 2021, equation 3)
//
// A starts as uniform noise and B as zero, so that an untrained adapter changes
// nothing. An adapter of rank 8 has about a hundredth of the model's
// parameters, and so have its gradient, its moments and its file.
//
// An adapter is kept, as a folder in the layout of PEFT, which loads it on top
// of the same base, or merged: W + (α/rank)·B·A is an ordinary model.
//
// # In a federation
//
// The mean over nodes of B·A is not (mean of B)·(mean of A), so averaging both
// matrices averages something that no node trained. With FreezeA every node
// has the same A, drawn from a seed, and trains B only; then
// mean(B_k)·A = mean(B_k·A), and the average is exact (FFA-LoRA: Sun, Li, Li
// and Ding 2024, "Improving LoRA in Privacy-preserving Federated Learning",
// section 3). The trained parameters are Adapter.Params, a flat vector like a
// model's, and go through the same averaging, clipping and checks.
//
// # Personal adapters
//
// A node can train an adapter for its owner, on text that no campaign may read.
// It is a folder of the node; nothing in this module sends it anywhere.
package lora
