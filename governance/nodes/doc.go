// Package nodes keeps the machines that train: whose they are, by which key
// they sign, what they said of themselves, how their reports were judged.
//
// A member registers a node and is shown a join token once. The machine
// redeems it within the hour, bringing a public key whose private half it
// made itself; from then on every request it sends is signed. The platform
// keeps no secret of a node: of the token only the public half of the key that
// its secret seeds.
//
// Revoking is one act and holds from the next request on. Nonces and
// heartbeats are housekeeping: they say nothing that anybody could dispute.
package nodes
