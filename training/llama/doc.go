// Package llama is the language model that a community trains: a decoder-only
// transformer in the layout of Llama (Touvron et al. 2023) with RMSNorm (Zhang
// and Sennrich 2019), rotary positions (Su et al. 2021) in the rotate-half
// convention of Hugging Face, SwiGLU (Shazeer 2020) and grouped-query
// attention (Ainslie et al. 2023). Parameter names and shapes are those of
// Hugging Face's LlamaForCausalLM, so that its weights load there and back.
//
// Forward and backward are written by hand, one file per layer:
//
//	x₀ = E[tokens]                                   embedding.go
//	n = RMSNorm(x); q, k, v = n·Wᵀ; rotate q and k   norm.go, linear.go, rotary.go
//	x' = x + softmax(q·kᵀ/√D, causal)·v·Woᵀ          attention.go
//	x'' = x' + (silu(n'·Wgᵀ) ∘ n'·Wuᵀ)·Wdᵀ           feedforward.go
//	logits = RMSNorm(x)·Eᵀ, loss = mean of -log p    loss.go
//
// All arithmetic is that of package tensor: the same weights, tokens and seed
// give the same bits on every processor and with any number of threads. A
// gradient is therefore evidence that a second node can recompute.
//
// Shapes use the legend of package training (B T C V H G D F); N = B·T rows.
package llama
