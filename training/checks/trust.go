package checks

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
)

// Spot reports whether an update of a node is drawn to be computed again by
// another one. Trust is earned as in BOINC (Anderson 2020, adaptive
// replication): a node with fewer confirmed updates in a row than trusted is
// always drawn, afterwards with chance 1/confirmed, and never with less than
// least thousandths. The draw is the hash of the round's seed, its result and the
// node, so that nobody chooses it and anyone repeats it. Without the result, the
// digest of the checkpoint, a trusted node would know before it reports that it
// is spared, or change its update until it is; the result nobody knows before
// all updates are in.
func Spot(seed, result [32]byte, node, confirmed, trusted, least int64) bool {
	if confirmed < max(1, trusted) {
		return true
	}
	b := append([]byte("althing spot check v2\n"), seed[:]...)
	b = append(b, result[:]...)
	h := sha256.Sum256(binary.BigEndian.AppendUint64(b, uint64(node)))
	lot := binary.BigEndian.Uint64(h[:8])
	if least > 0 && lot < math.MaxUint64/1000*uint64(min(least, 1000)) {
		return true
	}
	return lot < math.MaxUint64/uint64(confirmed)
}
