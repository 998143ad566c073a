// Package training holds the words that every training package shares: the
// digest by which artefacts are named, identities, and hyperparameters. It
// knows no SQL and no HTTP.
//
// Legend of shapes used below this package:
//
//	B  batch: sequences in one step
//	T  time: tokens in one sequence
//	C  channels: the width d of the model
//	V  vocabulary size
//	H  heads, G key/value groups, D = C/H the width of a head
//	F  width of the feed-forward layer
//	K  nodes in a cohort; n_k the examples of node k
package training
