// Package policies keeps the numbers and words that the community votes on:
// periods, rules, seats, thresholds, the community's own name. None of them is
// a constant anywhere else. A value in force stays readable with the decision
// that set it.
//
// The community begins with a founding: whoever holds the one-time founding
// secret, printed by the first start of the server, sets the first values.
// From then on values change by adopted proposals only.
package policies
