// Package robust combines the updates of a cohort so that a few hostile or
// broken nodes cannot steer the result. n is the number of updates and f the
// number that may be bad; every rule refuses a cohort that is too small for the
// f it was asked to bear, with the smallest size that would do.
//
//	rule              needs      source
//	Median            n ≥ 2f+1   Yin, Chen, Ramchandran, Bartlett 2018
//	TrimmedMean       n ≥ 2k+1   the same; k is cut on each side
//	Krum, MultiKrum   n ≥ 2f+3   Blanchard, El Mhamdi, Guerraoui, Stainer 2017
//	Bulyan            n ≥ 4f+3   El Mhamdi, Guerraoui, Rouault 2018
//	GeometricMedian   n ≥ 2f+1   Pillutla, Kakade, Harchaoui 2022 (RFA; preprint 2019)
//	CenteredClip      n ≥ 2f+1   Karimireddy, He, Jaggi 2021 (preprint 2020)
//	Bucketed          as inside  Karimireddy, He, Jaggi 2022 (preprint 2020)
//
// Where updates come from is a Cohort: it hands out a range of coordinates of
// all n updates at a time, so that a server holds n short pieces and one
// result, never n models. Rules that look at whole updates (distances) read the
// cohort more than once.
//
// # Arithmetic
//
// Results are the same bits on every processor, for any number of threads and
// any cut into ranges:
//
//   - Updates are binary32 and finite; anything else is refused with
//     fedavg.ErrNotFinite and the place of the update.
//   - A squared distance is a sum over blocks of 1,024 coordinates (Block), in
//     order, in binary64. Within a block 4 lanes start at +0; lane l adds the
//     squares of the differences (both in binary64, rounded by themselves) at
//     coordinates l, l+4, l+8, …; the block is (lane0+lane2)+(lane1+lane3).
//     Ranges begin and end at multiples of a block.
//   - An inner product (Products) is a sum over half blocks of 512 coordinates,
//     in order, in binary64. Within one 8 lanes start at +0; lane l adds the
//     products of the values, which are exact in binary64, at coordinates l,
//     l+8, l+16, …; with m(l) = lane(l) + lane(l+4) it is (m0+m2)+(m1+m3).
//   - Values of one coordinate are ordered as numbers, -0 before +0, and summed
//     in ascending order in binary64.
//   - Sums over updates are binary64 in the order of the cohort, which is
//     ascending node id.
//   - A result is rounded to binary32 once.
//   - Of equal scores the update with the smaller sum of squared distances to
//     all others wins, then the one of the lower place.
package robust
