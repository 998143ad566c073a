// Package nodeapi is what nodes talk to: JSON over HTTP below /node/v1. A node
// pulls; the platform never opens a connection to it and never sends code.
//
//	POST hello, join             unsigned: a token's signature joins
//	POST manifest, seen          what the node holds, what it is
//	GET  work?wait=50&size=N     long poll for an assignment, or 204
//	POST lease                   the node is still at it
//	GET  blobs/DIGEST            the base of an assignment, by ranges; in a spot check also
//	                             what another node handed over
//	PUT  blobs/DIGEST            the update of an assignment, by parts; in a spot check what the
//	                             node trained on
//	POST report                  what came of it
//
// Every request but the first two is signed (protocol.Request). The order of
// checks is: signature by the node's key, time, and only then the nonce, so
// that nobody else can fill the table of nonces. A body is believed at its end,
// when its digest has been compared.
//
// Every refusal is a protocol.Problem. Kinds: invalid, unauthenticated,
// forbidden, not-found, conflict, too-many, unavailable, full, clock, version,
// internal.
package nodeapi
