package checks

import (
	"crypto/sha256"
	"encoding/binary"
	"math"

	"codeberg.org/althing/althing/training/fedavg"
)

// Tolerance is how far an update that was not computed by the builtin engine
// may be from its replay: ‖a − b‖ / max(‖a‖, ‖b‖), as docs/trainer-contract.md
// states it.
const Tolerance = 0.001

// Spot reports whether an update of a node is drawn to be computed again by
// another one. Trust is earned as in BOINC (Anderson 2020, adaptive
// replication): a node with fewer confirmed updates in a row than trusted is
// always drawn, afterwards with chance 1/confirmed, and never with less than
// least thousandths. The draw is the hash of the round's seed and the node, so that
// nobody chooses it and anyone repeats it; since the seed can be known before
// the node reports, the digest of its update, which it has committed to, is in
// the hash too.
func Spot(seed, digest [32]byte, node, confirmed, trusted, least int64) bool {
	if confirmed < max(1, trusted) {
		return true
	}
	b := append([]byte("althing spot check v1\n"), seed[:]...)
	b = append(b, digest[:]...)
	h := sha256.Sum256(binary.BigEndian.AppendUint64(b, uint64(node)))
	lot := binary.BigEndian.Uint64(h[:8])
	if least > 0 && lot < math.MaxUint64/1000*uint64(min(least, 1000)) {
		return true
	}
	return lot < math.MaxUint64/uint64(confirmed)
}

// Compare says how far an update is from its replay, relative to the longer of
// the two, and whether that is near enough: no bit apart where the builtin
// engine computed both, within Tolerance where something else computed one.
func Compare(update, replay []float32, exact bool) (distance float64, same bool) {
	if len(update) != len(replay) {
		return math.Inf(1), false
	}
	equal, sum := true, 0.0
	for i, u := range update {
		equal = equal && math.Float32bits(u) == math.Float32bits(replay[i])
		d := float64(u) - float64(replay[i])
		sum += float64(d * d)
	}
	if equal {
		return 0, true
	}
	longer := max(fedavg.Norm(update), fedavg.Norm(replay))
	distance = math.Sqrt(sum) / longer
	return distance, !exact && distance <= Tolerance
}
