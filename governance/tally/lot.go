package tally

import (
	"bytes"
	"crypto/sha256"
	"slices"
)

// LotOrder draws the order in which ties fall. It sorts the candidates by
// SHA-256(manifest ‖ beacon ‖ candidate id) and returns their positions in
// the given list. The first in the order is excluded first, and has its
// surplus transferred first.
//
// Nobody can steer it: the manifest digest (candidates, rule and version, roll
// digest) is published before ballots open, and the beacon is a public value
// that is named in advance and dated after the close. Ids must be distinct;
// equal ids keep the order of the list.
func LotOrder(manifest [32]byte, beacon []byte, candidates []string) []int {
	sums := make([][sha256.Size]byte, len(candidates))
	order := make([]int, len(candidates))
	for i, id := range candidates {
		input := slices.Concat(manifest[:], beacon, []byte(id))
		sums[i], order[i] = sha256.Sum256(input), i
	}
	slices.SortStableFunc(order, func(a, b int) int { return bytes.Compare(sums[a][:], sums[b][:]) })
	return order
}
