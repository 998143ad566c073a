// Package translog is the arithmetic of the transparency log: how an entry
// becomes bytes, how bytes become a Merkle tree (RFC 6962, by
// golang.org/x/mod/sumdb/tlog), how a checkpoint is written and signed (C2SP
// tlog-checkpoint, signed-note), where tiles are found (C2SP tlog-tiles), and
// how all of that is checked.
//
// It computes and never keeps: the server, the node and the verifier use the
// same code on what they hold. Nothing here trusts its input.
package translog
