// Package dp is differential privacy whose unit is the member: DP-FedAvg
// (McMahan, Ramage, Talwar, Zhang 2018), its noise, its clip norm that adapts,
// and the account of what each member has spent.
//
// # What is promised
//
// A mechanism is (ε, δ)-private when for any two communities that differ in
// one member, and any set of outcomes, the chances differ by at most a factor
// e^ε, but for a chance of δ. Here the outcome is every checkpoint of a
// campaign, seen by anyone. Against the platform itself nothing is promised:
// it sees updates before the noise, and its operators can.
//
// A small community gets little: with 20 members and a noise multiplier z of
// 1, the noise on the mean is 1/20 of the clip norm in every parameter; one
// round costs ε = 4.753 at δ = 10⁻⁵ and ten cost 19.802, which is next to no
// promise. With a multiplier of 5 ten rounds cost 2.815. Pages say so beside the
// number.
//
// # A round
//
// Every member's update (one per member, his nodes added first) is clipped to
// an L2 norm of C; the sum gets Gaussian noise of standard deviation z·C per
// parameter; the mean divides by a count fixed before the round. Weights by
// examples are not used: they would multiply what one member can do.
//
// # Why noise on a grid
//
// A float64 Gaussian is not a Gaussian: its low bits depend on how it was
// made, some sums are reachable from one neighbour only, and an observer who
// reads the low bits of a result can tell (Mironov 2012). So the update is cut
// to whole steps of a grid, towards zero, which never lengthens it; its norm
// is checked in whole numbers; and the noise is the discrete Gaussian, drawn
// exactly by comparing random bits with fractions of whole numbers (Canonne,
// Kamath, Steinke 2020, Algorithms 1 to 3). For whole vectors with an L2
// sensitivity of Δ it has ε(α) = α·Δ²/(2σ²), the same as the continuous one
// (their Theorem 14). Only the public result is turned into floats.
//
// # What is spent
//
// Rényi differential privacy at orders α = 2 … 256 (Mironov 2017; Mironov,
// Talwar, Zhang 2019) adds up over rounds, and is turned into ε for the δ of
// the recipe at the end. Each member pays only for rounds in which his update
// was in the sum.
//
// The famous small numbers come from sampling: when the server picks each
// member with a secret chance q < 1, a round costs about q² as much. Volunteers
// choose when to appear, and the cohort stands in a public log, so there is no
// secret chance, and the account uses q = 1 (WhenTheyLike). Other rates are
// here for the tests and for a community that can promise them.
//
// Noise from a seed in the log could be subtracted by anyone. The seed is read
// from the operating system, used once and forgotten, so an auditor can
// recompute a private round up to the sum before the noise and no further.
package dp
