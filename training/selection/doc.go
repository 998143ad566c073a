// Package selection chooses the nodes of a round from those that are there. It
// is a function of facts and of a public seed: whoever holds the list of
// candidates and the round's entry in the log computes the same cohort, and
// each candidate learns in a few words why it was or was not chosen.
//
// # In which order
//
//  1. Need: memory, measured speed, line and power. Who falls short is out.
//  2. Floors: "at least 3 nodes with German text" is held before anything
//     else, whenever any choice within seats and caps could hold it.
//  3. Method: the seats that are left are filled by lot, by nearness, by loss
//     or by Oort.
//
// No member has more nodes than PerMember in a round, and never all of them:
// an aggregate of one member's updates would show him. More nodes are asked
// than are wanted, 1.3 times as many for a start, because some will not finish
// (Bonawitz et al. 2019, Section 4.3).
//
// # What a node gains by lying
//
// Lots: nothing. The seed is fixed before anyone knows it, and a node's number
// is given by the platform. Many nodes of one member draw many lots, which is
// what PerMember and one vote per member are for.
//
// Nearness: the round trip is measured by the server. A node can seem farther,
// and nearer only by standing nearer.
//
// Memory and power are claims. A node that claims more fails its own rounds.
// Speed is measured over rounds that were accepted.
//
// Strata are claims, and the weakest: "we have Icelandic text" fills a floor. A
// liar gains a seat, not weight, and what it sent is checked as everyone's;
// the page shows who counted towards what, so others can object.
//
// Losses are claims that pay: Oort and Losses prefer who says "I am badly
// served". So losses and utilities count at most up to the 95th percentile and
// twice the median: the wildest claim gets what a claim of twice the median
// gets, a place among the first, in at most PerMember seats. And a share of the
// seats (Explore, at least one) always goes to whoever has waited longest: with
// e such seats and N candidates, each one that stays is chosen within ⌈N/e⌉
// rounds, whatever others claim.
//
// # Sources
//
// McMahan et al. 2017 (uniform) · Nishio and Yonetani 2019 (resources) · Lai
// et al. 2021 (Oort) · Cho, Wang, Joshi 2020 (power of choice) · Bonawitz et al.
// 2019 (over-selection, pace steering) · Efraimidis and Spirakis 2006 (weighted
// sampling).
package selection
