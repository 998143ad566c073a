// Package checks measures every update of a round before it counts: the fifteen
// checks of the platform's defence against poisoning, as far as numbers can
// decide them. Each gives a value, the threshold beside which it was laid, and
// an outcome:
//
//	pass         the update counts
//	clip         it counts at the median norm of the cohort
//	down-weight  it counts for less
//	hold         it does not count until people have looked
//	reject       it does not count
//	not-run      nothing was measured, and Note says why
//
// The checks are, by number: 1 form; 2 duplicates; 3 norm; 4 layers and rows of
// the embedding; 5 direction; 6 clusters; 7 Krum's score; 8 FLTrust's root set;
// 9 effect on held-out text; 10 triggers; 11 sparsity; 12 share of the weight;
// 13 canaries of others; 14 noise; 15 the node's own filter. 8, 9, 10 and 13
// need what a round does not have and say so: a check that was not run is not
// one that passed.
//
// What the checks cannot do: updates that differ from honest ones by less than
// honest ones differ among themselves pass (Baruch et al. 2019; Shejwalkar and
// Houmansadr 2021), and poison in the text of an honest node is not in the
// update's geometry at all. The robust rules of package robust bound what
// passes; the test of this package holds the table of which attack is caught
// by which check, and which is missed.
//
// Everything is a function of the cohort's bytes and the limits: sums have one
// order, chance has none but the seed of the sketches, so that whoever may read
// the updates comes to the same strings.
//
// # Sketches
//
// A node's direction is remembered as 1,024 integers, a count sketch (Charikar,
// Chen, Farach-Colton 2002): coordinate i is added with sign s(i) to place h(i).
// Cosines between sketches estimate those between updates with a standard
// error of about 1/32. A sketch is a linear map from a million numbers or more
// to 1,024, so the update cannot be computed back from it; but who guesses a text
// and the seed can train on it and compare, and learns with that error whether
// the guess points the same way. Sketches therefore are kept like updates: on the server,
// encrypted to the contributor's key, never on a page, in the log or in an
// archive, and only until the campaign ends.
package checks
