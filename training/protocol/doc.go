// Package protocol is what a node and the platform say to each other: wire
// types, signatures and versions. Both sides import it; it opens no socket
// and no table.
//
// A node speaks first, signs every request with its own Ed25519 key, and does
// nothing that a decision of the community does not cover: each Assignment
// carries the decision's log entry with its inclusion proof (Mandate). All
// JSON is plain; binary artefacts travel by digest.
package protocol

// Version is the version of the protocol. A platform answers a node of
// another version with 426 and the versions that it speaks.
const Version = 1
