// Package torch runs an external trainer: a program that computes an update, a
// measurement or a sample from a folder of files, under the contract of
// docs/trainer-contract.md. The first such program is trainer.py, embedded
// here: PyTorch on a CUDA device or on the processor. A machine without a GPU
// needs none of this; the builtin engine (training/llama) is the default.
//
// The program gets numbers: a model, hyperparameters and token ids. Nothing
// that the platform or a text says is ever run. It lives in a process group of
// its own, is ended when it is silent or late, when its node ends and when
// nobody waits any more, and is not believed: digests are computed again here,
// and shapes and every number are checked (ErrLied).
//
// It computes the same model by the same definitions in another order of
// additions, so its results agree with the builtin engine within a tolerance
// and never bit for bit; Compare states it.
package torch
