// Package rounds keeps campaigns and their rounds: N rounds of federated
// averaging under one mandate, the decision of the community that each node
// checks for itself.
//
//	planned ─▶ selecting ─▶ collecting ─▶ aggregating ─▶ evaluating ─▶ accepted
//	   └────────────┴──────────────┴─▶ abandoned              └─────▶ rejected
//
// A transition is one act: an update guarded by the state and the epoch that
// the actor saw, which raises the epoch. Whoever woke up late, a server or a
// node, holds an old epoch and gets a Conflict; nothing is counted twice
// because an update is one row per round and node, and a row is counted by one
// aggregate, whose act is the same guarded transition.
//
// No job waits for a node. The job that opens a round ends when the assignments
// exist; the deadline is one scheduled job; the last report inserts the next.
//
// Everything that chance decides comes from the hash of the decision's entry
// in the log (seeds.go), so that nobody chose it and a replay repeats it. A
// replay is a campaign of its own: it trains the accepted rounds of another
// one again, with the recorded cohorts and seeds, without one member's nodes.
//
// In campaigns on public data a spot check trains drawn updates again on nodes of
// other members, beside the rounds and after the aggregate (spot.go).
//
// The store keeps digests, counts and figures. It touches no file and computes
// nothing with weights: workers do that before the act.
package rounds
