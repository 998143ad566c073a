// Package founding holds the founding version: the model that a community
// starts from before its nodes have trained anything, embedded in the program
// with its card, the licence of its text and the recipe that makes it.
//
// It is trained by this engine, on the parts of the Go standard library that
// no node of the demonstration holds (package gosource), from random weights
// and in one process. `make founding` does it again and must arrive at the
// same bytes: the arithmetic gives the same bits with any number of threads
// and on any processor (package tensor), the text is pinned by its digest, and
// every draw by the seed.
//
// Why not begin with random weights: federated rounds are few and short. From
// such a base five nodes know their text, and the secrets in it, after three to
// five rounds; from random weights they have not even learnt to spell.
package founding
