package rounds

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training"
)

// CohortSeed is what a round's chance comes from: SHA-256 over a label, the
// leaf hash of the decision's entry, the campaign, the number of the round and
// the attempt, the last three as eight bytes, big-endian. The decision was
// sealed in the log before the campaign had an id, so nobody could choose it.
func CohortSeed(decision [32]byte, campaign training.CampaignID, number, attempt int) [32]byte {
	b := append([]byte("althing cohort v1\n"), decision[:]...)
	for _, n := range []uint64{uint64(campaign), uint64(number), uint64(attempt)} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return sha256.Sum256(b)
}

// TrainingSeed is the seed from which one node draws its batches in a round.
func TrainingSeed(seed [32]byte, node governance.NodeID) uint64 {
	h := lot(seed, "althing training v1\n", node)
	return binary.BigEndian.Uint64(h[:8])
}

// Draw chooses k nodes: those with the lowest SHA-256 over the seed and their
// id. Each node's chance is the same, and adding a node changes no other's
// lot. The result is in ascending order.
func Draw(seed [32]byte, nodes []governance.NodeID, k int) []governance.NodeID {
	lots := make(map[governance.NodeID][32]byte, len(nodes))
	for _, n := range nodes {
		lots[n] = lot(seed, "althing lot v1\n", n)
	}
	drawn := slices.Clone(nodes)
	slices.SortFunc(drawn, func(a, b governance.NodeID) int {
		x, y := lots[a], lots[b]
		return bytes.Compare(x[:], y[:])
	})
	drawn = drawn[:min(k, len(drawn))]
	slices.Sort(drawn)
	return drawn
}

func lot(seed [32]byte, label string, node governance.NodeID) [32]byte {
	b := append([]byte(label), seed[:]...)
	return sha256.Sum256(binary.BigEndian.AppendUint64(b, uint64(node)))
}
