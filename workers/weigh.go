package workers

import (
	"cmp"
	"math/bits"
	"slices"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training/fedavg"
	"codeberg.org/althing/althing/training/rounds"
)

// Weigh says what each update of a round counts for: its examples, with the
// share of no member above maxShare thousandths of the sum, and with equal
// weight for all members where so few take part that even that is less than
// the cap. What a member's cap leaves is divided among that member's nodes in
// proportion, the remainder one each from the lowest node id; a node may be
// left with 0 and then counts for nothing. Splitting text over more nodes never
// makes a member heavier.
func Weigh(updates []rounds.Update, maxShare int64) (map[governance.NodeID]int64, error) {
	byOwner := map[governance.MemberID]int64{}
	var owners []governance.MemberID
	for _, u := range updates {
		if _, ok := byOwner[u.Owner]; !ok {
			owners = append(owners, u.Owner)
		}
		byOwner[u.Owner] += u.Examples
	}
	slices.Sort(owners)
	totals := make([]int64, len(owners))
	for i, o := range owners {
		totals[i] = byOwner[o]
	}
	num, den := maxShare, int64(1000)
	if n := int64(len(owners)); n*num < den {
		num, den = 1, n
	}
	capped, err := fedavg.CapWeights(totals, num, den)
	if err != nil {
		return nil, err
	}
	weights := map[governance.NodeID]int64{}
	for i, o := range owners {
		var mine []rounds.Update
		for _, u := range updates {
			if u.Owner == o {
				mine = append(mine, u)
			}
		}
		slices.SortFunc(mine, func(a, b rounds.Update) int { return cmp.Compare(a.Node, b.Node) })
		left := capped[i]
		for _, u := range mine {
			w := share(u.Examples, capped[i], totals[i])
			weights[u.Node] = w
			left -= w
		}
		for _, u := range mine {
			if left > 0 && weights[u.Node] < u.Examples {
				weights[u.Node]++
				left--
			}
		}
	}
	return weights, nil
}

// share returns examples·capped/total, rounded down, without overflow.
func share(examples, capped, total int64) int64 {
	high, low := bits.Mul64(uint64(examples), uint64(capped))
	q, _ := bits.Div64(high, low, uint64(total)) // examples ≤ total, so the quotient is at most capped
	return int64(q)
}
