// Package tally counts ballots and says how it counted. It is pure: ballots,
// a rule and a lot order go in; a result with every stage of its explanation
// comes out. Nothing here reads a clock, a random source or a database, and
// nothing here is a float: two honest computers must print the same digits.
//
// Methods:
//
//   - [Scottish]: single transferable vote after the Scottish Local Government
//     Elections Order 2007 (SSI 2007/42), schedule 1, rules 45 to 52, with
//     votes in hundred-thousandths. The default for offices with several seats.
//   - [Meek]: Meek's method in the reference wording of the Proportional
//     Representation Foundation, nine decimals. The second count.
//   - [Sensitive]: both counts side by side. "STV" is a family, and members
//     are told when the choice inside the family decides a seat.
//   - [Schulze]: winning votes with Debian's second key, for one office;
//     [WithDefault] adds Debian's default option, quorum and majority tests.
//   - [Approval] for shortlists and [SupportPercent] for confirmations.
//   - [Rule]: the catalogue of decision rules over yes, no and abstain.
//
// Candidates are numbered from 0 in Go and from 1 in BLT files and sentences
// for people use names. Every tie that a method leaves open falls to a lot
// order that nobody can steer: see [LotOrder].
package tally
